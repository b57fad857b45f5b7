"""Baggage is read as W3C writes it, within bounds, and only for the keys we know."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tollkeeper_proxy.server.baggage import KEYS, members_of


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ("", {}),
        ("user.id=ada", {"user.id": "ada"}),
        ("user.id=ada,session.id=s1", {"user.id": "ada", "session.id": "s1"}),
        (" user.id = ada ;secret=1;p , other=x", {"user.id": "ada"}),
        ("user.id=Ad%C3%A9%2C%20a%3Db", {"user.id": "Adé, a=b"}),
        ("user.id=e%CC%81", {"user.id": "é"}),
        ("user.id=a+b", {"user.id": "a+b"}),
        ("user.id=a=b", {"user.id": "a=b"}),
        ("user.id=%FF", {"user.id": "\ufffd"}),
        ("user.id=one,user.id=two", {"user.id": "two"}),
        ("user.id", {}),
        ("User.Id=ada", {}),
        ("tenant=t,tollkeeper.tenant.id=t", {}),
        ("user.id=" + "a" * 4096, {}),
        ("user.id=ada," + "x" * 8192, {}),
        ("a=b," * 180 + "user.id=late", {}),
        ("a=b," * 179 + "user.id=in.time", {"user.id": "in.time"}),
    ],
)
def test_reads_what_is_written(header: str, found: dict[str, str]) -> None:
    assert members_of(header) == found


@given(st.text())
def test_any_header_gives_known_keys_only(header: str) -> None:
    assert set(members_of(f"user.id={header}")) <= KEYS
