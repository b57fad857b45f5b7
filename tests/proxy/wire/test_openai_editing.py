"""Editing a stream is editing the whole text, however it was cut, on every channel of text."""

from itertools import pairwise
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.proxy.wire import recorded
from tests.proxy.wire.editors import REPLACEMENT, WORD, WordEditor, edited
from tests.proxy.wire.recorded import needs_recordings

from tollkeeper_proxy.errors import UpstreamError
from tollkeeper_proxy.wire.openai_editing import StreamEditor, edit_whole
from tollkeeper_proxy.wire.sse import Event, EventSplitter

DONE = b"data: [DONE]\n\n"
CHUNK: dict[str, Any] = {"id": "c1", "object": "chat.completion.chunk", "model": "m"}
TEXT = st.lists(
    st.sampled_from([WORD, WORD[:4], WORD[4:], WORD[0], "x", " ", "é", "🌍", ""]), max_size=6
).map("".join)


def event(document: object) -> Event:
    return Event(b"data: " + orjson.dumps(document) + b"\n\n")


def chunk(delta: dict[str, Any], index: int = 0, *, finish: str | None = None) -> dict[str, Any]:
    return {**CHUNK, "choices": [{"index": index, "delta": delta, "finish_reason": finish}]}


def through(*documents: dict[str, Any], done: bool = True) -> bytes:
    """Return a stream of these chunks after editing."""
    editor = StreamEditor(WordEditor)
    out = b"".join(editor.edit(event(document)) for document in documents)
    return out + (editor.edit(Event(DONE)) if done else editor.finish())


def deltas(stream: bytes) -> list[dict[str, Any]]:
    chunks = recorded.documents(stream)
    return [choice["delta"] for each in chunks for choice in each.get("choices", [])]


def text_of(stream: bytes, name: str = "content", index: int = 0) -> str:
    """Return one field of one choice, joined as an SDK joins it."""
    return "".join(
        choice["delta"].get(name) or ""
        for each in recorded.documents(stream)
        for choice in each.get("choices", [])
        if choice["index"] == index
    )


def pieces(text: str, places: list[int]) -> list[str]:
    bounds = [0, *sorted({place % (len(text) + 1) for place in places}), len(text)]
    return [text[a:b] for a, b in pairwise(bounds)]


CUTS = st.lists(st.integers(0, 1000), max_size=8)


@given(TEXT, CUTS)
def test_the_edited_stream_is_the_edited_text(text: str, cuts: list[int]) -> None:
    chunks = [chunk({"content": piece}) for piece in pieces(text, cuts)]
    assert text_of(through(*chunks, chunk({}, finish="stop"))) == edited(text)


@given(TEXT, CUTS)
def test_text_in_the_chunk_that_ends_a_choice_stays_in_order(text: str, cuts: list[int]) -> None:
    *first, last = [{"content": piece} for piece in pieces(text, cuts)]
    out = through(*[chunk(d) for d in first], chunk(last, finish="stop"))
    assert text_of(out) == edited(text)


@given(TEXT, CUTS)
def test_a_stream_that_breaks_off_loses_no_text(text: str, cuts: list[int]) -> None:
    chunks = [chunk({"content": piece}) for piece in pieces(text, cuts)]
    assert text_of(through(*chunks, done=False)) == edited(text)


@given(TEXT, CUTS)
def test_nothing_leaves_that_editing_the_rest_could_still_change(
    text: str, cuts: list[int]
) -> None:
    editor = StreamEditor(WordEditor)
    out = b""
    for piece in pieces(text, cuts):
        out += editor.edit(event(chunk({"content": piece})))
        assert edited(text).startswith(text_of(out))


@given(st.lists(st.tuples(st.integers(0, 2), st.sampled_from(["content", "refusal", "reasoning"]),
                          TEXT), max_size=12))  # fmt: skip
def test_choices_and_fields_are_edited_apart(moves: list[tuple[int, str, str]]) -> None:
    ends = [chunk({}, index, finish="stop") for index in range(3)]
    out = through(*[chunk({name: text}, index) for index, name, text in moves], *ends)
    for index in range(3):
        for name in ("content", "refusal", "reasoning"):
            whole = "".join(t for i, n, t in moves if (i, n) == (index, name))
            assert text_of(out, name, index) == edited(whole)


def arguments_of(stream: bytes) -> dict[int, str]:
    """Return the arguments of each tool call, joined by index as an SDK joins them."""
    found: dict[int, str] = {}
    for delta in deltas(stream):
        for call in delta.get("tool_calls") or []:
            said = (call.get("function") or {}).get("arguments") or ""
            found[call["index"]] = found.get(call["index"], "") + said
    return found


@given(st.lists(st.tuples(st.integers(0, 2), TEXT), max_size=12))
def test_tool_calls_are_edited_apart(moves: list[tuple[int, str]]) -> None:
    out = through(
        *[chunk({"tool_calls": [{"index": i, "function": {"arguments": t}}]}) for i, t in moves],
        chunk({}, finish="tool_calls"),
    )
    wanted = {i: edited("".join(t for j, t in moves if j == i)) for i, _ in moves}
    assert arguments_of(out) == wanted


@pytest.mark.parametrize("index", [{}, {"index": None}])
def test_tool_calls_without_an_index_do_not_run_into_one_another(index: dict[str, None]) -> None:
    calls = [
        {**index, "id": "a", "function": {"name": "f", "arguments": WORD[:3]}},
        {**index, "id": "b", "function": {"name": "g", "arguments": WORD[3:]}},
    ]
    out = through(chunk({"tool_calls": calls}), done=False)
    sent = [call for delta in deltas(out) for call in delta.get("tool_calls") or []]
    texts = {0: "", 1: ""}
    for call, place in zip(sent, [0, 1, *[c.get("index") for c in sent[2:]]], strict=True):
        texts[place] += call["function"]["arguments"]
    assert texts == {0: WORD[:3], 1: WORD[3:]}


def test_names_and_ids_pass_at_once_and_untouched() -> None:
    call = {"index": 0, "id": WORD, "type": "function", "function": {"name": WORD[:4]}}
    out = through(chunk({"role": "assistant", "tool_calls": [call]}), done=False)
    assert deltas(out) == [{"role": "assistant", "tool_calls": [call]}]


def test_content_made_of_parts_is_edited() -> None:
    def parts(kind: str, text: str) -> dict[str, Any]:
        if kind == "thinking":
            return {"type": kind, kind: [{"type": "text", "text": text}]}
        return {"type": kind, "text": text}

    out = through(
        chunk({"content": [parts("thinking", WORD[:4])]}),
        chunk({"content": [parts("thinking", WORD[4:])]}),
        chunk({"content": [parts("text", WORD[:2])]}),
        chunk({"content": [parts("text", WORD[2:] + "!")]}, finish="stop"),
    )
    sent = [part for delta in deltas(out) for part in delta["content"]]
    thought = "".join(p["thinking"][0]["text"] for p in sent if p["type"] == "thinking")
    said = "".join(p["text"] for p in sent if p["type"] == "text")
    assert (thought, said) == (REPLACEMENT, REPLACEMENT + "!")


@pytest.mark.parametrize(
    "delta",
    [
        {"reasoning_details": [{"type": "reasoning.text", "text": WORD, "index": 0}]},
        {"function_call": {"arguments": WORD}},
        {"audio": {"transcript": WORD}},
        {"tool_calls": [{"index": 0, "type": "custom", "custom": {"input": WORD}}]},
        {"annotations": [{"type": "url_citation", "url_citation": {"title": WORD, "url": WORD}}]},
        {"executed_tools": [{"index": 0, "arguments": WORD, "output": WORD}]},
        {"something_new": WORD},
        {"something_new": {"deeply": [[WORD], [{"kept": WORD}]]}},
    ],
)
def test_text_in_unusual_places_is_edited(delta: dict[str, Any]) -> None:
    assert WORD.encode() not in through(chunk(delta), chunk({}, finish="stop"))
    whole = {"choices": [{"index": 0, "message": delta, "finish_reason": "stop"}]}
    assert WORD.encode() not in edit_whole(orjson.dumps(whole), WordEditor)


def test_log_probabilities_do_not_spell_the_text_out() -> None:
    told = {"content": [{"token": letter, "logprob": -1} for letter in WORD]}
    choice = {"index": 0, "delta": {"content": WORD}, "logprobs": told, "finish_reason": None}
    out = through({**CHUNK, "choices": [choice]})
    assert all(c["logprobs"] is None for d in recorded.documents(out) for c in d["choices"]
               if "logprobs" in c)  # fmt: skip


def test_an_error_inside_a_stream_is_edited_and_passes() -> None:
    out = through({"error": {"message": f"no {WORD}", "code": "x"}})
    assert recorded.documents(out) == [{"error": {"message": f"no {REPLACEMENT}", "code": "x"}}]


def test_what_an_error_said_is_not_said_again_with_the_text_set_free() -> None:
    out = through(chunk({"content": WORD[:3]}), {"error": {"message": "no"}}, done=False)
    assert text_of(out) == WORD[:3]
    assert sum("error" in each for each in recorded.documents(out)) == 1


def test_the_text_set_free_comes_in_chunks_like_the_others() -> None:
    out = through({**chunk({"content": WORD[:3]}), "usage": None})
    last = recorded.documents(out)[-1]
    assert last == {**CHUNK, "choices": [{"index": 0, "delta": {"content": WORD[:3]},
                                          "finish_reason": None}]}  # fmt: skip
    assert out.endswith(DONE)


def test_comments_pass_and_what_cannot_be_read_does_not() -> None:
    editor = StreamEditor(WordEditor)
    assert editor.edit(Event(b": keep-alive\n\n")) == b": keep-alive\n\n"
    for data in (WORD, f'"{WORD}"', f'{{"a": "{WORD}"', f'["{WORD}"]', '{"a": "\\ud800"}'):
        assert editor.edit(Event(f"data: {data}\n\n".encode())) == b""


@pytest.mark.parametrize("depth", [70, 250, 260, 1000, 100_000])
def test_deep_nesting_neither_fails_nor_passes_unread(depth: int) -> None:
    deep = b'{"choices":[{"delta":' + b'{"a":' * depth + b'"%s"' % WORD.encode() + b"}" * depth
    stream = b"data: " + deep + b"}]}\n\n"
    assert WORD.encode() not in StreamEditor(WordEditor).edit(Event(stream))


@given(TEXT)
def test_a_whole_answer_is_edited_in_all_its_choices(text: str) -> None:
    calls = [{"id": "a", "function": {"name": "f", "arguments": text}}]
    message = {"role": "assistant", "content": text, "refusal": None, "tool_calls": calls}
    body = orjson.dumps({**CHUNK, "choices": [{"index": i, "message": message} for i in (0, 1)]})
    for choice in orjson.loads(edit_whole(body, WordEditor))["choices"]:
        assert choice["message"]["content"] == edited(text)
        assert choice["message"]["tool_calls"][0]["function"]["arguments"] == edited(text)


@pytest.mark.parametrize("body", [b"", WORD.encode(), b"[]", b'{"a": "\\ud800"}', b"\xff"])
def test_a_whole_answer_that_cannot_be_read_does_not_pass(body: bytes) -> None:
    with pytest.raises(UpstreamError, match="cannot be read"):
        edit_whole(body, WordEditor)


def contents(stream: bytes) -> dict[tuple[int, str], str]:
    """Return every string field of every choice's deltas, joined."""
    found: dict[tuple[int, str], str] = {}
    for each in recorded.documents(stream):
        for choice in each.get("choices") or []:
            for name in ("content", "refusal", "reasoning", "reasoning_content"):
                if isinstance(text := (choice.get("delta") or {}).get(name), str):
                    key = (choice["index"], name)
                    found[key] = found.get(key, "") + text
    return {key: text for key, text in found.items() if text}


class VowelEditor:
    """Holds one character back, always, and writes every e in capitals."""

    def __init__(self) -> None:
        self._held = ""

    def feed(self, text: str) -> str:
        text = (self._held + text).replace("e", "E")
        self._held = text[-1:]
        return text[:-1]

    def finish(self) -> str:
        return self._held


def ends(stream: bytes) -> list[str]:
    chunks = recorded.documents(stream)
    choices = [choice for each in chunks for choice in each.get("choices") or []]
    return [choice["finish_reason"] for choice in choices if choice.get("finish_reason")]


@needs_recordings
def test_every_recorded_stream_comes_out_edited_and_else_the_same() -> None:
    for each in recorded.streams():
        body = each.served_body()
        editor = StreamEditor(VowelEditor)
        splitter = EventSplitter()
        out = b"".join(editor.edit(e) for e in splitter.feed(body)) + editor.finish()
        wanted = {key: text.replace("e", "E") for key, text in contents(body).items()}
        assert contents(out) == wanted, each.name
        assert (DONE in out) == (DONE in body), each.name
        assert ends(out) == ends(body), each.name
