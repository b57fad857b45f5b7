"""A loopback TCP server for fakes: one thread per connection, plain sockets, exact control.

Plain blocking sockets because a fake must be able to send half a line, reset, or say nothing.
"""

import contextlib
import socket
import struct
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

# SO_LINGER on, zero seconds: close() then sends RST instead of FIN.
RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)
BACKLOG: Final = 512

Serve = Callable[[socket.socket], None]


class Listener:
    """Accepts on a free loopback port and gives every connection its own thread."""

    def __init__(self, serve: Serve, *, backlog: int = BACKLOG) -> None:
        self._serve = serve
        self._closing = threading.Event()
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=backlog)
        self.port: int = self._socket.getsockname()[1]
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self._acceptor.start()
        self.connections = 0

    @property
    def open_connections(self) -> int:
        with self._lock:
            return len(self._open)

    def close(self) -> None:
        """Stop accepting and drop every open connection."""
        self._closing.set()
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self.drop_connections()
        self._acceptor.join(timeout=5)

    def drop_connections(self) -> None:
        with self._lock:
            remaining = list(self._open)
        for connection in remaining:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while not self._closing.is_set():
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self._open.add(connection)
                self.connections += 1
            threading.Thread(target=self._run, args=(connection,), daemon=True).start()

    def _run(self, connection: socket.socket) -> None:
        try:
            self._serve(connection)
        except OSError:
            # The peer left in the middle: for a fake that is news already noted, not an error.
            return
        finally:
            with self._lock:
                self._open.discard(connection)
            connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def reset(connection: socket.socket) -> None:
    """Close with RST, as a crashed peer or a firewall does."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
    connection.close()
