import pytest

from tollkeeper_collector.content.places import Form, place_of


@pytest.mark.parametrize(
    ("key", "kind", "form"),
    [
        ("gen_ai.input.messages", "input", Form.MESSAGES),
        ("gen_ai.output.messages", "output", Form.MESSAGES),
        ("gen_ai.system_instructions", "system", Form.MESSAGES),
        ("gen_ai.tool.definitions", "tools", Form.MESSAGES),
        ("input.value", "input", Form.VALUE),
        ("output.value", "output", Form.VALUE),
        ("traceloop.entity.input", "input", Form.VALUE),
        ("gen_ai.tool.call.result", "output", Form.VALUE),
        ("llm.input_messages.12.message.contents.0.message_content.text", "input", Form.INDEXED),
        ("llm.output_messages.0.message.content", "output", Form.INDEXED),
        ("llm.tools.0.tool.json_schema", "tools", Form.INDEXED),
        ("gen_ai.prompt.0.content", "input", Form.INDEXED),
        ("gen_ai.completion.0.finish_reason", "output", Form.INDEXED),
        ("retrieval.documents.0.document.content", "output", Form.INDEXED),
        ("embedding.embeddings.0.embedding.text", "input", Form.INDEXED),
        ("embedding.embeddings.0.embedding.vector", "input", Form.DISCARDED),
        ("tollkeeper.input.preview", "input", Form.DISCARDED),
    ],
)
def test_knows_the_content_of_every_dialect(key: str, kind: str, form: Form) -> None:
    place = place_of(key)
    assert place is not None
    assert (place.kind, place.form) == (kind, form)


@pytest.mark.parametrize(
    "key",
    [
        "gen_ai.prompt.name",
        "gen_ai.prompt.version",
        "gen_ai.usage.input_tokens",
        "gen_ai.request.model",
        "llm.model_name",
        "llm.token_count.prompt",
        "traceloop.prompt.key",
        "traceloop.entity.name",
        "llm.input_messages.x.message.role",
        "input.mime_type",
        "tollkeeper.cost.usd",
    ],
)
def test_leaves_what_only_looks_like_content(key: str) -> None:
    assert place_of(key) is None


def test_an_indexed_place_says_which_message_and_field() -> None:
    place = place_of("llm.input_messages.12.message.role")
    assert place is not None
    assert (place.number, place.field) == (12, "message.role")
