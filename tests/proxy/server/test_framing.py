"""Requests whose framing or host is in doubt are refused before anything in them is believed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tollkeeper_proxy.server.framing import refuse_framing

HOST = (b"Host", b"127.0.0.1:4000")


@pytest.mark.parametrize(
    "host",
    [
        b"localhost",
        b"localhost:4000",
        b"127.0.0.1:4000",
        b"[::1]:4000",
        b"[::1]",
        b"api.example.org.",
        b" padded.example.org ",
        b"xn--bcher-kva.example",
        b"under_score",
        b"a%2Db",
    ],
)
def test_a_sound_host_passes(host: bytes) -> None:
    assert refuse_framing([(b"Host", host)]) is None


@pytest.mark.parametrize(
    "host",
    [
        b"",
        b"a/?x=",
        b"a/#",
        b"localhost:4000/#@evil",
        b"user@localhost",
        b"localhost:4000:5000",
        b"localhost:port",
        b"localhost:123456",
        b"a b",
        b"a\tb",
        b"a,b",
        b"http://localhost",
        b"[::1",
        b"::1",
        b"[::1]x",
        b"a\\b",
        b'"a"',
        "bücher".encode(),
        b"a?x",
        b"a;b",
        b"\x00",
        b"localhost\n",
    ],
)
def test_a_host_that_is_more_than_a_host_is_refused(host: bytes) -> None:
    refusal = refuse_framing([(b"Host", host)])
    if host.strip() == b"localhost":
        return  # white space around a value is no part of it
    assert refusal is not None
    assert refusal.status == 400


def test_exactly_one_host_is_needed() -> None:
    for pairs in ([], [HOST, HOST], [HOST, (b"hOST", b"other")]):
        refusal = refuse_framing(pairs)
        assert refusal is not None
        assert refusal.code == "bad_request_framing"
    assert refuse_framing([], http_1_0=True) is None
    assert refuse_framing([HOST, HOST], http_1_0=True) is not None


@pytest.mark.parametrize("value", [b"chunked", b"Chunked", b" chunked "])
def test_chunked_passes(value: bytes) -> None:
    assert refuse_framing([HOST, (b"Transfer-Encoding", value)]) is None


@pytest.mark.parametrize(
    "value",
    [b"gzip, chunked", b"xchunked", b",chunked", b"chunked, identity", b"identity", b"", b"gzip"],
)
def test_other_transfer_codings_are_refused(value: bytes) -> None:
    refusal = refuse_framing([HOST, (b"transfer-encoding", value)])
    assert refusal is not None
    assert refusal.status == 400


def test_transfer_coding_twice_or_before_its_time_is_refused() -> None:
    chunked = (b"Transfer-Encoding", b"chunked")
    assert refuse_framing([HOST, chunked, chunked]) is not None
    assert refuse_framing([HOST, chunked], http_1_0=True) is not None


def test_a_length_beside_chunks_is_refused() -> None:
    both = [HOST, (b"Content-Length", b"2"), (b"Transfer-Encoding", b"chunked")]
    assert refuse_framing(both) is not None
    assert refuse_framing([HOST, (b"Content-Length", b"2"), (b"Content-Length", b"2")]) is not None
    assert refuse_framing([HOST, (b"Content-Length", b"2")]) is None


@pytest.mark.parametrize("value", [b"gzip", b"zstd", b"gzip, gzip", b"br", b"GZIP", b"x"])
def test_a_compressed_body_is_not_taken(value: bytes) -> None:
    refusal = refuse_framing([HOST, (b"Content-Encoding", value)])
    assert refusal is not None
    assert refusal.status == 415


@pytest.mark.parametrize("value", [b"identity", b"", b"Identity"])
def test_a_plain_body_is(value: bytes) -> None:
    assert refuse_framing([HOST, (b"Content-Encoding", value)]) is None


@given(st.lists(st.tuples(st.binary(max_size=12), st.binary(max_size=20)), max_size=6))
def test_any_headers_are_judged_without_failing(pairs: list[tuple[bytes, bytes]]) -> None:
    refuse_framing(pairs)
