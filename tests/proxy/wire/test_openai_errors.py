"""A no is said in OpenAI's words, as a body or as an event."""

import json

from tollkeeper_proxy.exchange import Refusal
from tollkeeper_proxy.wire.openai_errors import error_body, error_event
from tollkeeper_proxy.wire.sse import EventSplitter

NO = Refusal("budget", 'the "é" budget\nis spent', status=429, kind="t", code="c", param="p")


def test_says_no_in_openais_shape() -> None:
    told = {"message": 'the "é" budget\nis spent', "type": "t", "param": "p", "code": "c"}
    assert json.loads(error_body(NO)) == {"error": told}
    assert json.loads(error_body(Refusal("x", "m")))["error"]["param"] is None


def test_says_the_same_inside_a_stream() -> None:
    assert [e.data for e in EventSplitter().feed(error_event(NO)) if e.data] == [error_body(NO)]


def test_is_an_event_of_its_own_when_the_stream_broke_off_inside_another() -> None:
    for broken in (b'data: {"choi', b'data: {"choices":[]}\n', b"data: {}\n\n", b"da", b""):
        events = EventSplitter().feed(broken + error_event(NO))
        assert events[-1].data == error_body(NO)
