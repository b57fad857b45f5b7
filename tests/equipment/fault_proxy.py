"""A TCP relay that spoils what passes, per direction: late, in slivers, cut, corrupt, or never.

It knows bytes and connections only. Faults may be changed while it runs; new connections take
them up at once, open ones with the next bytes.
"""

import random
import socket
import threading
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Literal, Self

from tests.equipment.listener import RESET_ON_CLOSE, Listener

Cut = Literal["fin", "rst", "hang"]
READ_SIZE: Final = 65_536


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to the bytes of one direction; sizes in bytes, times in seconds."""

    latency_s: float = 0.0
    slice_bytes: int = 0  # deliver in pieces of this size
    slice_pause_s: float = 0.0
    limit_bytes: int | None = None  # after so many bytes the connection ends as cut_by says
    cut_by: Cut = "fin"
    black_hole: bool = False  # take everything, deliver nothing
    close_delay_s: float = 0.0  # pass the end of the stream on so much later
    corrupt_at: int | None = None  # flip every bit of the byte at this offset


NONE: Final = Fault()


class FaultProxy:
    """Relays a free loopback port to another port."""

    def __init__(self, target_port: int, *, up: Fault = NONE, down: Fault = NONE) -> None:
        self.target_port = target_port
        self.up = up
        self.down = down
        self._listener = Listener(self._serve)

    @property
    def port(self) -> int:
        return self._listener.port

    @property
    def connections(self) -> int:
        return self._listener.connections

    def drop_connections(self) -> None:
        self._listener.drop_connections()

    def close(self) -> None:
        self._listener.close()

    def _serve(self, client: socket.socket) -> None:
        with socket.create_connection(("127.0.0.1", self.target_port)) as server:
            server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            up = threading.Thread(target=self._relay, args=("up", client, server), daemon=True)
            up.start()
            self._relay("down", server, client)
            up.join()

    def _relay(
        self, way: Literal["up", "down"], source: socket.socket, sink: socket.socket
    ) -> None:
        passed = 0
        try:
            while data := source.recv(READ_SIZE):
                fault = self.up if way == "up" else self.down
                if fault.black_hole:
                    continue
                time.sleep(fault.latency_s)
                room = len(data) if fault.limit_bytes is None else fault.limit_bytes - passed
                _deliver(_corrupted(data[:room], passed, fault), sink, fault)
                passed += min(room, len(data))
                if fault.limit_bytes is not None and passed >= fault.limit_bytes:
                    _cut(source, sink, fault)
                    return
            fault = self.up if way == "up" else self.down
            time.sleep(fault.close_delay_s)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            # One side is gone; so is the other then.
            for each in (source, sink):
                _shut(each)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def random_faults(seed: int) -> Fault:
    """Return harmless faults drawn from a seed: they slow and cut up, but lose nothing."""
    chooser = random.Random(seed)
    return Fault(
        latency_s=chooser.choice((0.0, 0.0, 0.002)),
        slice_bytes=chooser.choice((0, 1, 7, 100)),
    )


def _deliver(data: bytes, sink: socket.socket, fault: Fault) -> None:
    step = fault.slice_bytes or len(data) or 1
    for start in range(0, len(data), step):
        sink.sendall(data[start : start + step])
        time.sleep(fault.slice_pause_s)


def _corrupted(data: bytes, offset: int, fault: Fault) -> bytes:
    at = -1 if fault.corrupt_at is None else fault.corrupt_at - offset
    if not 0 <= at < len(data):
        return data
    return data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]


def _cut(source: socket.socket, sink: socket.socket, fault: Fault) -> None:
    match fault.cut_by:
        case "rst":
            # The other direction's thread still reads this socket, so a close here would wait for
            # it: mark it for RST, wake that thread, and let the ends close.
            sink.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
            sink.shutdown(socket.SHUT_RD)
            _shut(source)
        case "fin":
            _shut(sink)
            _shut(source)
        case "hang":
            while source.recv(READ_SIZE):
                continue


def _shut(each: socket.socket) -> None:
    """End both ways, unless this end is to be reset: a FIN would come before the RST."""
    try:
        if each.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8) == RESET_ON_CLOSE:
            return
        each.shutdown(socket.SHUT_RDWR)
    except OSError:
        return
