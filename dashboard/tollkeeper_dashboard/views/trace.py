"""One trace: its spans in time, and of one of them the messages, the decisions and the facts."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

import streamlit as st

from tollkeeper_dashboard import charts, conversation
from tollkeeper_dashboard import format as shown
from tollkeeper_dashboard.client import Asks
from tollkeeper_dashboard.queries import calls, trace
from tollkeeper_dashboard.queries.calls import Call
from tollkeeper_dashboard.queries.trace import MOST_SPANS, Message, Span
from tollkeeper_dashboard.views.traces import outcome
from tollkeeper_dashboard.waterfall import Line, lines, total_ns

MOST_LINES: Final = 200  # of the picture; the list of spans has them all
MOST_ROWS: Final = 20
TABLE_HEIGHT: Final = 480  # pixels
POLICY: Final = "tollkeeper.policy."
TEXTS: Final = {"input.value": "Input", "output.value": "Output"}
KINDS: Final = {"system": "System", "input": "Input", "output": "Answer", "tools": "Tools"}


def show(store: Asks, trace_id: str) -> None:
    """Show a trace; an id that is none, or unknown, is said."""
    if not trace.is_trace_id(trace_id):
        st.warning("That is not a trace id: 32 hexadecimal digits are expected.")
        return
    spans = _of_one_tenant(trace.spans(store, trace_id))
    if not spans:
        st.info("No trace has this id. It may not have arrived yet, or be kept no longer.")
        return
    found = calls.of_trace(store, trace_id, spans[0].tenant)
    tree = lines(spans[:MOST_SPANS])
    _summary(trace_id, tree, found)
    if len(spans) > MOST_SPANS:
        st.warning(f"This trace has more than {MOST_SPANS} spans; the first are shown.")
    with st.container(border=True):
        st.altair_chart(
            charts.waterfall(tree[:MOST_LINES], total_ns(spans)),
            width="stretch",
            alt="The spans of the trace in time",
        )
        if len(tree) > MOST_LINES:
            st.caption(f"The first {MOST_LINES} of {len(tree)} spans.")
    line = _chosen(tree, found)
    _details(store, trace_id, line.span, {call.span_id: call for call in found})


def _of_one_tenant(spans: Sequence[Span]) -> list[Span]:
    """Show one tenant's spans: a trace id is chosen by the caller and may be used by several."""
    tenants = sorted({span.tenant for span in spans})
    if len(tenants) < 2:
        return list(spans)
    chosen = st.selectbox("Tenant", tenants, key="trace-tenant")
    return [span for span in spans if span.tenant == chosen]


def _summary(trace_id: str, tree: Sequence[Line], found: Sequence[Call]) -> None:
    spans = [line.span for line in tree]
    counted = [call for call in found if call.operation in charts.MODEL_OPERATIONS]
    errors = sum(span.is_error for span in spans)
    cost, unknown = spent(counted)
    tiles = (
        ("Duration", shown.duration(total_ns(spans))),
        ("Spans", shown.count(len(spans))),
        ("Model calls", shown.count(len(counted))),
        ("Tokens", shown.count(sum(call.input_tokens + call.output_tokens for call in counted))),
        ("Cost", f"{shown.money(cost)} + {unknown} unknown" if unknown else shown.money(cost)),
        ("Errors", shown.count(errors)),
    )
    for column, (label, value) in zip(st.columns(len(tiles)), tiles, strict=True):
        column.metric(label, value, border=True)
    st.code(trace_id, language=None)


def spent(found: Sequence[Call]) -> tuple[Decimal, int]:
    """Return what calls cost where it is known, and how many answered ones have no price."""
    known = sum((call.cost_usd for call in found if call.cost_usd is not None), Decimal(0))
    return known, sum(call.cost_usd is None and call.fate == "ok" for call in found)


def _chosen(tree: Sequence[Line], found: Sequence[Call]) -> Line:
    """Show the choice of a span; at first the first model call, else the root."""
    model_calls = {call.span_id for call in found if call.operation in charts.MODEL_OPERATIONS}
    first = next((n for n, line in enumerate(tree) if line.span.span_id in model_calls), 0)
    number = st.selectbox(
        "Span",
        range(len(tree)),
        index=first,
        format_func=lambda n: _title(tree[n]),
        key=f"span-{tree[0].span.span_id}",
    )
    return tree[number]


def _title(line: Line) -> str:
    marks = "\u2003" * min(line.depth, 12)
    failed = " · error" if line.span.is_error else ""
    return f"{marks}{line.span.name} · {shown.duration(line.span.duration_ns)}{failed}"


def _details(store: Asks, trace_id: str, span: Span, found: dict[str, Call]) -> None:
    left, right = st.columns([3, 2])
    with left:
        if span.is_error:
            st.error("This span failed.", icon=":material/error:")
            _plain(span.status_message or span.attributes.get("error.type", "no reason was given"))
        said = trace.messages(store, trace_id, span.span_id, span.tenant)
        _said(said, span)
        for event in span.events:
            _event(event.name, event.attributes)
    with right:
        call = found.get(span.span_id)
        if call is not None:
            _facts("Call", call_facts(call))
        if decisions := decided(span):
            _facts("Decisions", decisions)
        _facts("Attributes", rest(span))


def _said(said: Sequence[Message], span: Span) -> None:
    texts = [
        (title, span.attributes[name]) for name, title in TEXTS.items() if name in span.attributes
    ]
    if not said and not texts:
        st.caption("No messages are kept of this span.")
    for title, text in texts:
        st.markdown(f"**{title}**")
        _plain(text)
    for message in said:
        _message(message)


def _message(message: Message) -> None:
    with st.container(border=True, gap="xsmall"):
        if message.content is None:
            _heading(message.kind, message.role)
            st.caption(f"{shown.count(message.size_bytes)} bytes, kept no longer.")
            return
        what = conversation.shown(message.content, message.role)
        _heading(message.kind, what.role, what.finish_reason)
        for piece in what.pieces:
            if piece.label:
                st.caption(shown.inert(piece.label))
            _plain(piece.text)


def _heading(kind: str, role: str, finish_reason: str = "") -> None:
    notes = [role, f"finished: {finish_reason}" if finish_reason else ""]
    said = "".join(f" · {shown.inert(note[:60])}" for note in notes if note)
    st.markdown(f"**{KINDS.get(kind, 'Message')}**{said}")


def _event(name: str, attributes: dict[str, str]) -> None:
    with st.expander("Event"):
        st.text(name)
        for key, value in attributes.items():
            st.text(key)
            _plain(value)


def _facts(title: str, facts: Sequence[tuple[str, str]]) -> None:
    st.markdown(f"**{title}**")
    st.dataframe(
        {"what": [what for what, _ in facts], "value": [value for _, value in facts]},
        hide_index=True,
        width="stretch",
        height="content" if len(facts) <= MOST_ROWS else TABLE_HEIGHT,
        column_config={
            "what": st.column_config.TextColumn("Name", width="medium"),
            "value": st.column_config.TextColumn("Value", width="medium"),
        },
    )


def call_facts(call: Call) -> list[tuple[str, str]]:
    """Return what a call's row says, in words; empty cells are left out."""
    tokens = f"{shown.count(call.input_tokens)} in, {shown.count(call.output_tokens)} out"
    facts = (
        ("Outcome", outcome(call)),
        ("Model", call.model),
        ("Provider", call.provider),
        ("Status", str(call.http_status or "")),
        ("Tokens", tokens if call.has_usage else shown.UNKNOWN),
        ("Cost", shown.exact_money(call.cost_usd)),
        ("First chunk", shown.duration(call.first_chunk_ns) if call.first_chunk_ns else ""),
        ("Key", call.key),
        ("User", call.user),
        ("Session", call.session),
        ("Tags", ", ".join(call.tags)),
        ("Cache", call.cache),
        ("Redactions", str(call.redactions or "")),
    )
    return [(name, value) for name, value in facts if value]


def decided(span: Span) -> list[tuple[str, str]]:
    """Return what each policy did, from the span."""
    return [
        (name.removeprefix(POLICY), value)
        for name, value in span.attributes.items()
        if name.startswith(POLICY)
    ]


def rest(span: Span) -> list[tuple[str, str]]:
    """Return the span's own fields and every other attribute."""
    own = [("service", span.service), ("kind", span.kind), ("scope", span.scope),
           ("span id", span.span_id), ("parent", span.parent_id)]  # fmt: skip
    others = sorted(
        (name, value)
        for name, value in span.attributes.items()
        if not name.startswith(POLICY) and name not in TEXTS
    )
    return [(name, value) for name, value in own if value] + others


def _plain(text: str) -> None:
    """Show text exactly as it is: nothing in it is a link, a picture or a formula."""
    st.code(text, language=None, wrap_lines=True)
