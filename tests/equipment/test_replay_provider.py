"""The replay provider gives back what was recorded, however it is framed and cut."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.equipment.interaction import Interaction
from tests.equipment.raw_http import RawConnection, ask, request_bytes
from tests.equipment.replay_provider import Framing, ReplayProvider, cut

SSE = 'data: {"é":"北京"}\r\n\r\ndata: [DONE]\n\n'.encode()


def recording(*, index: int = 0, body: bytes = SSE, status: int = 200) -> Interaction:
    return Interaction(
        file="a.yaml",
        index=index,
        provider="lab",
        host="lab.invalid",
        method="POST",
        path="/v1/chat/completions",
        endpoint="chat.completions",
        model="m",
        is_stream=True,
        request_headers=(),
        request_body=b"{}",
        status=status,
        response_headers=(
            ("Content-Type", "text/event-stream"),
            ("Content-Length", "999"),
            ("x-ratelimit-limit-requests", "7"),
        ),
        response_body=body,
    )


@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
def test_serves_the_recorded_bytes_under_every_framing(framing: Framing) -> None:
    with ReplayProvider(framing=framing) as provider:
        base = provider.base_url(recording())
        answer = ask(int(base.split(":")[2].split("/")[0]), "/replay/" + recording().id + "/v1/x")
    assert answer.body == SSE
    assert answer.framing == framing
    assert answer.complete
    assert answer.header("x-ratelimit-limit-requests") == "7"
    assert answer.header("content-length") in ("", str(len(SSE)))


def test_a_lane_gives_its_answers_in_order_and_then_says_it_has_none() -> None:
    with ReplayProvider(framing="length") as provider, RawConnection(_port(provider)) as client:
        provider.put("a", recording(index=1, body=b"one"))
        provider.put("b", recording(index=2, body=b"other"))
        provider.put("a", recording(index=3, body=b"two", status=404))
        answers = []
        for _ in range(3):
            client.send(request_bytes("/lane/a/v1/chat/completions", b"{}"))
            answers.append(client.read_response())
    assert [(answer.status, answer.body) for answer in answers[:2]] == [
        (200, b"one"),
        (404, b"two"),
    ]
    assert answers[2].status == 599


def test_remembers_what_it_received() -> None:
    with ReplayProvider(framing="length") as provider:
        provider.put("a", recording())
        ask(_port(provider), "/lane/a/v1/x", b'{"q":1}', headers=(("Authorization", "Bearer k"),))
        received = provider.replayed[0].received
    assert received.json() == {"q": 1}
    assert received.header("authorization") == "Bearer k"


@given(st.binary(max_size=300), st.integers())
def test_the_pieces_of_a_cut_body_are_the_body(body: bytes, seed: int) -> None:
    assert b"".join(cut(body, random.Random(seed))) == body


def _port(provider: ReplayProvider) -> int:
    return int(provider.origin.rsplit(":", 1)[1])
