"""One running product for all end-to-end tests of a process, with providers behind it.

Starting takes seconds, so tests share it; each uses models, keys and sessions of its own.
"""

import uuid
from collections.abc import Iterator

import pytest
from tests.equipment.canary import CANARY
from tests.equipment.own_key import own_key
from tests.equipment.places import has_shared
from tests.equipment.recordings import chat_interactions
from tests.equipment.replay_provider import ReplayProvider
from tests.equipment.scripted_provider import ScriptedProvider
from tests.equipment.sql import Sql
from tests.equipment.stack import Stack


@pytest.fixture(scope="session")
def scripted() -> Iterator[ScriptedProvider]:
    with ScriptedProvider() as provider:
        yield provider


@pytest.fixture(scope="session")
def replay() -> Iterator[ReplayProvider]:
    with ReplayProvider() as provider:
        yield provider


@pytest.fixture(scope="session")
def stack(
    tmp_path_factory: pytest.TempPathFactory, scripted: ScriptedProvider, replay: ReplayProvider
) -> Iterator[Stack]:
    """Return the whole product, in front of a scripted provider and one lane per recorded one."""
    recorded = {each.provider for each in chat_interactions()} if has_shared() else set()
    settings = {
        "server": {"body_timeout_s": 2.0, "head_timeout_s": 2.0, "max_body_bytes": 1_048_576},
        "providers": {
            "lab": {
                "dialect": "openai",
                "base_url": scripted.base_url,
                "api_key": CANARY,
                "first_byte_timeout_s": 20.0,
                "idle_timeout_s": 2.0,
            },
            "own": {"dialect": "openai", "base_url": replay.lane_url("own"), "api_key": CANARY},
            "nowhere": {"dialect": "openai", "base_url": "http://127.0.0.1:9/v1"},
            **{
                name: {"dialect": "openai", "base_url": replay.lane_url(name), "api_key": CANARY}
                for name in sorted(recorded)
            },
        },
    }
    folder = tmp_path_factory.mktemp("product")
    with Stack(folder, settings) as running:
        yield running


@pytest.fixture
def admin_sql(stack: Stack) -> Iterator[Sql]:
    """Return a client that sees every tenant."""
    key = own_key(stack.data, f"admin-{uuid.uuid4()}", role="admin")
    with Sql(stack.ports["sql"], key) as client:
        yield client


@pytest.fixture
def sql(stack: Stack) -> Iterator[Sql]:
    with Sql(stack.ports["sql"], stack.key) as client:
        yield client
