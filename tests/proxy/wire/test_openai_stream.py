"""A stream passes byte for byte, but for what must be hidden, priced or edited, in any pieces."""

import json
import random
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.equipment import script
from tests.proxy.wire import recorded
from tests.proxy.wire.cuts import cut, one_cut, single_bytes
from tests.proxy.wire.editors import WORD, WordEditor, edited
from tests.proxy.wire.recorded import needs_recordings

from tollkeeper.pricing import Usage
from tollkeeper_proxy.wire.openai_stream import FOLD_BYTES, StreamRelay
from tollkeeper_proxy.wire.sse import MAX_EVENT_BYTES, EventTooLarge

EVENTS = script.stream("Hé", "llo ", "🌍", model="m").events
STREAM = b"".join(EVENTS)
USAGE_EVENT = next(event for event in EVENTS if b'"usage"' in event)
WITHOUT_USAGE = STREAM.replace(USAGE_EVENT, b"")
CUTS = st.lists(st.integers(0, 100_000), max_size=6)
VARIANTS = {
    "as it is": STREAM,
    "with CR LF": STREAM.replace(b"\n", b"\r\n"),
    "with CR": STREAM.replace(b"\n", b"\r"),
    "with comments": STREAM.replace(b"data: {", b": keep-alive\n\ndata: {"),
    "without an end": STREAM.removesuffix(b"data: [DONE]\n\n"),
    "broken off": STREAM[:-40],
    "in one chunk with the last text": STREAM.replace(USAGE_EVENT, b"").replace(
        b'"finish_reason": "stop"}]', b'"finish_reason": "stop"}], "usage": {"prompt_tokens": 1}'
    ),
}


def relayed(relay: StreamRelay, pieces: Iterable[bytes]) -> bytes:
    return b"".join([*(relay.feed(piece) for piece in pieces), relay.finish()])


def content(stream: bytes) -> str:
    return "".join(
        choice["delta"].get("content") or ""
        for each in recorded.documents(stream)
        for choice in each.get("choices", [])
    )


@pytest.mark.parametrize("stream", VARIANTS.values(), ids=VARIANTS)
def test_without_editing_the_bytes_are_the_providers_bytes(stream: bytes) -> None:
    for pieces in [*one_cut(stream), single_bytes(stream)]:
        relay = StreamRelay()
        sent = [relay.feed(piece) for piece in pieces]
        assert sent == pieces
        assert relay.finish() == b""


@pytest.mark.parametrize("stream", VARIANTS.values(), ids=VARIANTS)
def test_what_was_read_along_does_not_depend_on_the_cut(stream: bytes) -> None:
    whole = StreamRelay()
    relayed(whole, [stream])
    for pieces in [*one_cut(stream), single_bytes(stream)]:
        relay = StreamRelay()
        relayed(relay, pieces)
        assert relay.fold.summary() == whole.fold.summary()


def test_reads_along_with_what_it_relays() -> None:
    relay = StreamRelay()
    relayed(relay, [STREAM])
    summary = relay.fold.summary()
    assert summary.output_messages[0]["parts"] == [{"type": "text", "content": "Héllo 🌍"}]
    assert summary.usage == Usage(11, 7)
    assert relay.fold.finished


@pytest.mark.parametrize(
    "ending", [b"", b"\n", b"\r\n", b"\r\r", b"\n\n"], ids=["none", "lf", "crlf", "crcr", "lflf"]
)
def test_the_last_event_counts_with_and_without_its_blank_line(ending: bytes) -> None:
    relay = StreamRelay()
    relayed(relay, [b"".join(EVENTS[:-2]) + USAGE_EVENT.rstrip() + ending])
    assert relay.fold.summary().usage == Usage(11, 7)


@pytest.mark.parametrize("name", ["as it is", "with CR LF", "with CR", "without an end"])
def test_hides_the_usage_chunk_and_nothing_else(name: str) -> None:
    stream = VARIANTS[name]
    end = {"with CR LF": b"\r\n", "with CR": b"\r"}.get(name, b"\n")
    hidden = stream.replace(USAGE_EVENT.replace(b"\n", end), b"")
    assert hidden != stream
    for pieces in [*one_cut(stream), single_bytes(stream)]:
        relay = StreamRelay(hide_usage=True)
        assert relayed(relay, pieces) == hidden
        assert relay.fold.summary().usage == Usage(11, 7)


@pytest.mark.parametrize(
    "stream",
    [
        pytest.param(WITHOUT_USAGE, id="none"),
        pytest.param(VARIANTS["in one chunk with the last text"], id="beside text"),
        pytest.param(b'data: {"choices":[{"delta":{}}],"usage":null}\n\n', id="null"),
        pytest.param(b'data: {"error":{"message":"\\"usage\\":{"}}\n\n', id="in an error's text"),
        pytest.param(b'data: {"choices":[],"usage":{"x"\n\n', id="that cannot be read"),
    ],
)
def test_hiding_leaves_a_stream_without_a_usage_chunk_alone(stream: bytes) -> None:
    for pieces in [*one_cut(stream), single_bytes(stream)]:
        assert relayed(StreamRelay(hide_usage=True), pieces) == stream


def test_hiding_holds_back_no_whole_event() -> None:
    relay = StreamRelay(hide_usage=True)
    for event in EVENTS:
        assert relay.feed(event) == (b"" if event == USAGE_EVENT else event)


def test_tells_the_cost_beside_the_usage_and_changes_no_other_event() -> None:
    for pieces in [*one_cut(STREAM), single_bytes(STREAM)]:
        out = relayed(StreamRelay(cost_of=lambda usage: f"0.{usage.input_tokens}"), pieces)
        told = [each["usage"] for each in recorded.documents(out) if each.get("usage")]
        assert told == [{**script.USAGE, "tollkeeper": {"cost_usd": "0.11"}}]
        assert content(out) == "Héllo 🌍"
        assert out.startswith(b"".join(EVENTS[:4]))


def test_an_unknown_cost_is_not_told() -> None:
    assert relayed(StreamRelay(cost_of=lambda usage: None), [STREAM]) == STREAM


def test_a_hidden_usage_is_not_told_with_its_cost_either() -> None:
    out = relayed(StreamRelay(hide_usage=True, cost_of=lambda usage: "1"), [STREAM])
    assert out == WITHOUT_USAGE


def test_a_usage_too_deep_to_be_written_again_passes_as_it_is() -> None:
    deep = b'{"choices":[],"usage":{"prompt_tokens":1,"x":' + b"[" * 300 + b"]" * 300 + b"}}"
    stream = b"data: " + deep + b"\n\n"
    assert relayed(StreamRelay(cost_of=lambda usage: "1"), [stream]) == stream


@given(st.lists(st.sampled_from([WORD, WORD[:5], WORD[5:], "é", "x"]), max_size=6), CUTS)
def test_an_edited_stream_does_not_depend_on_the_cut(deltas: list[str], places: list[int]) -> None:
    stream = b"".join(script.stream(*deltas).events)
    whole = relayed(StreamRelay(open_editor=WordEditor), [stream])
    assert relayed(StreamRelay(open_editor=WordEditor), cut(stream, places)) == whole
    assert content(whole) == edited("".join(deltas))


def test_the_stored_copy_is_what_the_provider_said_for_the_cleaner_to_clean() -> None:
    stream = b"".join(script.stream(WORD).events)
    relay = StreamRelay(open_editor=WordEditor)
    relayed(relay, [stream])
    assert relay.fold.summary().output_messages[0]["parts"] == [{"type": "text", "content": WORD}]


def test_editing_and_hiding_go_together() -> None:
    stream = b"".join(script.stream(WORD[:3], WORD[3:]).events)
    out = relayed(StreamRelay(hide_usage=True, open_editor=WordEditor), single_bytes(stream))
    assert content(out) == edited(WORD)
    assert not any(each.get("usage") for each in recorded.documents(out))


@pytest.mark.parametrize("place", range(0, len(STREAM), 7))
def test_a_stream_that_breaks_off_is_not_finished(place: int) -> None:
    for option in options():
        relay = StreamRelay(**option)
        out = relayed(relay, [STREAM[:place]])
        says_end = EVENTS[-3].rstrip() in STREAM[:place]
        assert relay.fold.finished == says_end
        assert b"[DONE]" not in out or b"[DONE]" in STREAM[:place]


def test_an_error_inside_a_stream_passes_and_is_noted() -> None:
    error = b'data: {"error":{"message":"overloaded","code":"overloaded_error"}}\n\n'
    stream = EVENTS[0] + EVENTS[1] + error
    for option in options():
        relay = StreamRelay(**option)
        out = relayed(relay, [stream])
        assert recorded.documents(out)[-1] == json.loads(error.removeprefix(b"data: "))
        assert relay.fold.summary().error_type == "overloaded_error"
        assert not relay.fold.finished


def options() -> list[dict[str, Any]]:
    return [{}, {"hide_usage": True}, {"open_editor": WordEditor}]


@pytest.mark.parametrize("option", options(), ids=["plain", "hiding", "editing"])
def test_an_event_without_an_end_is_stopped(option: dict[str, Any]) -> None:
    relay = StreamRelay(**option)
    block = b"data: " + b"a" * (FOLD_BYTES - 6)
    with pytest.raises(EventTooLarge):
        relayed(relay, [block] * (2 * MAX_EVENT_BYTES // FOLD_BYTES))


@pytest.mark.parametrize("option", options(), ids=["plain", "hiding", "editing"])
def test_the_end_can_be_taken_at_any_time_and_never_fails(option: dict[str, Any]) -> None:
    """Whoever settles a stream that was broken off asks for the end: that must not fail too."""
    relay = StreamRelay(**option)
    almost = b"data: " + b"a" * (MAX_EVENT_BYTES - 7)
    relay.feed(almost)
    if not option:
        relay.feed(b"a" * 100)  # not read along yet, and too much when it will be
    assert relay.finish() == (almost if "hide_usage" in option else b"")
    assert not relay.fold.finished


@needs_recordings
def test_every_recorded_stream_passes_unchanged_and_is_read_along() -> None:
    dice = random.Random(7)
    for each in recorded.streams():
        body = each.served_body()
        whole = StreamRelay()
        assert relayed(whole, [body]) == body, each.name
        for _ in range(5):
            pieces = cut(body, [dice.randrange(len(body)) for _ in range(dice.randrange(1, 40))])
            relay = StreamRelay()
            assert relayed(relay, pieces) == body, each.name
            assert relay.fold.summary() == whole.fold.summary(), each.name


@needs_recordings
def test_every_recorded_stream_is_the_same_with_its_usage_hidden_however_it_is_cut() -> None:
    dice = random.Random(7)
    for each in recorded.streams():
        body = each.served_body()
        whole = relayed(StreamRelay(hide_usage=True), [body])
        said = [d for d in recorded.documents(body) if d.get("choices") != [] or not d.get("usage")]
        assert recorded.documents(whole) == said, each.name
        for _ in range(3):
            pieces = cut(body, [dice.randrange(len(body)) for _ in range(dice.randrange(1, 40))])
            assert relayed(StreamRelay(hide_usage=True), pieces) == whole, each.name
