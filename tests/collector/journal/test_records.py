from hypothesis import given
from hypothesis import strategies as st

from tollkeeper_collector.journal.records import (
    HEADER_BYTES,
    MAGIC,
    Damage,
    Entry,
    Header,
    Record,
    frame,
    headers,
    record_of,
)

ENTRIES = st.builds(
    Entry,
    signal=st.integers(0, 2),
    rows=st.integers(1, 2**32 - 1),
    digest=st.binary(min_size=16, max_size=16),
    payload=st.binary(max_size=200),
)


def framed(entries: list[Entry]) -> bytes:
    return b"".join(frame(number, entry) for number, entry in enumerate(entries, 1))


def read(data: bytes) -> list[Record | Damage]:
    found = headers(data, 0, len(data))
    return [record_of(data, each) if isinstance(each, Header) else each for each in found]


@given(st.lists(ENTRIES, max_size=5))
def test_records_come_back_as_they_were_written(entries: list[Entry]) -> None:
    assert read(framed(entries)) == [Record(n, entry) for n, entry in enumerate(entries, 1)]


@given(st.lists(ENTRIES, min_size=1, max_size=4), st.data())
def test_every_prefix_gives_exactly_the_whole_records_in_it(
    entries: list[Entry], data: st.DataObject
) -> None:
    written = framed(entries)
    cut = data.draw(st.integers(0, len(written)))
    ends, at = [], 0
    for entry in entries:
        at += HEADER_BYTES + len(entry.payload)
        ends.append(at)
    whole = sum(end <= cut for end in ends)
    assert read(written[:cut]) == [Record(n, e) for n, e in enumerate(entries[:whole], 1)]


@given(st.lists(ENTRIES, min_size=1, max_size=4), st.data())
def test_a_flipped_byte_costs_no_other_record(entries: list[Entry], data: st.DataObject) -> None:
    written = bytearray(framed(entries))
    at = data.draw(st.integers(0, len(written) - 1))
    written[at] ^= data.draw(st.integers(1, 255))
    ends, hit = 0, 0
    for number, entry in enumerate(entries):
        if ends <= at:
            hit = number
        ends += HEADER_BYTES + len(entry.payload)
    sound = [found for found in read(bytes(written)) if isinstance(found, Record)]
    assert sound == [Record(n, e) for n, e in enumerate(entries, 1) if n != hit + 1]


@given(st.lists(ENTRIES, max_size=3), st.integers(0, 300))
def test_zeros_behind_the_last_record_are_nothing(entries: list[Entry], zeros: int) -> None:
    assert len(read(framed(entries) + bytes(zeros))) == len(entries)


def test_damage_tells_what_was_lost_when_the_header_is_sound() -> None:
    entries = [Entry(1, 7, bytes(16), b"payload"), Entry(0, 1, bytes(16), b"next")]
    written = framed(entries).replace(b"payload", b"payl0ad")
    [lost, kept] = read(written)
    assert isinstance(lost, Damage)
    assert (lost.signal, lost.rows) == (1, 7)
    assert isinstance(kept, Record)


def test_a_payload_that_looks_like_a_record_is_not_one() -> None:
    inner = frame(99, Entry(0, 1, bytes(16), b"fake"))
    [record] = read(frame(1, Entry(0, 1, bytes(16), inner)))
    assert isinstance(record, Record)
    assert record.entry.payload == inner


def test_the_magic_number_cannot_stand_in_json() -> None:
    assert MAGIC[3] < 0x20
