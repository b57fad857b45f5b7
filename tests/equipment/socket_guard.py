"""Nothing in a test may leave this machine: every other connect is refused and remembered.

An audit hook sees connects of the whole process, whichever library makes them. It cannot be taken
out again, so it is put in once and looks at its own switch.
"""

import ipaddress
import socket
import sys
from dataclasses import dataclass, field
from typing import Any, Final

WATCHED: Final = frozenset({"socket.connect", "socket.sendto", "socket.getaddrinfo"})
LOCAL_NAMES: Final = frozenset({"", "localhost", "localhost."})


class LeftTheMachine(OSError):
    """A test tried to reach an address that is not on loopback."""


@dataclass(slots=True)
class SocketGuard:
    """Refuses what is not loopback and keeps a list of what was tried."""

    attempts: list[str] = field(default_factory=list)
    is_on: bool = True

    def install(self) -> None:
        sys.addaudithook(self)

    def take_attempts(self) -> list[str]:
        """Return what was tried since the last call."""
        taken, self.attempts = self.attempts, []
        return taken

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event not in WATCHED or not self.is_on:
            return
        host = host_of(event, arguments)
        if host is None or is_local(host):
            return
        self.attempts.append(f"{event} {host}")
        raise LeftTheMachine(f"tests stay on loopback; this went to {host}")


def host_of(event: str, arguments: tuple[Any, ...]) -> str | None:
    """Return the host an event is about, None when it names none, as UNIX sockets do."""
    if event == "socket.getaddrinfo":
        return None if arguments[0] is None else _text(arguments[0])
    connection, address = arguments[0], arguments[1]
    if connection.family not in (socket.AF_INET, socket.AF_INET6) or not isinstance(address, tuple):
        return None
    return _text(address[0])


def is_local(host: str) -> bool:
    if host in LOCAL_NAMES:
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def _text(host: str | bytes) -> str:
    return host.decode("idna") if isinstance(host, bytes) else str(host)
