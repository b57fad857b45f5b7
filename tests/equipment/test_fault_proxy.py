"""The fault proxy does to bytes exactly what it was told, and nothing else."""

import time

import pytest
from tests.equipment.fault_proxy import Fault, FaultProxy, random_faults
from tests.equipment.raw_http import NoAnswer, RawConnection, RawResponse, ask, request_bytes
from tests.equipment.script import answer, stream
from tests.equipment.scripted_provider import ScriptedProvider

TEXT = "grüße 北京 🌍" * 50


def ask_through(*, up: Fault | None = None, down: Fault | None = None) -> RawResponse:
    script = stream(*TEXT.split())
    with (
        ScriptedProvider(script) as provider,
        FaultProxy(provider.port, up=up or Fault(), down=down or Fault()) as proxy,
    ):
        return ask(proxy.port, "/v1/chat/completions", b'{"a":1}')


WHOLE = b"".join(stream(*TEXT.split()).pieces)


def test_without_faults_it_changes_nothing() -> None:
    assert ask_through().body == WHOLE


@pytest.mark.parametrize("seed", range(4))
def test_slow_and_slivered_bytes_still_arrive_whole(seed: int) -> None:
    assert ask_through(up=random_faults(seed), down=random_faults(seed + 10)).body == WHOLE


@pytest.mark.parametrize("by", ["fin", "rst"])
def test_a_limit_cuts_the_answer_at_that_byte(by: str) -> None:
    response = ask_through(down=Fault(limit_bytes=500, cut_by="fin" if by == "fin" else "rst"))
    assert not response.complete
    assert WHOLE.startswith(response.body)


def test_a_reset_is_seen_as_a_reset() -> None:
    with (
        ScriptedProvider(answer()) as provider,
        FaultProxy(provider.port, down=Fault(limit_bytes=0, cut_by="rst")) as proxy,
        RawConnection(proxy.port) as client,
    ):
        client.send(request_bytes("/v1/x", b"{}"))
        assert client.read_until_close() == b""
        assert client.was_reset


def test_a_black_hole_answers_nothing_and_stays_open() -> None:
    with (
        ScriptedProvider(answer()) as provider,
        FaultProxy(provider.port, up=Fault(black_hole=True)) as proxy,
        RawConnection(proxy.port, timeout_s=0.2) as client,
    ):
        client.send(request_bytes("/v1/x", b"{}"))
        with pytest.raises(NoAnswer):
            client.read_response()
        assert not provider.received


def test_one_byte_is_corrupted_and_no_other() -> None:
    head_size = 100
    with (
        ScriptedProvider(answer(TEXT)) as provider,
        FaultProxy(provider.port, down=Fault(corrupt_at=head_size + 60)) as proxy,
    ):
        spoiled = ask(proxy.port, "/v1/x", b"{}").body
    good = answer(TEXT).body
    assert len(spoiled) == len(good)
    assert sum(a != b for a, b in zip(spoiled, good, strict=True)) == 1


def test_latency_and_slow_close_delay_what_they_name() -> None:
    with (
        ScriptedProvider(answer().but(framing="close")) as provider,
        FaultProxy(provider.port, down=Fault(latency_s=0.05, close_delay_s=0.2)) as proxy,
        RawConnection(proxy.port) as client,
    ):
        started = time.monotonic()
        client.send(request_bytes("/v1/x", b"{}"))
        client.read_some(1)
        first = time.monotonic()
        client.read_until_close()
        # Lower bounds only: a delay that was asked for cannot be shorter, however busy the box.
        assert first - started >= 0.05
        assert time.monotonic() - first >= 0.2
