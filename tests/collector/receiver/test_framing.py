import pytest

from tollkeeper_collector.receiver.framing import framing_fault

HOST = (b"Host", b"127.0.0.1:4318")


@pytest.mark.parametrize(
    "host", [b"localhost", b"127.0.0.1:4318", b"[::1]:4318", b"otel-collector.internal"]
)
def test_sound_requests_pass(host: bytes) -> None:
    assert framing_fault([(b"HOST", host)], http_1_0=False) == ""
    assert framing_fault([(b"host", host), (b"TE", b"x")], http_1_0=False) == ""


@pytest.mark.parametrize("host", [b"a/?x=", b"a/#", b"user@evil", b"", b"a b", b"a:x", b"a\xff"])
def test_a_host_that_is_more_than_a_host_is_refused(host: bytes) -> None:
    assert "Host" in framing_fault([(b"Host", host)], http_1_0=False)


def test_exactly_one_host() -> None:
    assert framing_fault([], http_1_0=False)
    assert framing_fault([HOST, HOST], http_1_0=False)
    assert framing_fault([], http_1_0=True) == ""


@pytest.mark.parametrize(
    "coding", [b"gzip, chunked", b"identity", b"xchunked", b"chunked, chunked"]
)
def test_only_chunked_bodies_are_transferred(coding: bytes) -> None:
    assert framing_fault([HOST, (b"Transfer-Encoding", coding)], http_1_0=False)


def test_chunked_needs_http_1_1() -> None:
    chunked = (b"transfer-encoding", b"Chunked")
    assert framing_fault([HOST, chunked], http_1_0=False) == ""
    assert framing_fault([HOST, chunked], http_1_0=True)
