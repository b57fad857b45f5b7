"""The guard lets loopback through and nothing else, and remembers what it refused."""

import socket

import pytest
from tests.equipment.socket_guard import SocketGuard, host_of, is_local


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost", "0.0.0.0", ""])
def test_loopback_is_local(host: str) -> None:
    assert is_local(host)


@pytest.mark.parametrize("host", ["192.0.2.1", "169.254.169.254", "example.invalid", "2001:db8::1"])
def test_everything_else_is_not(host: str) -> None:
    assert not is_local(host)


def test_a_connect_to_elsewhere_fails_and_is_remembered(socket_guard: SocketGuard) -> None:
    with pytest.raises(OSError, match="stay on loopback"):
        socket.create_connection(("192.0.2.1", 80), timeout=0.1)
    with pytest.raises(OSError, match="stay on loopback"):
        socket.getaddrinfo("example.invalid", 80)
    assert len(socket_guard.take_attempts()) == 2


def test_a_unix_socket_has_no_host() -> None:
    with socket.socket(socket.AF_UNIX) as local:
        assert host_of("socket.connect", (local, "/nowhere")) is None
