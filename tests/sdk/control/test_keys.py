from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from tests.equipment import postgres

from tollkeeper.control import KeyStore
from tollkeeper.control.engine import open_engine, parse
from tollkeeper.control.schema import migrate
from tollkeeper.control.tables import KEYS
from tollkeeper.errors import ConfigError, ControlUnreachable, KeyUnclear, UseError
from tollkeeper.keys import Identity, digest, shown

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.at = NOON

    def __call__(self) -> datetime:
        return self.at


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    if not postgres.is_installed():
        pytest.skip(postgres.ABSENT)
    with postgres.running() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Every test of the store runs against both engines."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/control.db"
        return
    address = request.getfixturevalue("server")
    yield address
    engine = open_engine(parse(address))
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP SCHEMA public CASCADE")
        connection.exec_driver_sql("CREATE SCHEMA public")
    engine.dispose()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(url: str, clock: Clock) -> Iterator[KeyStore]:
    migrate(url)
    opened = KeyStore(url, now=clock)
    yield opened
    opened.close()


def test_a_new_key_opens_its_tenant(store: KeyStore) -> None:
    key, record = store.create("ci", tenant_id="search", role="viewer", budget_nanousd=5_000)
    assert store.find(digest(key)) == Identity(
        key_id=record.key_id,
        key_name="ci",
        tenant_id="search",
        role="viewer",
        budget_nanousd=5_000,
        budget_period="month",
    )


def test_the_key_itself_is_stored_nowhere(store: KeyStore, url: str) -> None:
    key, _ = store.create("ci")
    engine = open_engine(parse(url))
    with engine.connect() as connection:
        everything = str(connection.execute(select(KEYS)).all())
    engine.dispose()
    assert digest(key) in everything
    assert key[len(shown(key)) :] not in everything


def test_an_unknown_digest_is_nobody(store: KeyStore) -> None:
    assert store.find(digest("tk-made-up")) is None


def test_a_revoked_key_is_nobody_from_then_on(store: KeyStore, clock: Clock) -> None:
    key, record = store.create("ci")
    revoked = store.revoke("ci")
    assert (revoked.key_id, revoked.revoked_at) == (record.key_id, clock.at)
    assert store.find(digest(key)) is None


def test_a_key_ends_at_its_expiry_and_not_before(store: KeyStore, clock: Clock) -> None:
    key, _ = store.create("ci", expires_at=NOON + timedelta(days=1))
    clock.at = NOON + timedelta(days=1) - timedelta(microseconds=1)
    assert store.find(digest(key)) is not None
    clock.at = NOON + timedelta(days=1)
    assert store.find(digest(key)) is None


def test_lists_keys_as_they_were_made(store: KeyStore, clock: Clock) -> None:
    made = []
    for name in ("first", "second"):
        made.append(store.create(name, expires_at=NOON + timedelta(days=3))[1])
        clock.at += timedelta(seconds=1)
    assert store.list() == made


@pytest.mark.parametrize(
    "naming",
    [
        lambda key, record: record.key_id,
        lambda key, record: record.name,
        lambda key, record: record.shown_prefix,
        lambda key, record: key,
    ],
    ids=["id", "name", "prefix", "whole-key"],
)
def test_a_key_can_be_revoked_by_any_of_its_names(
    store: KeyStore, naming: Callable[[str, Any], str]
) -> None:
    kept, _ = store.create("other")
    key, record = store.create("ci")
    store.revoke(naming(key, record))
    assert store.find(digest(key)) is None
    assert store.find(digest(kept)) is not None


def test_revoking_what_is_not_there_says_so(store: KeyStore) -> None:
    with pytest.raises(KeyUnclear, match="no live key is called 'nobody'"):
        store.revoke("nobody")


def test_revoking_an_ambiguous_name_revokes_none(store: KeyStore) -> None:
    keys = [store.create("ci")[0] for _ in range(2)]
    with pytest.raises(KeyUnclear, match="2 keys"):
        store.revoke("ci")
    assert all(store.find(digest(key)) for key in keys)


def test_a_pasted_key_is_not_repeated_in_the_error(store: KeyStore) -> None:
    with pytest.raises(KeyUnclear) as refused:
        store.revoke("tk-abcdefghijklmnop")
    assert "tk-abcdef…" in str(refused.value)
    assert "ghijkl" not in str(refused.value)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"name": ""}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"tenant_id": "../x"}, "tenant"),
        ({"role": "system"}, "role"),
        ({"budget_period": "week"}, "period"),
        ({"budget_nanousd": -1}, "budget"),
        ({"budget_nanousd": 2**63}, "budget"),
        ({"expires_at": NOON}, "expired"),
    ],
)
def test_refuses_a_key_that_makes_no_sense(
    store: KeyStore, wrong: dict[str, Any], said: str
) -> None:
    with pytest.raises(UseError, match=said):
        store.create(**{"name": "ci", **wrong})
    assert store.list() == []


def test_a_store_that_was_never_made_refuses_and_is_not_created(tmp_path: Path) -> None:
    path = tmp_path / "control.db"
    with pytest.raises(ControlUnreachable, match="control store sqlite"):
        KeyStore(f"sqlite:///{path}").find(digest("tk-x"))
    assert not path.exists()


def test_a_file_that_is_no_database_refuses(tmp_path: Path) -> None:
    path = tmp_path / "control.db"
    path.write_text("these are no tables " * 100)
    with pytest.raises(ControlUnreachable):
        KeyStore(f"sqlite:///{path}").find(digest("tk-x"))


def test_an_unreachable_server_refuses_without_saying_the_password() -> None:
    store = KeyStore("postgresql://owner:hunter2@127.0.0.1:1/tollkeeper")
    with pytest.raises(ControlUnreachable) as refused:
        store.find(digest("tk-x"))
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("url", ["nonsense", "mysql://x/y", "sqlite://", "sqlite:///:memory:"])
def test_refuses_urls_it_cannot_keep_keys_behind(url: str) -> None:
    with pytest.raises(ConfigError, match=r"control\.url"):
        KeyStore(url)
