"""Failed attempts cost time, more each time, by address; nobody is locked out for ever."""

from hypothesis import given
from hypothesis import strategies as st

from tollkeeper_dashboard.door.attempts import (
    FORGOTTEN_AFTER_S,
    FREE_ATTEMPTS,
    LONGEST_WAIT_S,
    MAX_ADDRESSES,
    Attempts,
)


class Clock:
    """A clock that stands until it is moved."""

    now = 1_000.0

    def __call__(self) -> float:
        return self.now


def failed(attempts: Attempts, times: int, address: str = "a") -> None:
    for _ in range(times):
        attempts.failed(address)


def test_a_few_mistakes_are_free() -> None:
    attempts = Attempts(Clock())
    failed(attempts, FREE_ATTEMPTS - 1)
    assert attempts.wait_s("a") == 0


def test_each_further_mistake_doubles_the_wait() -> None:
    attempts = Attempts(Clock())
    failed(attempts, FREE_ATTEMPTS - 1)
    waits = []
    for _ in range(12):
        attempts.failed("a")
        waits.append(attempts.wait_s("a"))
    assert waits[:5] == [2, 4, 8, 16, 32]
    assert waits[-1] == LONGEST_WAIT_S


def test_the_wait_passes() -> None:
    clock = Clock()
    attempts = Attempts(clock)
    failed(attempts, FREE_ATTEMPTS)
    clock.now += 2
    assert attempts.wait_s("a") == 0


def test_another_address_is_not_concerned() -> None:
    attempts = Attempts(Clock())
    failed(attempts, 20)
    assert attempts.wait_s("b") == 0


def test_the_right_password_makes_up_for_the_wrong_ones() -> None:
    attempts = Attempts(Clock())
    failed(attempts, FREE_ATTEMPTS)
    attempts.succeeded("a")
    failed(attempts, FREE_ATTEMPTS - 1)
    assert attempts.wait_s("a") == 0


def test_after_a_quiet_hour_it_is_forgotten() -> None:
    clock = Clock()
    attempts = Attempts(clock)
    failed(attempts, 20)
    clock.now += FORGOTTEN_AFTER_S + 1
    attempts.failed("a")
    assert attempts.wait_s("a") == 0


def test_memory_is_bounded_whatever_addresses_come() -> None:
    attempts = Attempts(Clock())
    for number in range(MAX_ADDRESSES + 50):
        attempts.failed(str(number))
    assert len(attempts._records) == MAX_ADDRESSES


@given(times=st.integers(0, 200))
def test_no_wait_is_longer_than_the_longest(times: int) -> None:
    attempts = Attempts(Clock())
    failed(attempts, times)
    assert 0 <= attempts.wait_s("a") <= LONGEST_WAIT_S
