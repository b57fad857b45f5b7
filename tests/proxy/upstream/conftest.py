"""Equipment for the provider's leg: a loop to run on, a provider that does as it is told.

asyncio's own loop: closing a uvloop in the middle of a test run was seen to hang. Production's
uvloop is what every test that starts the proxy as a process runs on.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest
from tests.equipment.scripted_provider import ScriptedProvider

Run = Callable[[Coroutine[Any, Any, Any]], Any]


@pytest.fixture
def run() -> Iterator[Run]:
    """Return what runs a coroutine to its end."""
    with asyncio.Runner() as runner:
        yield runner.run


@pytest.fixture
def provider() -> Iterator[ScriptedProvider]:
    with ScriptedProvider() as scripted:
        yield scripted
