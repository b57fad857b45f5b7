"""The page of every header we read or write; what is in the code and not here fails a test."""

import ast
import re
from dataclasses import dataclass
from typing import Final

from tests.layout.reference.markdown import code, page, table
from tests.layout.source_tree import modules

LEAD: Final = (
    """Names match in any case. A header never chooses where telemetry or credentials go."""
)
OURS: Final = re.compile(
    r"x-tollkeeper-[a-z-]+|helicone-[a-z-]+|x-litellm-[a-z-]+|x-portkey-[a-z-]+"
    r"|x-request-id|x-should-retry|x-upstream-request-id|x-api-key|api-key|x-goog-api-key"
    r"|idempotency-key|baggage|traceparent|retry-after"
)


@dataclass(frozen=True, slots=True)
class Header:
    """One header and what it does."""

    name: str
    meaning: str


REQUEST: Final = (
    Header(
        "Authorization", "`Bearer` and a virtual key (`tk-…`); the same key opens OTLP and SQL."
    ),
    Header("x-api-key", "The key, for SDKs that send it so."),
    Header("api-key", "The key, for SDKs that send it so."),
    Header("x-goog-api-key", "The key, for SDKs that send it so."),
    Header("traceparent", "W3C trace context: the proxy's spans nest under the caller's."),
    Header(
        "baggage",
        "W3C baggage: `user.id` and `session.id` are read where no header below says it;"
        " nothing of it goes to a provider. A body's `user` counts last.",
    ),
    Header("x-tollkeeper-user", "Who this call is for; a column to group by, never a right."),
    Header("x-tollkeeper-session", "The conversation or run it belongs to."),
    Header("x-tollkeeper-tags", "Words separated by commas, at most 32."),
    Header("x-tollkeeper-metadata", "A JSON object of texts, at most 32."),
    Header(
        "x-tollkeeper-cache", "`no-store` keeps the answer out of the cache, `no-cache` asks anew."
    ),
    Header("Helicone-User-Id", "Read as `x-tollkeeper-user`."),
    Header("Helicone-Session-Id", "Read as `x-tollkeeper-session`."),
    Header("Helicone-Property-NAME", "Read as the metadata NAME."),
    Header("x-litellm-tags", "Read as `x-tollkeeper-tags`."),
    Header("x-litellm-trace-id", "Read as `x-tollkeeper-session`."),
    Header("x-portkey-metadata", "Read as `x-tollkeeper-metadata`."),
    Header("x-portkey-trace-id", "Read as `x-tollkeeper-session`."),
)
ANSWER: Final = (
    Header("x-request-id", "Our name for this request, in the log and on the span."),
    Header("x-upstream-request-id", "The provider's own `x-request-id`."),
    Header("traceparent", "Where this request stands in its trace."),
    Header("x-tollkeeper-trace-id", "The trace to look for in the dashboard."),
    Header("x-tollkeeper-model", "The model that was asked for at the provider."),
    Header("x-tollkeeper-provider", "The provider that answered."),
    Header("x-tollkeeper-attempts", "How many times a provider was called."),
    Header("x-tollkeeper-cache", "`hit`, `miss` or `off`."),
    Header("x-tollkeeper-cost-usd", "What the call cost, exactly; absent when nobody knows."),
    Header("x-tollkeeper-budget-remaining-usd", "What is left of the key's budget."),
    Header("x-tollkeeper-policies", "What each policy did, as `name=verdict`."),
    Header("x-ratelimit-*", "The provider's limits, passed on."),
    Header("Retry-After", "When to try again, in seconds."),
    Header("Allow", "On 405: the methods that the path answers."),
    Header("x-should-retry", "`false` on refusals that trying again cannot cure."),
)


def text() -> str:
    """Return the page."""
    return page(
        "Headers",
        LEAD,
        ["## On requests", _table(REQUEST), "## On answers", _table(ANSWER)],
    )


def in_code() -> set[str]:
    """Return every header of ours that the proxy and the SDK name."""
    return {
        node.value.lower().rstrip("-")
        for module in modules()
        if module.component in ("proxy", "sdk", "collector")
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        if OURS.fullmatch(node.value.lower())
    }


def documented() -> set[str]:
    return {each.name.removesuffix("-NAME").lower() for each in (*REQUEST, *ANSWER)}


def _table(headers: tuple[Header, ...]) -> str:
    return table(["header", "meaning"], [[code(each.name), each.meaning] for each in headers])
