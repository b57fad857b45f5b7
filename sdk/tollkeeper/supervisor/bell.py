"""Signals as something to wait for: rings when asked to stop and when a child has ended."""

import select
import signal
import socket
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Final, Self

STOPPING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

Handler = Callable[[int, FrameType | None], object] | int | None


class Bell:
    """Listens from ``with`` on, in the main thread; ``rung`` counts the wishes to stop."""

    def __init__(self) -> None:
        self.rung = 0
        self._previous: dict[signal.Signals, Handler] = {}
        self._reader, self._writer = socket.socketpair()
        for end in (self._reader, self._writer):
            end.setblocking(False)

    def __enter__(self) -> Self:
        self._wakeup = signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        for number in STOPPING:
            if signal.getsignal(number) is not signal.SIG_IGN:  # nohup means what it says
                self._previous[number] = signal.signal(number, self._ring)
        self._previous[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, self._child_ended)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._wakeup)
        self._reader.close()
        self._writer.close()

    def wait(self, timeout_s: float) -> None:
        """Return when something rang, or after so long."""
        ready, _, _ = select.select([self._reader], [], [], max(timeout_s, 0.0))
        if ready:
            self._reader.recv(4096)

    def _ring(self, _number: int, _frame: FrameType | None) -> None:
        self.rung += 1

    def _child_ended(self, _number: int, _frame: FrameType | None) -> None:
        """Say nothing: the wake-up is the message."""
