"""The scripted provider spoils answers exactly as told and sees when its peer leaves."""

import gzip
import time

import pytest
from tests.equipment import script
from tests.equipment.raw_http import NoAnswer, RawConnection, ask, request_bytes
from tests.equipment.script import Ending, Script
from tests.equipment.scripted_provider import ScriptedProvider, wait_until_left

BODY = b'{"model":"m"}'


def test_the_model_picks_the_script() -> None:
    with ScriptedProvider() as provider:
        provider.play("m", script.error(503))
        assert ask(provider.port, "/v1/chat/completions", BODY).status == 503
        assert ask(provider.port, "/v1/chat/completions", b'{"model":"n"}').status == 200
        assert len(provider.requests_for("m")) == 1


def test_a_stream_arrives_as_its_events() -> None:
    scripted = script.stream("a", "b")
    with ScriptedProvider(scripted) as provider:
        response = ask(provider.port, "/v1/chat/completions", BODY)
    assert response.body == b"".join(scripted.events)
    assert response.framing == "chunked"


@pytest.mark.parametrize("ending", ["fin", "rst", "hang"])
def test_cuts_at_the_byte_it_was_told(ending: Ending) -> None:
    cut = script.stream("abc", "def").but(cut_after=200, ending=ending, ending_s=0.2)
    with ScriptedProvider(cut) as provider:
        response = ask(provider.port, "/v1/chat/completions", BODY)
    assert not response.complete
    assert response.body == b"".join(cut.events)[:200]


def test_lies_about_its_length() -> None:
    with ScriptedProvider(script.answer().but(stated_length=10_000, ending="fin")) as provider:
        response = ask(provider.port, "/v1/chat/completions", BODY)
    assert not response.complete
    assert response.header("content-length") == "10000"


@pytest.mark.parametrize(
    ("spoiled", "mark"),
    [
        (script.length_and_chunked(), b"Transfer-Encoding: chunked"),
        (script.two_lengths(), b"Content-Length: 20"),
        (script.interim_flood(300), b"103 Early Hints"),
        (script.header_bomb(10, 1_000), b"X-Bomb-9: "),
        (script.redirect("http://elsewhere.invalid/"), b"Location: http://elsewhere.invalid/"),
    ],
)
def test_sends_the_spoiled_head(spoiled: Script, mark: bytes) -> None:
    with (
        ScriptedProvider(spoiled.but(ending="fin")) as provider,
        RawConnection(provider.port) as client,
    ):
        client.send(request_bytes("/v1/x", BODY))
        assert mark in client.read_until_close()


def test_codes_an_answer_that_was_to_be_plain() -> None:
    with ScriptedProvider(script.gzipped(script.answer("hi"))) as provider:
        response = ask(provider.port, "/v1/chat/completions", BODY)
    assert response.header("content-encoding") == "gzip"
    assert b"hi" in gzip.decompress(response.body)


def test_a_huge_event_is_as_large_as_asked() -> None:
    with ScriptedProvider(script.huge_event(1_048_576)) as provider:
        response = ask(provider.port, "/v1/chat/completions", BODY)
    assert len(response.body) == 1_048_576 + len(b"data: ")


@pytest.mark.parametrize("way", ["fin", "rst"])
@pytest.mark.parametrize(
    "phase",
    [
        script.answer().but(header_delay_s=10.0),
        script.stream("a", "b").but(event_delay_s=10.0),
    ],
    ids=["before the first byte", "between events"],
)
def test_sees_when_its_peer_leaves(way: str, phase: Script) -> None:
    with ScriptedProvider(phase) as provider:
        client = RawConnection(provider.port)
        client.send(request_bytes("/v1/x", BODY))
        received = provider.wait_for("m")
        if phase.event_delay_s:
            client.read_some()
        left_s = time.monotonic()
        client.reset() if way == "rst" else client.close()
        assert wait_until_left(received) >= left_s
        assert received.peer_left_by in {"fin", "rst"}


def test_hanging_after_the_head_leaves_the_client_waiting() -> None:
    stuck = script.answer().but(cut_after=0, ending="hang", ending_s=5.0)
    with (
        ScriptedProvider(stuck) as provider,
        RawConnection(provider.port, timeout_s=0.2) as client,
    ):
        client.send(request_bytes("/v1/x", BODY))
        with pytest.raises(NoAnswer):
            client.read_response()
