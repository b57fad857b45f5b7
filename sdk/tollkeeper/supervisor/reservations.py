"""Ports held for the children for as long as the supervisor lives.

A reservation is a bound socket that does not listen: with SO_REUSEPORT the children bind the same
port, keep it over restarts, and nobody else gets it in between.
"""

import errno
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tollkeeper.errors import UseError


@dataclass(frozen=True, slots=True)
class Wish:
    """A port to hold: its name, where, and the flag that would change it; 0 is any free one."""

    name: str
    host: str
    port: int
    flag: str


class Reservations:
    """The held ports, by name."""

    def __init__(self, wishes: Iterable[Wish]) -> None:
        """Hold all of them; raises UseError about the first that is taken, holding none."""
        self._held: dict[str, socket.socket] = {}
        self._ports: dict[str, int] = {}
        try:
            for wish in wishes:
                self._held[wish.name] = held = _hold(wish)
                self._ports[wish.name] = held.getsockname()[1]
        except BaseException:
            self.close()
            raise

    @property
    def ports(self) -> Mapping[str, int]:
        return dict(self._ports)

    def release(self, name: str) -> None:
        """Let go of a port that its child cannot share."""
        held = self._held.pop(name, None)
        if held is not None:
            held.close()

    def close(self) -> None:
        """Let go of all of them."""
        for name in list(self._held):
            self.release(name)


def _hold(wish: Wish) -> socket.socket:
    family = socket.AF_INET6 if ":" in wish.host else socket.AF_INET
    held = socket.socket(family, socket.SOCK_STREAM)
    try:
        if wish.port:
            _check_free(family, wish)
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        held.bind((wish.host, wish.port))
    except OSError as failure:
        held.close()
        raise UseError(_reason(wish, failure)) from None
    return held


def _check_free(family: int, wish: Wish) -> None:
    """Fail when anybody listens: SO_REUSEPORT alone would share the port with another house."""
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((wish.host, wish.port))


def _reason(wish: Wish, failure: OSError) -> str:
    if failure.errno == errno.EADDRINUSE:
        return f"port {wish.port} is taken; choose another with {wish.flag} (0 picks a free one)"
    return f"{wish.flag} {wish.port} on '{wish.host}': {failure.strerror or failure}"
