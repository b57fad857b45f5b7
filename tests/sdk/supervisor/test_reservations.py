import socket

import pytest

from tollkeeper.errors import UseError
from tollkeeper.supervisor.reservations import Reservations, Wish


def wish(port: int, name: str = "proxy") -> Wish:
    return Wish(name, "127.0.0.1", port, f"--{name}-port")


def listening(port: int, *, shared: bool) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if shared:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        listener.bind(("127.0.0.1", port))
        listener.listen()
    except OSError:
        listener.close()
        raise
    return listener


def test_port_zero_becomes_a_free_one_that_children_can_bind_again_and_again() -> None:
    reserved = Reservations([wish(0), wish(0, "otlp")])
    assert len({*reserved.ports.values()}) == 2
    for _ in range(2):
        child = listening(reserved.ports["proxy"], shared=True)
        with child, socket.create_connection(child.getsockname()) as client:
            accepted, _ = child.accept()
            assert accepted.getpeername() == client.getsockname()
            accepted.close()
    reserved.close()


def test_a_held_port_is_nobody_elses() -> None:
    reserved = Reservations([wish(0)])
    with pytest.raises(OSError, match="in use"):
        listening(reserved.ports["proxy"], shared=False)
    reserved.close()


@pytest.mark.parametrize("shared", [True, False])
def test_a_taken_port_is_refused_naming_the_flag_even_where_it_could_be_shared(
    shared: bool,
) -> None:
    with listening(0, shared=shared) as other:
        port = other.getsockname()[1]
        with pytest.raises(UseError) as refused:
            Reservations([wish(0, "otlp"), wish(port)])
    assert str(refused.value) == (
        f"port {port} is taken; choose another with --proxy-port (0 picks a free one)"
    )


def test_a_released_port_can_be_bound_by_who_cannot_share() -> None:
    reserved = Reservations([wish(0)])
    port = reserved.ports["proxy"]
    reserved.release("proxy")
    reserved.release("proxy")
    listening(port, shared=False).close()
    assert reserved.ports == {"proxy": port}
    reserved.close()


def test_an_address_that_is_not_ours_is_refused_in_words() -> None:
    with pytest.raises(UseError, match=r"^--proxy-port 1 on '192\.0\.2\.1': "):
        Reservations([Wish("proxy", "192.0.2.1", 1, "--proxy-port")])
