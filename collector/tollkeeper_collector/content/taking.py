"""Taking content off spans and log records: attributes and events in, the rest and messages out.

Everything that is content leaves. When it is kept, a reference and a preview stay on the span;
when it is not, a count does.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import orjson

from tollkeeper import semconv
from tollkeeper_collector.content.messages import Message, Piece, messages_of, preview
from tollkeeper_collector.content.places import Kind, place_of
from tollkeeper_collector.otlp.signals import Attributes, Event, LogRecord

# Events and log records that are a message, and whose it is
MESSAGE_EVENTS: Final[dict[str, tuple[Kind, str]]] = {
    "gen_ai.system.message": ("system", "system"),
    "gen_ai.user.message": ("input", "user"),
    "gen_ai.assistant.message": ("input", "assistant"),
    "gen_ai.tool.message": ("input", "tool"),
    "gen_ai.choice": ("output", "assistant"),
    "gen_ai.content.prompt": ("input", ""),
    "gen_ai.content.completion": ("output", ""),
}
# One per streamed piece: they say nothing the span does not, and there are hundreds
CHUNK_EVENTS: Final = frozenset({"gen_ai.content.completion.chunk", "llm.content.completion.chunk"})

_REFERENCES: Final[dict[Kind, tuple[str, str]]] = {
    "input": (semconv.INPUT_MESSAGES_REF, semconv.INPUT_PREVIEW),
    "output": (semconv.OUTPUT_MESSAGES_REF, semconv.OUTPUT_PREVIEW),
}


class Taken(NamedTuple):
    """A span without its content, and the content when it is kept."""

    attributes: Attributes
    events: Sequence[Event]
    messages: Sequence[Message]


def take(
    attributes: Attributes, events: Sequence[Event], *, keep: bool, cuts: Counter[str]
) -> Taken:
    """Return a span's attributes, events and kept messages apart."""
    rest, pieces = _separate(attributes)
    spoken: list[Message] = []
    if events:
        events, spoken = _separate_events(events, cuts)
    if not pieces and not spoken:
        return Taken(attributes, events, ())
    if not keep:
        cuts["content"] += len(pieces) + len(spoken)
        return Taken(rest, events, ())
    messages = messages_of(pieces)
    told = {message.kind for message in messages}
    messages += [message for message in spoken if message.kind not in told]
    return Taken(rest | _references(messages), events, messages)


def take_from_log(record: LogRecord, *, keep: bool, cuts: Counter[str]) -> LogRecord:
    """Return a log record without its content; kept content stays where it was sent."""
    if keep:
        return record
    rest, pieces = _separate(record.attributes)
    if pieces:
        cuts["content"] += len(pieces)
        record = record._replace(attributes=rest)
    if record.body and record.event_name in MESSAGE_EVENTS:
        cuts["content"] += 1
        record = record._replace(body="")
    return record


def _separate(attributes: Attributes) -> tuple[Attributes, list[Piece]]:
    places = [place_of(key) for key in attributes]
    if not any(places):
        return attributes, []
    rest: Attributes = {}
    pieces: list[Piece] = []
    for (key, value), place in zip(attributes.items(), places, strict=True):
        if place is None:
            rest[key] = value
        else:
            pieces.append((place, value))
    return rest, pieces


def _separate_events(
    events: Iterable[Event], cuts: Counter[str]
) -> tuple[list[Event], list[Message]]:
    rest: list[Event] = []
    spoken: list[Message] = []
    for event in events:
        if event.name in CHUNK_EVENTS:
            cuts["chunk_events"] += 1
        elif (owner := MESSAGE_EVENTS.get(event.name)) is not None:
            text = orjson.dumps(event.attributes, option=orjson.OPT_SORT_KEYS).decode()
            spoken.append(Message(owner[0], owner[1], text))
        else:
            attributes, pieces = _separate(event.attributes)
            rest.append(event._replace(attributes=attributes) if pieces else event)
            spoken += messages_of(pieces)
    return rest, spoken


def _references(messages: Sequence[Message]) -> Attributes:
    """Return where a span's messages are: ``llm_call_messages``, by kind and how many."""
    references: Attributes = {}
    for kind, (ref, shown) in _REFERENCES.items():
        of_kind = [message for message in messages if message.kind == kind]
        if of_kind:
            references[ref] = f"llm_call_messages/{kind}/{len(of_kind)}"
            # What was asked last and answered first is what a list of calls should show
            references[shown] = preview(of_kind[-1 if kind == "input" else 0])
    return references
