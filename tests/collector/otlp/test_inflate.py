import gzip
import tracemalloc
import zlib

import pytest
from backports import zstd
from hypothesis import given
from hypothesis import strategies as st

from tollkeeper_collector.errors import BodyTooLarge, MalformedRequest, UnsupportedMedia
from tollkeeper_collector.otlp.inflate import inflate

LIMIT = 1 << 20


@given(st.binary(max_size=4096))
def test_gives_back_what_was_compressed(body: bytes) -> None:
    raw = zlib.compressobj(wbits=-15)
    assert inflate(body, "", LIMIT) == body
    assert inflate(body, "identity", LIMIT) == body
    assert inflate(gzip.compress(body), "gzip", LIMIT) == body
    assert inflate(gzip.compress(body), "X-GZIP", LIMIT) == body
    assert inflate(zlib.compress(body), "deflate", LIMIT) == body
    assert inflate(raw.compress(body) + raw.flush(), "deflate", LIMIT) == body
    assert inflate(zstd.compress(body), "zstd", LIMIT) == body


@pytest.mark.parametrize(
    ("coding", "compress"),
    [("gzip", gzip.compress), ("deflate", zlib.compress), ("zstd", zstd.compress)],
)
def test_a_bomb_costs_the_limit_and_no_more(coding: str, compress: object) -> None:
    bomb = compress(bytes(64 * LIMIT))  # type: ignore[operator]  # one of the three
    assert inflate(compress(bytes(LIMIT)), coding, LIMIT) == bytes(LIMIT)  # type: ignore[operator]
    tracemalloc.start()
    with pytest.raises(BodyTooLarge):
        inflate(bomb, coding, LIMIT)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * LIMIT


@pytest.mark.parametrize("coding", ["gzip, gzip", "br", "snappy", "gzip,", "chunked"])
def test_refuses_codings_it_does_not_speak_and_stacks_of_them(coding: str) -> None:
    with pytest.raises(UnsupportedMedia):
        inflate(gzip.compress(b"x"), coding, LIMIT)


def test_refuses_a_second_gzip_member() -> None:
    with pytest.raises(MalformedRequest, match="behind its end"):
        inflate(gzip.compress(b"") * 50_000, "gzip", LIMIT)


@pytest.mark.parametrize(
    ("body", "coding"),
    [
        (gzip.compress(b"hello" * 100)[:-4], "gzip"),
        (gzip.compress(b"hello" * 100)[:-1] + b"\x01", "gzip"),  # its length is wrong
        (b"not gzip", "gzip"),
        (gzip.compress(b"x"), "zstd"),
        (b"\x00garbage", "deflate"),
        (zstd.compress(b"hello" * 100)[:-2], "zstd"),
        (zstd.compress(b"a") + zstd.compress(b"b"), "zstd"),
        (b"", "gzip"),
    ],
    ids=[
        "cut gzip",
        "wrong length",
        "no gzip",
        "gzip called zstd",
        "no deflate",
        "cut zstd",
        "two frames",
        "nothing",
    ],
)
def test_refuses_bodies_that_are_not_whole(body: bytes, coding: str) -> None:
    with pytest.raises(MalformedRequest):
        inflate(body, coding, LIMIT)
