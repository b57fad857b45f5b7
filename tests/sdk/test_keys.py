import hashlib

from hypothesis import given
from hypothesis import strategies as st

from tollkeeper.keys import digest, is_virtual, mint, shown


def test_a_key_is_recognised_unguessable_and_fits_a_header() -> None:
    keys = {mint() for _ in range(100)}
    assert len(keys) == 100
    assert all(is_virtual(key) and len(key) == 46 and key.isascii() for key in keys)


def test_what_is_shown_is_too_little_to_use() -> None:
    key = mint()
    assert key.startswith(shown(key))
    assert len(shown(key)) == 9


def test_a_providers_own_key_is_not_ours() -> None:
    assert not is_virtual("sk-abc")
    assert not is_virtual("")


def test_the_digest_is_plain_sha256() -> None:
    assert digest("tk-x") == hashlib.sha256(b"tk-x").hexdigest()


@given(st.text())
def test_anything_a_caller_sends_has_a_digest(presented: str) -> None:
    assert len(digest(presented)) == 64
