"""Events are the same however their bytes are cut, and their bytes are never changed."""

import re
import time
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.proxy.wire.cuts import cut, single_bytes

from tollkeeper_proxy.wire.sse import MAX_EVENT_BYTES, Event, EventSplitter, EventTooLarge

LINE_END = st.sampled_from([b"\n", b"\r", b"\r\n"])
LINE = st.sampled_from(
    [
        b"",
        b"data: a",
        b"data:b",
        b"data:  two spaces",
        b"data",
        b"data:",
        "data: é北🌍".encode(),
        b": a comment",
        b":",
        b"id: 7",
        b"retry: 10",
        b"event: named",
        b"unknown: data: x",
        b"databank: no",
    ]
)
STREAM = st.builds(
    lambda mark, lines, rest: mark + b"".join(line + end for line, end in lines) + rest,
    st.sampled_from([b"", b"\xef\xbb\xbf"]),
    st.lists(st.tuples(LINE, LINE_END), max_size=12),
    LINE,
)


def whatwg_values(stream: bytes) -> list[bytes]:
    """Return the data of each dispatched event by the standard's own algorithm, line by line."""
    values: list[bytes] = []
    data: list[bytes] = []
    lines = re.sub(rb"\r\n|\r", b"\n", stream.removeprefix(b"\xef\xbb\xbf")).split(b"\n")
    for line in lines[:-1]:  # what follows the last line end is an unfinished line
        if line == b"":
            if data:
                values.append(b"\n".join(data))
            data = []
            continue
        name, _, value = line.partition(b":")
        if name == b"data":
            data.append(value.removeprefix(b" "))
    return values


def split(pieces: Iterable[bytes]) -> tuple[list[bytes], bytes]:
    """Return the bytes of all events, and what was left at the end."""
    splitter = EventSplitter()
    events = [event.raw for piece in pieces for event in splitter.feed(piece)]
    return events, splitter.finish()


def data_of(events: list[bytes], rest: bytes) -> list[bytes]:
    """Return what events say; a rest that ends in a blank line is an event whose end was in doubt.

    A lone CR at the end of a stream is a line end, but only the end of the stream can tell.
    """
    finished = [*events, rest] if re.search(rb"(?>\r\n|\n|\r)\r$", rest) else events
    return [Event(raw).data for raw in finished]


@given(STREAM, st.lists(st.integers(0, 10_000), max_size=6))
def test_every_split_gives_the_same_events(stream: bytes, places: list[int]) -> None:
    assert split(cut(stream, places)) == split([stream])


@given(STREAM)
def test_single_bytes_give_the_same_events(stream: bytes) -> None:
    assert split(single_bytes(stream)) == split([stream])


@given(STREAM, st.lists(st.integers(0, 10_000), max_size=6))
def test_no_byte_is_lost_or_changed(stream: bytes, places: list[int]) -> None:
    events, rest = split(cut(stream, places))
    assert b"".join(events) + rest == stream


@given(STREAM)
def test_events_say_what_the_standard_says(stream: bytes) -> None:
    events, rest = split([stream])
    assert [value for value in data_of(events, rest) if value] == [
        value for value in whatwg_values(stream) if value
    ]


def test_a_line_end_of_two_bytes_ends_no_event() -> None:
    stream = b"data: a\r\ndata: b\r\n\r\n"
    assert split([stream]) == ([stream], b"")
    assert Event(stream).data == b"a\nb"


@pytest.mark.parametrize(
    ("raw", "data"),
    [
        (b"data: a\r\n\n", b"a"),
        (b"data: a\rdata: b\n\n", b"a\nb"),
        (b"data: a\n\n", b"a"),
        (b"\ndata: a\n\n", b"a"),
        (b"\xef\xbb\xbfdata: a\n\n", b"a"),
        (b"event: x\ndata: a\nid: 1\n\n", b"a"),
        (b": comment\n\n", b""),
        (b"data\n\n", b""),
    ],
)
def test_reads_the_data_of_unusual_events(raw: bytes, data: bytes) -> None:
    assert Event(raw).data == data


def test_an_event_ended_by_two_returns_comes_with_the_next_byte() -> None:
    splitter = EventSplitter()
    assert splitter.feed(b"data: a\r\r") == []
    assert splitter.feed(b"d") == [Event(b"data: a\r\r")]


def test_knows_whether_an_event_has_begun() -> None:
    splitter = EventSplitter()
    splitter.feed(b"data: a\n\n")
    assert splitter.is_empty
    splitter.feed(b"d")
    assert not splitter.is_empty


@pytest.mark.parametrize("block", [b"a" * 65_536, b":\n" * 32_768])
def test_an_event_without_an_end_stops_at_the_bound(block: bytes) -> None:
    splitter = EventSplitter()
    for _ in range(MAX_EVENT_BYTES // len(block)):
        splitter.feed(block)
    with pytest.raises(EventTooLarge):
        splitter.feed(block)


def test_an_event_up_to_the_bound_passes() -> None:
    event = b"data: " + b"a" * (MAX_EVENT_BYTES - 8) + b"\n\n"
    assert len(event) == MAX_EVENT_BYTES
    assert split([event[:-1], event[-1:]]) == ([event], b"")


@pytest.mark.parametrize("line", [b"a", b":\n", b"x\r"])
def test_small_pieces_of_one_event_cost_no_more_than_their_number(line: bytes) -> None:
    def work(count: int) -> float:
        """Return the least processor time of three rounds, so that a busy machine counts little."""
        rounds = []
        for _ in range(3):
            splitter = EventSplitter()
            started_s = time.process_time()
            for _ in range(count):
                splitter.feed(line)
            rounds.append(time.process_time() - started_s)
        return min(rounds)

    # Eight times the pieces: linear costs 8 times as much, quadratic 64 times.
    assert work(160_000) < 24 * work(20_000)
