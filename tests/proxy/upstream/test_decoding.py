"""Compressed answers are decoded within bounds; what is broken or goes on too long is refused."""

import gzip
import random
import zlib
from typing import cast

import pytest
from tests.equipment import script
from tests.equipment.script import EVENTS, JSON, Script
from tests.equipment.scripted_provider import ScriptedProvider
from tests.proxy.upstream.calls import scripted
from tests.proxy.upstream.conftest import Run

from tollkeeper_proxy.errors import UpstreamError
from tollkeeper_proxy.upstream.connection import UpstreamConnection
from tollkeeper_proxy.upstream.decoding import PIECE_BYTES, Coding, DecodedAnswer, coding_of
from tollkeeper_proxy.upstream.http import HttpUpstream
from tollkeeper_proxy.upstream.pool import ConnectionPool

TEXT = bytes(random.Random(3).choices(b"abcdefgh \n", k=1_000_000))


class Pieces:
    """Stands for a connection that gives these pieces."""

    status = 200
    headers: tuple[tuple[str, str], ...] = ()

    def __init__(self, *pieces: bytes) -> None:
        self._pieces = list(pieces)

    async def read(self) -> bytes:
        return self._pieces.pop(0) if self._pieces else b""

    def close(self) -> None:
        self._pieces = []


def decoded(coding: Coding, *pieces: bytes) -> DecodedAnswer:
    return DecodedAnswer(cast("UpstreamConnection", Pieces(*pieces)), coding)


def cut(data: bytes, size: int) -> list[bytes]:
    return [data[i : i + size] for i in range(0, len(data), size)]


async def fault_of(answer: DecodedAnswer) -> str:
    with pytest.raises(UpstreamError) as error:
        await answer.read_all(10_000_000)
    return error.value.fault


@pytest.mark.parametrize(
    ("values", "coding"),
    [
        ([], None),
        (["identity"], None),
        ([""], None),
        (["gzip"], "gzip"),
        ([" GZip "], "gzip"),
        (["x-gzip"], "gzip"),
        (["deflate"], "deflate"),
        (["identity", "gzip"], "gzip"),
    ],
)
def test_knows_one_coding(values: list[str], coding: str | None) -> None:
    assert coding_of([("content-encoding", value) for value in values]) == coding


@pytest.mark.parametrize("values", [["br"], ["zstd"], ["gzip, gzip"], ["gzip", "gzip"], ["x"]])
def test_refuses_other_codings(values: list[str]) -> None:
    with pytest.raises(UpstreamError, match="unknown way"):
        coding_of([("content-encoding", value) for value in values])


@pytest.mark.parametrize("size", [1, 2, 7, 1_000, 10_000_000])
@pytest.mark.parametrize("coding", ["gzip", "deflate"])
async def test_decodes_however_it_was_cut(coding: Coding, size: int) -> None:
    text = TEXT if size > 7 else TEXT[:5_000]
    data = gzip.compress(text) if coding == "gzip" else zlib.compress(text)
    assert await decoded(coding, *cut(data, size)).read_all(len(text)) == text


async def test_an_empty_body_is_empty() -> None:
    assert await decoded("gzip", gzip.compress(b"")).read_all(0) == b""


async def test_pieces_are_bounded_however_well_they_were_compressed() -> None:
    answer = decoded("gzip", gzip.compress(b"\0" * 50_000_000))
    most = total = 0
    while piece := await answer.read():
        most, total = max(most, len(piece)), total + len(piece)
    assert total == 50_000_000
    assert most <= PIECE_BYTES


async def test_a_bomb_stops_at_the_readers_limit() -> None:
    answer = decoded("gzip", gzip.compress(b"\0" * 50_000_000))
    with pytest.raises(UpstreamError) as error:
        await answer.read_all(1_000_000)
    assert error.value.fault == "too_large"


@pytest.mark.parametrize("size", [1, 1_000_000])
@pytest.mark.parametrize("kept", [0, 1, 9, 20, 30, -9, -8, -1])
async def test_a_truncated_body_never_looks_whole(kept: int, size: int) -> None:
    data = gzip.compress(b"hello world, hello again" * 10)
    assert await fault_of(decoded("gzip", *cut(data[:kept], size))) == "connection_lost"


async def test_a_wrong_checksum_is_a_broken_body() -> None:
    data = bytearray(gzip.compress(b"hello"))
    data[-6] ^= 1
    assert await fault_of(decoded("gzip", bytes(data))) == "bad_response"


@pytest.mark.parametrize("data", [b"not compressed", b'{"a":1}', zlib.compress(b"x")])
async def test_what_is_not_coded_as_it_says_is_broken(data: bytes) -> None:
    assert await fault_of(decoded("gzip", data)) == "bad_response"


@pytest.mark.parametrize("size", [1, 19, 1_000_000])
async def test_a_second_member_is_refused(size: int) -> None:
    data = gzip.compress(b"a") + gzip.compress(b"b")
    assert await fault_of(decoded("gzip", *cut(data, size))) == "bad_response"
    many = gzip.compress(b"") * 50_000
    assert await fault_of(decoded("gzip", *cut(many, 65_536))) == "bad_response"


def test_a_compressed_stream_arrives_event_by_event(run: Run, provider: ScriptedProvider) -> None:
    events = script.stream("a", "b", "c").events
    packer = zlib.compressobj(wbits=31)
    coded = [packer.compress(e) + packer.flush(zlib.Z_SYNC_FLUSH) for e in events]
    coded.append(packer.flush())
    headers = (*EVENTS, ("Content-Encoding", "gzip"))
    call = scripted(provider, Script(headers=headers, events=tuple(coded), framing="chunked",
                                     event_delay_s=0.05))  # fmt: skip

    async def scenario() -> None:
        pool = ConnectionPool()
        answer = await HttpUpstream(pool).send(call)
        assert await answer.read() == events[0]
        assert provider.received[0].finished_s is None
        assert await answer.read_all(100_000) == b"".join(events[1:])
        answer.close()
        assert pool.open_connections(call.origin) == 1
        pool.close()

    run(scenario())


def test_a_bomb_over_the_wire_stops_and_its_connection_goes(
    run: Run, provider: ScriptedProvider
) -> None:
    bomb = gzip.compress(b"\0" * 300_000_000, compresslevel=1)
    headers = (*JSON, ("Content-Encoding", "gzip"))
    call = scripted(provider, script.answer().but(body=bomb, headers=headers))

    async def scenario() -> None:
        pool = ConnectionPool()
        answer = await HttpUpstream(pool).send(call)
        with pytest.raises(UpstreamError) as error:
            await answer.read_all(1_000_000)
        assert error.value.fault == "too_large"
        answer.close()
        assert pool.open_connections(call.origin) == 0
        pool.close()

    run(scenario())
