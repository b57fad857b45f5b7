"""The key store as the proxy asks it, on a real SQLite file."""

from pathlib import Path

import pytest

from tollkeeper.control import KeyStore
from tollkeeper.errors import ControlUnreachable
from tollkeeper.keys import digest
from tollkeeper_proxy.control_keys import ControlKeys


def url_in(folder: Path) -> str:
    return f"sqlite:///{folder / 'control.db'}"


async def test_opening_makes_the_store_where_there_is_none(tmp_path: Path) -> None:
    keys = ControlKeys(url_in(tmp_path))
    await keys.open()
    assert keys.find(digest("tk-nobody")) is None
    await keys.close()


async def test_a_key_is_found_by_its_digest_until_it_is_revoked(tmp_path: Path) -> None:
    keys = ControlKeys(url_in(tmp_path))
    await keys.open()
    store = KeyStore(url_in(tmp_path))
    key, record = store.create("search", tenant_id="t9", budget_nanousd=5)
    found = keys.find(digest(key))
    assert found is not None
    assert (found.key_id, found.key_name, found.tenant_id) == (record.key_id, "search", "t9")
    assert found.budget_nanousd == 5
    assert keys.find(key) is None
    store.revoke("search")
    assert keys.find(digest(key)) is None
    store.close()
    await keys.close()


async def test_opening_again_keeps_what_is_there(tmp_path: Path) -> None:
    first = ControlKeys(url_in(tmp_path))
    await first.open()
    store = KeyStore(url_in(tmp_path))
    key, _ = store.create("search")
    store.close()
    await first.close()
    second = ControlKeys(url_in(tmp_path))
    await second.open()
    assert second.find(digest(key)) is not None
    await second.close()


async def test_a_store_that_cannot_be_reached_says_so(tmp_path: Path) -> None:
    (tmp_path / "control.db").mkdir()
    keys = ControlKeys(url_in(tmp_path))
    with pytest.raises(ControlUnreachable):
        await keys.open()
    with pytest.raises(ControlUnreachable):
        keys.find(digest("tk-anybody"))
    await keys.close()
