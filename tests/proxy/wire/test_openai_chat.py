"""A request is what all parsers read in it, and leaves as it came but for what was changed."""

import json
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.proxy.wire import recorded
from tests.proxy.wire.recorded import needs_recordings

from tollkeeper_proxy.errors import CallerError
from tollkeeper_proxy.exchange import Refusal
from tollkeeper_proxy.wire.openai_chat import ChatRequest, parse_chat
from tollkeeper_proxy.wire.openai_media import IMAGE_TOKENS

MODEL_NAMES = st.sampled_from(
    [
        "gpt-4o",
        "a/b",
        'with "quotes"',
        "back\\slash",
        "ünï",
        "tab\t",
        "model",
        "\u2028",
        "🌍",
        '":"',
    ]
) | st.text(min_size=1, max_size=8)
KEYS = st.sampled_from(
    ["model", "messages", "stream_options", "a", "é", "max_tokens", 'q"', "", "x.y", "~1", "0"]
) | st.text(max_size=4)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(['"model"', '"model": "gpt-4o"', "\\", "\u0000", "model", "🌍", "{", '",'])
    | st.text(max_size=8)
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)


@st.composite
def written(draw: st.DrawFn, value: object) -> str:
    """Return JSON of a value in one of the many ways it may be written."""
    space = st.sampled_from(["", " ", "\n", "\t \r\n"])

    def text(string: str) -> str:
        return json.dumps(string, ensure_ascii=draw(st.booleans()))

    def write(node: object) -> str:
        before, after = draw(space), draw(space)
        if isinstance(node, dict):
            pairs = [f"{draw(space)}{text(k)}{draw(space)}:{write(v)}" for k, v in node.items()]
            return f"{before}{{{','.join(pairs)}{draw(space)}}}{after}"
        if isinstance(node, list):
            return f"{before}[{','.join(write(each) for each in node)}{draw(space)}]{after}"
        if isinstance(node, str):
            return before + text(node) + after
        return before + json.dumps(node) + after

    return write(value)


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """Return a request with anything in it, in any order, written in any way."""
    document = draw(st.dictionaries(KEYS, VALUES, max_size=4))
    for name in ("n", "max_tokens", "max_completion_tokens", "tools", "stream_options", "stream"):
        document.pop(name, None)
    content = draw(VALUES)
    document["messages"] = [{"role": "user", "content": content}, {"content": draw(VALUES)}]
    document["model"] = draw(MODEL_NAMES)
    if draw(st.booleans()):
        document["stream"] = True
        document["stream_options"] = draw(st.sampled_from([None, {}, {"include_usage": False}]))
        if document["stream_options"] is None and draw(st.booleans()):
            del document["stream_options"]
    shuffled = dict(draw(st.permutations(list(document.items()))))
    return draw(written(shuffled)).encode("utf-8", "surrogatepass")


def parsed(body: bytes) -> ChatRequest | None:
    """Return the request, None where its text is no Unicode and it is rightly refused."""
    try:
        return parse_chat(body)
    except CallerError:
        with pytest.raises(UnicodeEncodeError):
            json.dumps(json.loads(body), ensure_ascii=False).encode()
        return None


def chat(**fields: Any) -> bytes:
    document = {"model": "m", "messages": [{"role": "user", "content": "hi"}], **fields}
    return json.dumps(document, ensure_ascii=False).encode()


def refused(body: bytes) -> Refusal:
    with pytest.raises(CallerError) as error:
        parse_chat(body)
    assert error.value.refusal.status == 400
    return error.value.refusal


# The bytes


@given(bodies())
def test_an_unchanged_request_leaves_as_the_callers_own_bytes(body: bytes) -> None:
    if (request := parsed(body)) is not None:
        assert request.body_for(request.model) == body


@given(bodies(), MODEL_NAMES)
def test_another_model_is_the_only_change(body: bytes, model: str) -> None:
    if (request := parsed(body)) is not None and _is_unicode(model):
        assert json.loads(request.body_for(model)) == {**json.loads(body), "model": model}


@given(bodies(), MODEL_NAMES)
def test_a_usage_chunk_is_asked_for_and_nothing_else_changes(body: bytes, model: str) -> None:
    if (request := parsed(body)) is None or not _is_unicode(model):
        return
    request.ask_for_usage()
    wanted = {**json.loads(body), "model": model}
    if request.stream:
        wanted["stream_options"] = {"include_usage": True}
    assert json.loads(request.body_for(model)) == wanted
    assert request.hides_usage == request.stream


@given(bodies())
def test_every_way_to_send_it_can_be_repeated(body: bytes) -> None:
    if (request := parsed(body)) is None:
        return
    first = request.body_for("another")
    assert request.body_for("another") == first
    assert json.loads(request.body_for(request.model)) == json.loads(body)


def _is_unicode(text: str) -> bool:
    return not any(0xD800 <= ord(c) <= 0xDFFF for c in text)


@pytest.mark.parametrize(
    "written_number", ["1.0", "1e2", "0.10", "-0", "-0.0", "1E+2", "18446744073709551615", "1e-7"]
)
def test_numbers_stay_as_the_caller_wrote_them_when_only_the_model_changes(
    written_number: str,
) -> None:
    body = b'{"x": %s, "model":"a", "messages":[]}' % written_number.encode()
    assert parse_chat(body).body_for("b") == body.replace(b'"a"', b'"b"')


@pytest.mark.parametrize(
    "body",
    [
        b'{"messages":[{"role":"user","content":"\\u00e9t\\u00e9 \\ud83c\\udf0d"}],"model":"m"}',
        b'{"messages":[{"role":"user","content":"\\u0000\\u001b"}],"model":"m"}',
        b'{"messages":[],"model":"m","tools":[{"parameters":{"properties":{"model":{"n":1.0}}}}]}',
        b'{"messages":[{"type":"model","stream":1.0}],"model":"m", "n":1}',
        b' {"messages" : [ ] ,\r\n"model"\t:\t"m" } ',
    ],
)
def test_unusual_but_clear_requests_stay_as_they_are(body: bytes) -> None:
    assert parse_chat(body).body_for("m") == body
    assert json.loads(parse_chat(body).body_for("x")) == {**json.loads(body), "model": "x"}


# Two parsers must not read two requests (C11)


@pytest.mark.parametrize(
    "body",
    [
        b'{"model":"cheap","messages":[],"model":"dear"}',
        b'{"model":"cheap","messages":[],"m\\u006fdel":"dear"}',
        b'{"model":"m","messages":[{"content":"bad"}],"messages":[{"content":"good"}]}',
        b'{"model":"m","messages":[{"role":"user","content":"bad","content":"good"}]}',
        b'{"model":"m","messages":[{"content":"bad","c\\u006Fntent":"good"}]}',
        b'{"model":"m","messages":[],"max_tokens":9,"max_tokens":1}',
        b'{"model":"m","messages":[],"tools":[{"a":1,"a":2}]}',
        b'{"model":"m","messages":[{"content":"a: \\"b\\": \\\\","x":1,"x":2}]}',
        b'{"model":"m","messages":[],"stream":true,"stream":false}',
    ],
)
def test_a_key_that_stands_twice_is_sent_as_it_was_understood(body: bytes) -> None:
    request = parse_chat(body)
    sent = request.body_for(request.model)
    assert json.loads(sent, object_pairs_hook=once) == json.loads(body)


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    assert len({key for key, _ in pairs}) == len(pairs), pairs
    return dict(pairs)


@given(bodies(), st.data())
def test_no_repeated_key_ever_leaves(body: bytes, data: st.DataObject) -> None:
    places = [i for i, byte in enumerate(body) if byte == ord("{")]
    place = data.draw(st.sampled_from(places)) + 1
    key = data.draw(st.sampled_from(["model", "messages", "role", "content", "m\\u006fdel", "a"]))
    if body[place - 2 : place - 1] in {b'"', b"\\"} or parsed(body) is None:
        return  # perhaps a brace inside a text
    doubled = body[:place] + f'"{key}":"first","{key}":1,'.encode() + body[place:]
    try:
        request = parse_chat(doubled)
    except CallerError:
        return  # refused is as good
    for sent in (request.body_for(request.model), request.body_for("other")):
        json.loads(sent, object_pairs_hook=once)


# What is refused, and in which words


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'"text"',
        b"null",
        b"3",
        b"\xef\xbb\xbf" + chat(),
        chat().decode().encode("utf-16"),
        chat()[:-1] + b"\xff",
        chat(x="\xff").replace("\xff".encode(), b"\xff"),
        chat(x=0).replace(b": 0", b": NaN"),
        chat(x=0).replace(b": 0", b": Infinity"),
        chat(x=0).replace(b": 0", b": 1e400"),
        chat(x=0).replace(b": 0", b": " + b"9" * 400),
        chat(x=0).replace(b": 0", b": 18446744073709551616"),
        chat(x=0).replace(b": 0", b": -9223372036854775809"),
        chat(x="?").replace(b"?", b"\\ud800"),
        chat() + b"{}",
        b'{"model":"m","messages":[],"x":' + b"[" * 100_000,
    ],
)
def test_what_is_not_json_we_could_send_on_is_refused(body: bytes) -> None:
    assert refused(body).code == "invalid_json"


@pytest.mark.parametrize("shape", [(b"[", b"]"), (b'{"a":', b"}")])
@pytest.mark.parametrize("depth", [150, 300, 1000, 20_000])
def test_deep_nesting_is_refused_at_the_door(shape: tuple[bytes, bytes], depth: int) -> None:
    deep = shape[0] * depth + b"1" + shape[1] * depth
    assert refused(b'{"model":"m","messages":[],"x":%b}' % deep).code == "invalid_json"


def test_nesting_that_a_schema_may_have_passes() -> None:
    deep = b'{"a":' * 60 + b"1" + b"}" * 60
    body = b'{"model":"m","messages":[],"x":%b}' % deep
    request = parse_chat(body)
    assert request.body_for("b") == body.replace(b'"m"', b'"b"')
    assert request.fingerprint()


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"model": None}, "model"),
        ({"model": ""}, "model"),
        ({"model": 3}, "model"),
        ({"messages": None}, "messages"),
        ({"messages": "hi"}, "messages"),
        ({"messages": ["hi"]}, "messages"),
        ({"stream": 1}, "stream"),
        ({"stream": "true"}, "stream"),
        ({"n": 0}, "n"),
        ({"n": -1}, "n"),
        ({"n": 1.5}, "n"),
        ({"n": True}, "n"),
        ({"n": 10**9}, "n"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": -1}, "max_tokens"),
        ({"max_tokens": 10**18}, "max_tokens"),
        ({"max_tokens": "100"}, "max_tokens"),
        ({"max_tokens": 100.0}, "max_tokens"),
        ({"max_tokens": True}, "max_tokens"),
        ({"max_completion_tokens": 0}, "max_completion_tokens"),
        ({"stream_options": []}, "stream_options"),
        ({"tools": {}}, "tools"),
    ],
)
def test_a_field_of_the_wrong_kind_is_named(fields: dict[str, Any], param: str) -> None:
    refusal = refused(chat(**fields))
    assert refusal.param == param
    assert param in refusal.message


def test_null_stands_for_absent() -> None:
    request = parse_chat(
        chat(stream=None, n=None, max_tokens=None, stream_options=None, tools=None)
    )
    assert not request.stream
    assert request.output_token_limit() is None


# Text


@given(bodies())
def test_every_surface_can_be_replaced_and_nothing_else_changes(body: bytes) -> None:
    if (request := parsed(body)) is None:
        return
    surfaces = list(request.surfaces())
    assert len({surface.path for surface in surfaces}) == len(surfaces)
    for surface in surfaces:
        request.replace({surface.path: f"<{surface.text}>"})
    assert [s.text for s in request.surfaces()] == [f"<{s.text}>" for s in surfaces]
    sent = json.loads(request.body_for(request.model))
    assert _shape(sent) == _shape(json.loads(body))


def _shape(node: object) -> object:
    """Return a document without its texts."""
    if isinstance(node, dict):
        return {key: _shape(value) for key, value in node.items()}
    if isinstance(node, list):
        return [_shape(each) for each in node]
    return "" if isinstance(node, str) else node


@given(bodies())
def test_every_text_is_a_surface_or_known_to_be_none(body: bytes) -> None:
    if (request := parsed(body)) is None:
        return
    texts = {surface.text for surface in request.surfaces()}
    document = json.loads(body)
    assert (
        set(_texts({k: v for k, v in document.items() if k not in {"model", "messages"}})) <= texts
    )
    assert set(_texts([message["content"] for message in document["messages"]
                       if "content" in message])) <= texts  # fmt: skip


def _texts(node: object) -> list[str]:
    if isinstance(node, dict):
        return [text for value in node.values() for text in _texts(value)]
    if isinstance(node, list):
        return [text for value in node for text in _texts(value)]
    return [node] if isinstance(node, str) else []


@pytest.mark.parametrize(
    "fields",
    [
        {"messages": [{"role": "user", "content": "SECRET"}]},
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "SECRET"}]}]},
        {"messages": [{"role": "user", "name": "SECRET", "content": ""}]},
        {"messages": [{"role": "tool", "tool_call_id": "1", "content": "SECRET"}]},
        {"messages": [{"role": "assistant", "refusal": "SECRET"}]},
        {"messages": [{"role": "assistant", "reasoning_content": "SECRET"}]},
        {"messages": [{"tool_calls": [{"id": "1", "function": {"arguments": "SECRET"}}]}]},
        {"messages": [{"content": [{"type": "image_url", "image_url": {"url": "SECRET"}}]}]},
        {"messages": [{"content": [{"type": "file", "file": {"filename": "SECRET"}}]}]},
        {"messages": [{"content": [{"type": "new", "new": {"id": "SECRET", "data": "SECRET"}}]}]},
        {"tools": [{"type": "function", "function": {"description": "SECRET"}}]},
        {
            "tools": [
                {"function": {"parameters": {"properties": {"id": {"description": "SECRET"}}}}}
            ]
        },
        {"tools": [{"function": {"parameters": {"properties": {"x": {"enum": ["SECRET"]}}}}}]},
        {"response_format": {"json_schema": {"schema": {"description": "SECRET"}}}},
        {"stop": ["SECRET"]},
        {"stop": "SECRET"},
        {"user": "SECRET"},
        {"prediction": {"type": "content", "content": "SECRET"}},
        {"metadata": {"id": "SECRET"}},
        {"metadata": {"model": "SECRET", "type": "SECRET", "data": "SECRET", "detail": "SECRET"}},
        {"something_new": {"deep": [[{"role": "SECRET"}]]}},
        {"": {"": ["SECRET"]}},
        {"": {"user": "SECRET"}, "user": "kept"},
    ],
)
def test_no_text_is_out_of_reach(fields: dict[str, Any]) -> None:
    request = parse_chat(chat(**fields))
    edits = {s.path: "[gone]" for s in request.surfaces() if s.text == "SECRET"}
    request.replace(edits)
    sent = request.body_for("m")
    assert b"SECRET" not in sent
    wanted = chat(**json.loads(json.dumps(fields).replace("SECRET", "[gone]")))
    assert json.loads(sent) == json.loads(wanted)


def test_ids_and_media_are_no_text() -> None:
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    sound = {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}
    paper = {"type": "file", "file": {"file_data": "AAAA"}}
    call = {"id": "call_4111111111111111", "type": "function", "function": {"name": "f"}}
    request = parse_chat(
        chat(
            messages=[
                {"role": "user", "content": [picture, sound, paper]},
                {"role": "assistant", "tool_calls": [call]},
                {"role": "tool", "tool_call_id": "call_4111111111111111", "content": "ok"},
            ]
        )
    )
    texts = {surface.text for surface in request.surfaces()}
    assert not texts & {"AAAA", "call_4111111111111111", picture["image_url"]["url"], "m"}  # type: ignore[index]  # JSON
    assert "ok" in texts


# Limits


@given(
    n=st.none() | st.integers(1, 20),
    old=st.none() | st.integers(1, 1000),
    new=st.none() | st.integers(1, 1000),
    limit=st.integers(1, 5000),
)
def test_a_cap_only_ever_lowers(
    n: int | None, old: int | None, new: int | None, limit: int
) -> None:
    fields = {"n": n, "max_tokens": old, "max_completion_tokens": new}
    request = parse_chat(chat(**{k: v for k, v in fields.items() if v is not None}))
    before = request.output_token_limit()
    request.cap_output_tokens(limit)
    after = request.output_token_limit()
    sent = json.loads(request.body_for("m"))
    assert after is not None
    assert after <= max(limit, n or 1)
    for name, value in (("max_tokens", old), ("max_completion_tokens", new)):
        if value is not None:
            assert 1 <= sent[name] <= value
    assert before is None or after <= before
    assert any(name in sent for name in ("max_tokens", "max_completion_tokens"))


def test_the_limit_is_the_larger_of_two_and_holds_for_each_choice() -> None:
    """A provider may know only one of the names, and nobody can tell which."""
    request = parse_chat(chat(max_tokens=1000, max_completion_tokens=10, n=3))
    assert request.output_token_limit() == 3000


@pytest.mark.parametrize("field", ["max_tokens", "max_completion_tokens"])
def test_a_missing_limit_is_set_by_the_targets_name_for_it(field: str) -> None:
    request = parse_chat(chat())
    request.limit_field = field
    request.cap_output_tokens(50)
    assert json.loads(request.body_for("m")) == json.loads(chat(**{field: 50}))


def test_a_cap_that_changes_nothing_leaves_the_bytes() -> None:
    body = chat(max_tokens=10)
    request = parse_chat(body)
    request.cap_output_tokens(10)
    assert request.body_for("m") == body


@given(st.text(max_size=50), st.text(max_size=200))
def test_the_size_bounds_the_input_also_after_edits(text: str, longer: str) -> None:
    if not (_is_unicode(text) and _is_unicode(longer)):
        return
    request = parse_chat(chat(messages=[{"role": "user", "content": text}]))
    for surface in request.surfaces():
        request.replace({surface.path: longer})
    said = sum(len(surface.text.encode()) for surface in request.surfaces())
    bound = request.input_token_bound()
    assert bound is not None
    assert bound >= said


def test_a_picture_named_in_few_bytes_has_room_in_the_bound() -> None:
    picture = {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}
    bound = parse_chat(chat(messages=[{"role": "user", "content": [picture]}])).input_token_bound()
    assert bound is not None
    assert bound > IMAGE_TOKENS


def test_a_file_leaves_the_input_without_a_bound() -> None:
    paper = {"type": "file", "file": {"file_id": "file-1"}}
    request = parse_chat(chat(messages=[{"role": "user", "content": [paper]}]))
    assert request.input_token_bound() is None


# Fallbacks


def test_the_models_a_provider_may_fall_back_to_are_told() -> None:
    request = parse_chat(chat(models=["openai/gpt-4o", "openai/o1-pro"], route="fallback"))
    assert request.fallback_models == ("openai/gpt-4o", "openai/o1-pro")
    assert parse_chat(chat()).fallback_models == ()
    assert parse_chat(chat(models=None)).fallback_models == ()


@pytest.mark.parametrize("models", ["a", [1], [None], {"a": "b"}, ["m"] * 17])
def test_fallbacks_that_nobody_could_price_are_refused(models: object) -> None:
    with pytest.raises(CallerError) as caught:
        parse_chat(chat(models=models))
    assert (caught.value.refusal.status, caught.value.refusal.param) == (400, "models")


# The cache's key


def test_the_fingerprint_ignores_how_it_is_written_and_who_asks() -> None:
    one = parse_chat(b'{"model":"a","messages":[{"role":"user","content":"\\u00e9"}],"n":1}')
    two = parse_chat('{ "n":1,"messages":[{"content":"é","role":"user"}],"model":"b"}'.encode())
    assert one.fingerprint() == two.fingerprint()
    assert parse_chat(chat(user="a")).fingerprint() == parse_chat(chat(user="b")).fingerprint()


@pytest.mark.parametrize(
    "fields",
    [
        {"temperature": 0},
        {"seed": 1},
        {"messages": []},
        {"tools": []},
        {"stream": True},
        {"n": 2},
        {"max_tokens": 5},
        {"something_new": 1},
    ],
)
def test_what_decides_the_answer_decides_the_fingerprint(fields: dict[str, Any]) -> None:
    assert parse_chat(chat(**fields)).fingerprint() != parse_chat(chat()).fingerprint()


def test_a_stream_with_a_usage_chunk_is_another_answer() -> None:
    plain = parse_chat(chat(stream=True))
    asked = parse_chat(chat(stream=True, stream_options={"include_usage": True}))
    assert plain.fingerprint() != asked.fingerprint()
    before = plain.fingerprint()
    plain.ask_for_usage()
    assert plain.fingerprint() == before


def test_an_edit_changes_the_fingerprint() -> None:
    request = parse_chat(chat())
    before = request.fingerprint()
    request.replace({"messages.0.content": "[gone]"})
    assert request.fingerprint() != before


def test_a_caller_who_asks_for_usage_gets_it_shown() -> None:
    body = chat(stream=True, stream_options={"include_usage": True})
    request = parse_chat(body)
    request.ask_for_usage()
    assert not request.hides_usage
    assert request.body_for("m") == body


@needs_recordings
def test_every_recorded_request_passes_unchanged_and_spliced() -> None:
    change: Callable[[dict[str, Any]], dict[str, Any]] = lambda d: {**d, "model": "other/model"}  # noqa: E731 - one line
    for each in recorded.requests():
        document = json.loads(each.request_body)
        request = parse_chat(each.request_body)
        assert request.body_for(request.model) == each.request_body, each.name
        assert orjson.loads(request.body_for("other/model")) == change(document), each.name
        request.ask_for_usage()
        sent = json.loads(request.body_for(request.model))
        if request.stream:
            assert sent.pop("stream_options")["include_usage"] is True
            document.pop("stream_options", None)
        assert sent == document, each.name
