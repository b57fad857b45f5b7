"""What every test stands on: no way off the machine, and the product's log beside a failure."""

from collections.abc import Generator, Iterator

import pytest
from tests.equipment.socket_guard import SocketGuard
from tests.equipment.stack import Stack

GUARD = pytest.StashKey[SocketGuard]()


def pytest_configure(config: pytest.Config) -> None:
    guard = SocketGuard()
    guard.install()
    config.stash[GUARD] = guard


@pytest.fixture
def socket_guard(request: pytest.FixtureRequest) -> SocketGuard:
    """Return the guard, for a test that means to be refused and takes the attempts away."""
    return request.config.stash[GUARD]


@pytest.fixture(autouse=True)
def stay_on_loopback(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test that tried to leave the machine, also when the code under test hid the error."""
    guard = request.config.stash[GUARD]
    yield
    attempts = guard.take_attempts()
    assert not attempts, f"tried to leave the machine: {attempts}"


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, None]:
    """Put the log of every running product beside the failure of a test that used it."""
    outcome = yield
    report = outcome.get_result()  # type: ignore[attr-defined]  # pluggy's result, untyped here
    if not report.failed or not isinstance(item, pytest.Function):
        return
    for name, value in item.funcargs.items():
        if isinstance(value, Stack):
            report.sections.append((f"log of {name}", value.log()))
