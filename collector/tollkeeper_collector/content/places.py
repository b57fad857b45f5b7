"""Which attributes hold content, in the dialects of OpenTelemetry, OpenInference and OpenLLMetry.

An attribute name in, its place out: what kind of content it is and in which form. The order of
forms matters: instrumentations send the same text twice, and only the best form of it is kept.
"""

import re
from enum import IntEnum
from functools import lru_cache
from typing import Final, Literal, NamedTuple

from tollkeeper import semconv

Kind = Literal["system", "input", "output", "tools"]  # the values of llm_call_messages.kind


class Form(IntEnum):
    """How content is written down, the best first."""

    MESSAGES = 0  # a JSON list of messages, parts or definitions
    INDEXED = 1  # one attribute per field: llm.input_messages.0.message.role
    VALUE = 2  # one text
    DISCARDED = 3  # never kept: vectors, and previews that are ours to make


class Place(NamedTuple):
    """Where a piece of content belongs; ``number`` and ``field`` only for INDEXED."""

    kind: Kind
    form: Form
    number: int = 0
    field: str = ""


_EXACT: Final[dict[str, Place]] = {
    semconv.SYSTEM_INSTRUCTIONS: Place("system", Form.MESSAGES),
    semconv.INPUT_MESSAGES: Place("input", Form.MESSAGES),
    semconv.OUTPUT_MESSAGES: Place("output", Form.MESSAGES),
    semconv.TOOL_DEFINITIONS: Place("tools", Form.MESSAGES),
    semconv.OBSERVED_INPUT: Place("input", Form.VALUE),
    semconv.OBSERVED_OUTPUT: Place("output", Form.VALUE),
    semconv.INPUT_PREVIEW: Place("input", Form.DISCARDED),
    semconv.OUTPUT_PREVIEW: Place("output", Form.DISCARDED),
    "llm.input_messages": Place("input", Form.MESSAGES),
    "llm.output_messages": Place("output", Form.MESSAGES),
    "ai.prompt.messages": Place("input", Form.MESSAGES),
    "pydantic_ai.all_messages": Place("input", Form.MESSAGES),
    "all_messages_events": Place("input", Form.MESSAGES),
    "ai.prompt": Place("input", Form.VALUE),
    "ai.response.text": Place("output", Form.VALUE),
    "ai.response.object": Place("output", Form.VALUE),
    "ai.response.toolCalls": Place("output", Form.VALUE),
    "ai.toolCall.args": Place("input", Form.VALUE),
    "ai.toolCall.result": Place("output", Form.VALUE),
    "gen_ai.prompt": Place("input", Form.VALUE),
    "gen_ai.completion": Place("output", Form.VALUE),
    "gen_ai.tool.call.arguments": Place("input", Form.VALUE),
    "gen_ai.tool.call.result": Place("output", Form.VALUE),
    "gen_ai.retrieval.query.text": Place("input", Form.VALUE),
    "gen_ai.retrieval.documents": Place("output", Form.VALUE),
    "gen_ai.event.content": Place("input", Form.VALUE),
    "traceloop.entity.input": Place("input", Form.VALUE),
    "traceloop.entity.output": Place("output", Form.VALUE),
    "traceloop.prompt.template": Place("input", Form.VALUE),
    "traceloop.prompt.template_variables": Place("input", Form.VALUE),
    "llm.prompt_template.template": Place("input", Form.VALUE),
    "llm.prompt_template.variables": Place("input", Form.VALUE),
    "llm.function_call": Place("output", Form.VALUE),
    "reranker.query": Place("input", Form.VALUE),
    "embedding.text": Place("input", Form.VALUE),
    "embedding.vector": Place("input", Form.DISCARDED),
}

_INDEXED: Final[dict[str, Kind]] = {
    "llm.input_messages": "input",
    "llm.output_messages": "output",
    "llm.prompts": "input",
    "llm.choices": "output",
    "llm.tools": "tools",
    "llm.request.functions": "tools",
    "gen_ai.prompt": "input",
    "gen_ai.completion": "output",
    "retrieval.documents": "output",
    "reranker.input_documents": "input",
    "reranker.output_documents": "output",
    "embedding.embeddings": "input",
}
_INDEXED_KEY: Final = re.compile(
    rf"({'|'.join(map(re.escape, _INDEXED))})\.(\d{{1,6}})\.(.+)", re.DOTALL
)


@lru_cache(maxsize=8192)  # names repeat from span to span; a flood of new ones only evicts
def place_of(key: str) -> Place | None:
    """Return where an attribute's content belongs, None when it holds none."""
    if (place := _EXACT.get(key)) is not None:
        return place
    if (match := _INDEXED_KEY.fullmatch(key)) is None:
        return None
    family, number, field = match.groups()
    form = Form.DISCARDED if field.endswith(".vector") else Form.INDEXED
    return Place(_INDEXED[family], form, int(number), field)
