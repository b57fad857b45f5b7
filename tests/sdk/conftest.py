"""Fixtures of the SDK's tests: spans in memory, and a loopback server that remembers."""

from collections.abc import Iterator

import pytest
from tests.sdk.remembering import Remembering

from tollkeeper.testing import spans

__all__ = ["server", "spans"]


@pytest.fixture
def server() -> Iterator[Remembering]:
    with Remembering() as running:
        yield running
