"""Who calls and in which trace, from headers of ours, of the standards and of other gateways."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from tollkeeper_proxy.server.caller import (
    MAX_METADATA,
    MAX_TAGS,
    MAX_VALUE_CHARACTERS,
    caller_of,
    trace_of,
    with_user,
)

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"


def headers(*pairs: tuple[str, str], **named: str) -> CIMultiDict[str]:
    """Return headers as the server has them; underscores in names are dashes."""
    return CIMultiDict([*pairs, *((name.replace("_", "-"), v) for name, v in named.items())])


# The trace


@pytest.mark.parametrize(
    ("value", "sampled"),
    [
        (f"00-{TRACE}-{PARENT}-01", True),
        (f"00-{TRACE}-{PARENT}-00", False),
        (f"00-{TRACE}-{PARENT}-03", True),
        (f"00-{TRACE}-{PARENT}-fe", False),
        (f"  00-{TRACE}-{PARENT}-01\t", True),
        (f"01-{TRACE}-{PARENT}-01", True),
        (f"01-{TRACE}-{PARENT}-01-more", True),
        (f"cc-{TRACE}-{PARENT}-01-", True),
    ],
)
def test_joins_the_callers_trace(value: str, sampled: bool) -> None:
    trace = trace_of(headers(traceparent=value))
    assert (trace.trace_id, trace.parent_span_id, trace.sampled) == (TRACE, PARENT, sampled)
    assert re.fullmatch("[0-9a-f]{16}", trace.span_id)
    assert trace.span_id != PARENT


@pytest.mark.parametrize(
    "value",
    [
        "",
        "00",
        f"00-{TRACE}-{PARENT}",
        f"00-{TRACE}-{PARENT}-1",
        f"00-{TRACE}-{PARENT}-01-more",
        f"00-{TRACE}-{PARENT}-01x",
        f"01-{TRACE}-{PARENT}-01x",
        f"ff-{TRACE}-{PARENT}-01",
        f"00-{'0' * 32}-{PARENT}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{PARENT}-01",
        f"0A-{TRACE}-{PARENT}-01",
        f"00_{TRACE}_{PARENT}_01",
        f"00-{TRACE[:-1]}-{PARENT}-01",
        f"00-{TRACE}g-{PARENT}-01",
        f"00-{TRACE}-{PARENT}-0٣",
        f"00-{TRACE}-{PARENT}-01, 00-{TRACE}-{PARENT}-01",
    ],
)
def test_begins_a_trace_of_its_own_where_the_callers_makes_no_sense(value: str) -> None:
    trace = trace_of(headers(traceparent=value))
    assert re.fullmatch("[0-9a-f]{32}", trace.trace_id)
    assert trace.trace_id != TRACE
    assert trace.parent_span_id == ""
    assert trace.sampled


def test_two_trace_parents_are_none() -> None:
    one = ("traceparent", f"00-{TRACE}-{PARENT}-01")
    assert trace_of(headers(one, one)).trace_id != TRACE


def test_every_span_has_an_id_of_its_own() -> None:
    same = headers(traceparent=f"00-{TRACE}-{PARENT}-01")
    assert len({trace_of(same).span_id for _ in range(1000)}) == 1000
    assert len({trace_of(headers()).trace_id for _ in range(1000)}) == 1000


# The credential


@pytest.mark.parametrize(
    ("named", "credential"),
    [
        ({"authorization": "Bearer tk-1"}, "tk-1"),
        ({"authorization": "bearer  tk-1 "}, "tk-1"),
        ({"x_api_key": "tk-2"}, "tk-2"),
        ({"api_key": "tk-3"}, "tk-3"),
        ({"x_goog_api_key": "tk-4"}, "tk-4"),
        ({"authorization": "Bearer tk-1", "x_api_key": "tk-2"}, "tk-1"),
        ({"authorization": "Basic abc", "x_api_key": "tk-2"}, "tk-2"),
        ({"authorization": "Bearer"}, ""),
        ({"authorization": "tk-1"}, ""),
        ({"cookie": "key=tk-1"}, ""),
        ({}, ""),
    ],
)
def test_takes_the_credential_wherever_an_sdk_puts_it(
    named: dict[str, str], credential: str
) -> None:
    assert caller_of(headers(**named)).credential == credential


# Who, and what for


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("x-tollkeeper-user", "user"),
        ("Helicone-User-Id", "user"),
        ("x-tollkeeper-session", "session"),
        ("Helicone-Session-Id", "session"),
        ("x-litellm-trace-id", "session"),
        ("x-portkey-trace-id", "session"),
    ],
)
def test_knows_the_names_of_other_gateways(name: str, field: str) -> None:
    assert getattr(caller_of(headers((name, "ada"))), field) == "ada"


def test_our_own_name_wins() -> None:
    both = headers(("helicone-user-id", "theirs"), ("x-tollkeeper-user", "ours"))
    assert caller_of(both).user == "ours"


def test_baggage_names_user_and_session_and_a_header_of_their_own_wins() -> None:
    told = headers(baggage="user.id=ada%20l,session.id=s1")
    assert (caller_of(told).user, caller_of(told).session) == ("ada l", "s1")
    both = headers(baggage="user.id=ada,session.id=s1", helicone_user_id="grace")
    assert (caller_of(both).user, caller_of(both).session) == ("grace", "s1")


def test_baggage_may_come_in_several_headers() -> None:
    told = caller_of(headers(("baggage", "user.id=ada"), ("Baggage", "session.id=s1")))
    assert (told.user, told.session) == ("ada", "s1")


def test_baggage_brings_short_printable_values_and_no_tenant() -> None:
    told = caller_of(headers(baggage="user.id=a%00%0Ab" + "c" * 1000 + ",session.id=%20"))
    assert told.user == ("ab" + "c" * 1000)[: MAX_VALUE_CHARACTERS - 2]
    assert told.session == ""


@pytest.mark.parametrize(
    ("before", "said", "after"),
    [
        ("", "ada", "ada"),
        ("grace", "ada", "grace"),
        ("", None, ""),
        ("", 3, ""),
        ("", " a\nda ", "ada"),
        ("", "x" * 1000, "x" * MAX_VALUE_CHARACTERS),
    ],
)
def test_the_bodys_user_counts_where_no_header_names_one(
    before: str, said: object, after: str
) -> None:
    caller = caller_of(headers(x_tollkeeper_user=before, x_tollkeeper_session="s1"))
    told = with_user(caller, said)
    assert (told.user, told.session) == (after, "s1")


@pytest.mark.parametrize("name", ["x-tollkeeper-tags", "x-litellm-tags"])
def test_tags_are_a_list(name: str) -> None:
    assert caller_of(headers((name, " a, b ,,c"))).tags == ("a", "b", "c")


def test_metadata_comes_as_json_or_one_header_each() -> None:
    told = headers(
        ("Helicone-Property-App", "shop"),
        ("x-tollkeeper-metadata", '{"team": "search", "n": 3, "deep": {"a": [1]}, "none": null}'),
    )
    assert caller_of(told).metadata == {
        "app": "shop",
        "team": "search",
        "n": "3",
        "deep": '{"a":[1]}',
        "none": "null",
    }
    assert caller_of(headers(x_portkey_metadata='{"a": "b"}')).metadata == {"a": "b"}


@pytest.mark.parametrize(
    "value", ["", "not json", "[1]", '"text"', "3", '{"a": 1e400}', "{" * 500, '{"a":' * 5_000]
)
def test_metadata_that_makes_no_sense_is_none(value: str) -> None:
    assert caller_of(headers(x_tollkeeper_metadata=value)).metadata == {}


def test_metadata_nested_deeply_does_no_harm() -> None:
    deep = '{"a":' + "[" * 900 + "]" * 900 + ', "b": "kept"}'
    assert caller_of(headers(x_tollkeeper_metadata=deep)).metadata.get("b") in {"kept", None}


@given(st.text(max_size=600), st.text(max_size=600))
def test_any_header_gives_short_printable_values(value: str, other: str) -> None:
    """The server decodes what is no UTF-8 into lone surrogates; no span may carry those."""
    value = value + "\udcff"
    caller = caller_of(
        headers(
            x_tollkeeper_user=value,
            x_tollkeeper_session=other,
            x_tollkeeper_tags=f"{value},{other}" * 40,
            x_tollkeeper_metadata=f'{{"{value}": "{other}"}}',
            helicone_property_x=value,
        )
    )
    assert len(caller.tags) <= MAX_TAGS
    texts = [caller.user, caller.session, *caller.tags, *caller.metadata.values(), *caller.metadata]
    for text in texts:
        assert len(text) <= MAX_VALUE_CHARACTERS
        assert text.isprintable()
        text.encode()


def test_metadata_is_bounded_in_number() -> None:
    told = headers(*((f"helicone-property-p{i}", "x") for i in range(100)))
    assert len(caller_of(told).metadata) == MAX_METADATA


def test_the_wish_about_the_cache_is_read_in_any_case() -> None:
    assert caller_of(headers(x_tollkeeper_cache="No-Store")).cache == "no-store"
