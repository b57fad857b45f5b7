"""Dialects: bytes to typed values and back, with no I/O.

Policies never know a wire format; they see ``Surface``s, pieces of text with a path, and hand back
replacements. One module per dialect and route implements ``WireRequest``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from tollkeeper.pricing import Usage


@dataclass(frozen=True, slots=True)
class Surface:
    """One text-bearing field: where it stands (``messages.0.content.1.text``) and what it says."""

    path: str
    text: str


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer: HTTP status, the headers that matter, the body's bytes.

    ``stream`` tells that the body is a complete event stream.
    """

    status: int
    content_type: str
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()
    stream: bool = False


@dataclass(slots=True)
class AnswerSummary:
    """What telemetry and the ledger need of an answer, however it was delivered."""

    response_id: str = ""
    model: str = ""
    finish_reasons: list[str] = field(default_factory=list)
    usage: Usage | None = None
    system_fingerprint: str = ""
    service_tier: str = ""
    output_messages: list[dict[str, object]] = field(default_factory=list)  # semconv message JSON
    error_type: str = ""
    done: bool = False  # the dialect's own end was seen


class WireRequest(Protocol):
    """A parsed request in its dialect: typed view, text surfaces, and the bytes to send."""

    model: str
    stream: bool
    service_tier: str  # asked for, by the provider's name for it; "" where none is
    limit_field: str  # the target's name for a bound on the answer, should we have to set one

    @property
    def fallback_models(self) -> tuple[str, ...]:
        """The models, by the provider's names, that may serve instead of the one asked for."""
        ...

    def surfaces(self) -> Sequence[Surface]:
        """Enumerate every text-bearing field; an unknown string field counts as text."""
        ...

    def replace(self, edits: Mapping[str, str]) -> None:
        """Put new text at the named paths; the bytes are then re-encoded when sent."""
        ...

    def cap_output_tokens(self, limit: int) -> None:
        """Lower the answer's allowed length to ``limit`` tokens; never raises it."""
        ...

    def output_token_limit(self) -> int | None:
        """Return the caller's own bound on the answer (times its choices), None when unbounded."""
        ...

    def input_token_bound(self) -> int | None:
        """Return an upper bound of the input's tokens, None when it has a part without one.

        The bound of text is its bytes, for no tokenizer makes more of fewer; pictures get an
        allowance of their own.
        """
        ...

    def fingerprint(self) -> bytes:
        """Return canonical bytes of everything that decides the answer, for an exact cache."""
        ...

    def body_for(self, model: str) -> bytes:
        """Return the bytes to send when the target knows the model by this name.

        They are the caller's own bytes unless something was edited.
        """
        ...
