from hypothesis import given
from hypothesis import strategies as st
from tests.collector.records import NOW_NS

from tollkeeper_collector.content.messages import Message, value_message
from tollkeeper_collector.content.rows import Said, content_chunks, content_hash

HI = value_message("input", "hi")
HELLO = value_message("output", "hello")


def said(*messages: Message, span_id: str = "1" * 16, start_ns: int = NOW_NS) -> Said:
    return Said("a" * 32, span_id, start_ns, messages)


def test_a_message_resent_on_every_turn_is_kept_once() -> None:
    calls, texts = content_chunks([said(HI), said(HI, HELLO, span_id="2" * 16)], "t1", NOW_NS)
    assert (calls.table, calls.rows) == ("llm_call_messages", 3)
    assert (texts.table, texts.rows) == ("llm_content", 2)
    assert set(calls.columns["content_hash"]) == set(texts.columns["content_hash"])
    assert texts.columns["content"] == [HI.text, HELLO.text]


def test_messages_are_numbered_within_their_kind() -> None:
    [calls, _] = content_chunks([said(HI, HELLO, HI)], "t1", NOW_NS)
    numbered = list(zip(calls.columns["kind"], calls.columns["seq"], strict=True))
    assert numbered == [("input", 0), ("output", 0), ("input", 1)]


def test_a_message_is_kept_per_day() -> None:
    day_ns = 86_400_000_000_000
    [_, texts] = content_chunks([said(HI), said(HI, start_ns=NOW_NS - day_ns)], "t1", NOW_NS)
    assert texts.rows == 2


@given(st.text(), st.text())
def test_equal_texts_of_two_tenants_have_nothing_in_common(tenant: str, text: str) -> None:
    assert content_hash(tenant, text) != content_hash(tenant + "x", text)
    assert len(content_hash(tenant, text)) == 32


def test_nothing_said_makes_no_rows() -> None:
    assert content_chunks([said()], "t1", NOW_NS) == []
