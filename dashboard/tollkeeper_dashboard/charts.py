"""Rows in, a chart out: pure, no store and no page. Times are drawn as UTC.

The colours say the same in a light and a dark page; text and grid come from the page's own theme.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import altair as alt

from tollkeeper_dashboard import format as shown
from tollkeeper_dashboard.queries.overview import Moment, Spent
from tollkeeper_dashboard.waterfall import Line

PADDING: Final = {"top": 0, "left": 0, "right": 4, "bottom": 0}
HEIGHT: Final = 260  # pixels, legend and axis included
MOST_MODELS: Final = 6  # colours beyond these cannot be told apart; the rest is one group
OTHER: Final = "other"
BLUE: Final = "#4c8bf5"
FATES: Final = {"ok": BLUE, "cached": "#2bb3a3", "blocked": "#e0a52e", "failed": "#e05252"}
QUANTILES: Final = {"p50": BLUE, "p95": "#e0a52e", "p99": "#e05252"}
TOKENS: Final = {"input": BLUE, "output": "#9a6bd6"}
MODELS: Final = (BLUE, "#9a6bd6", "#2bb3a3", "#e0a52e", "#d6699a", "#7aa953", "#8a94a6")
KINDS: Final = {
    "model call": BLUE,
    "tool": "#2bb3a3",
    "agent": "#9a6bd6",
    "span": "#8a94a6",
    "error": "#e05252",
}
LABEL_CHARACTERS: Final = 44
LINE_HEIGHT: Final = 26
INDENT: Final = "\u2800\u2800"  # blank, but no space: those at a beginning are swallowed
MODEL_OPERATIONS: Final = frozenset(
    {"chat", "generate_content", "text_completion", "embeddings", "completion", "responses"}
)
AGENT_OPERATIONS: Final = frozenset({"invoke_agent", "invoke_workflow", "create_agent"})

Chart = alt.Chart | alt.LayerChart
Datum = dict[str, Any]  # what Vega takes


def requests(moments: Sequence[Moment], step_s: int) -> Chart:
    """Draw how many requests there were, by what became of them."""
    rows = [
        {**_bucket(m.at, step_s), "value": getattr(m.sums, fate), "series": fate}
        for m in moments
        for fate in FATES
    ]
    return _bars(rows, FATES, _count_axis(rows), step_s)


def tokens(moments: Sequence[Moment], step_s: int) -> Chart:
    """Draw how many tokens went in and came out."""
    rows = [
        {**_bucket(m.at, step_s), "value": getattr(m.sums, f"{side}_tokens"), "series": side}
        for m in moments
        for side in TOKENS
    ]
    return _bars(rows, TOKENS, _count_axis(rows), step_s)


def cost(spent: Iterable[Spent], buckets: Iterable[datetime], step_s: int) -> Chart:
    """Draw what was spent, by model: the dearest by name, the others together."""
    grouped = by_model(spent)
    names = list(grouped)
    rows: list[Datum] = []
    for at in buckets:
        for name in names or [""]:
            amount = grouped.get(name, {}).get(at, Decimal(0))
            text = shown.money(amount)
            rows.append(
                {**_bucket(at, step_s), "value": float(amount), "text": text, "series": name}
            )
    colours = dict(zip(names, MODELS, strict=False))
    largest = max((row["value"] for row in rows), default=0.0)
    axis = alt.Axis(title=None, tickCount=4, format=money_axis(largest))
    return _bars(rows, colours or {"": BLUE}, axis, step_s, legend=bool(names))


def latency(moments: Sequence[Moment], step_s: int) -> Chart:
    """Draw how long calls took: half of them, 95 and 99 of a hundred."""
    rows: list[Datum] = []
    for m in moments:
        for name, value in zip(
            QUANTILES, (m.sums.p50_ns, m.sums.p95_ns, m.sums.p99_ns), strict=True
        ):
            seconds = None if value is None else value / 1e9
            text = shown.duration(value)
            rows.append({**_bucket(m.at, step_s), "value": seconds, "text": text, "series": name})
    axis = alt.Axis(title=None, tickCount=4, labelExpr=SECONDS)
    base = alt.Chart(_values(rows)).mark_line(point=alt.OverlayMarkDef(size=18), strokeWidth=2)
    chart: Chart = base.encode(
        x=_time(step_s, "middle"),
        y=alt.Y("value:Q", axis=axis),
        color=_colour(QUANTILES),
        tooltip=[
            alt.Tooltip("when:N"),
            alt.Tooltip("series:N"),
            alt.Tooltip("text:N", title="time"),
        ],
    ).properties(height=HEIGHT, padding=PADDING)
    return chart


def waterfall(lines: Sequence[Line], total_ns: int) -> Chart:
    """Draw the spans of a trace under one another, each where it was in time."""
    rows = [_line(number, line, total_ns) for number, line in enumerate(lines)]
    y = alt.Y(
        "label:O",
        sort=None,
        axis=alt.Axis(
            title=None,
            labelLimit=340,
            labelAlign="left",
            labelPadding=340,
            domain=False,
            ticks=False,
        ),
    )
    end_ms = max(total_ns, 1) / 1e6
    scale = alt.Scale(domain=[0, end_ms * 1.12], nice=False)  # room for the last label
    x = alt.X(
        "from:Q", scale=scale, axis=alt.Axis(title=None, labelExpr=MILLISECONDS, orient="top")
    )
    base = alt.Chart(_values(rows)).encode(y=y)
    bars = base.mark_bar(height=12, cornerRadius=2).encode(
        x=x,
        x2="to:Q",
        color=_colour(KINDS, shown=[kind for kind in KINDS if any(r["kind"] == kind for r in rows)],
                      field="kind"),
        tooltip=[
            alt.Tooltip("name:N", title="span"),
            alt.Tooltip("service:N"),
            alt.Tooltip("begins:N"),
            alt.Tooltip("time:N"),
        ],
    )  # fmt: skip
    texts = base.mark_text(align="left", dx=5, fontSize=11, color="#8a94a6").encode(
        x="to:Q", text="time:N"
    )
    chart: Chart = (bars + texts).properties(height=alt.Step(LINE_HEIGHT), padding=PADDING)
    return chart


def kind_of(line: Line) -> str:
    """Return what a span is, for its colour."""
    operation = line.span.attributes.get("gen_ai.operation.name", "")
    if line.span.is_error:
        return "error"
    if operation in MODEL_OPERATIONS:
        return "model call"
    if operation == "execute_tool":
        return "tool"
    return "agent" if operation in AGENT_OPERATIONS else "span"


def by_model(spent: Iterable[Spent]) -> dict[str, dict[datetime, Decimal]]:
    """Add up by model, the dearest first; those beyond MOST_MODELS are one."""
    totals: dict[str, Decimal] = defaultdict(Decimal)
    everything = list(spent)
    for each in everything:
        totals[each.model] += each.cost_usd
    ranked = sorted(totals, key=lambda name: (-totals[name], name))
    own = set(ranked[:MOST_MODELS])
    grouped: dict[str, dict[datetime, Decimal]] = {name: {} for name in ranked[:MOST_MODELS]}
    for each in everything:
        amounts = grouped.setdefault(each.model if each.model in own else OTHER, {})
        amounts[each.at] = amounts.get(each.at, Decimal(0)) + each.cost_usd
    return grouped


def money_axis(largest: float) -> str:
    """Return the number format that tells an axis's ticks apart."""
    for least, pattern in ((10.0, "$,.0f"), (1.0, "$,.2f"), (0.01, "$.3f"), (0.0001, "$.5f")):
        if largest >= least:
            return pattern
    return "$.2f" if largest == 0 else "$.7f"


SECONDS: Final = (
    "datum.value >= 60 ? format(datum.value / 60, '~g') + ' min' : datum.value >= 1 "
    "? format(datum.value, '~g') + ' s' : format(datum.value * 1000, '~g') + ' ms'"
)
MILLISECONDS: Final = (
    "datum.value >= 60000 ? format(datum.value / 60000, '~g') + ' min' : datum.value >= 1000 "
    "? format(datum.value / 1000, '~g') + ' s' : format(datum.value, '~g') + ' ms'"
)


def _bars(
    rows: Sequence[Datum],
    colours: Mapping[str, str],
    axis: alt.Axis,
    step_s: int,
    *,
    legend: bool = True,
) -> Chart:
    chart: Chart = (
        alt.Chart(_values(_stacked(rows)))
        .mark_rect()
        .encode(
            x=_time(step_s, "from"),
            x2="to:T",
            y=alt.Y("low:Q", axis=axis),
            y2="high:Q",
            color=_colour(colours) if legend else alt.value(BLUE),
            tooltip=[
                alt.Tooltip("when:N"),
                alt.Tooltip("series:N"),
                alt.Tooltip("text:N", title="amount"),
            ],
        )
        .properties(height=HEIGHT, padding=PADDING)
    )
    return chart


def _stacked(rows: Sequence[Datum]) -> list[Datum]:
    """Put the rows of each bucket on top of one another, in the order they come."""
    tops: dict[int, float] = defaultdict(float)
    stacked = []
    for row in rows:
        low = tops[row["from"]]
        high = tops[row["from"]] = low + row["value"]
        text = row.get("text") or shown.count(int(row["value"]))
        stacked.append({**row, "low": low, "high": high, "text": text})
    return stacked


def _bucket(at: datetime, step_s: int) -> Datum:
    """Return a bucket's bounds, with a little air to the next, and its name."""
    step = timedelta(seconds=step_s)
    pattern = "%d %b" if step_s >= 86_400 else "%d %b %H:%M" if step_s >= 60 else "%d %b %H:%M:%S"
    return {
        "from": _ms(at + step * 0.08),
        "middle": _ms(at + step / 2),
        "to": _ms(at + step * 0.92),
        "when": f"{at.strftime(pattern)} UTC",
    }


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1_000)


def _time(step_s: int, field: str) -> alt.X:
    pattern = "%d %b" if step_s >= 3 * 3_600 else "%H:%M"
    return alt.X(
        f"{field}:T",
        scale=alt.Scale(type="utc"),
        axis=alt.Axis(title=None, format=pattern, tickCount=6, labelOverlap=True, grid=False),
    )


def _count_axis(rows: Sequence[Datum]) -> alt.Axis:
    tops: dict[int, int] = defaultdict(int)
    for row in rows:
        tops[row["from"]] += row["value"]
    largest = max(tops.values(), default=0)
    return alt.Axis(title=None, tickCount=4, format="~s", tickMinStep=1 if largest < 10 else 0)


def _colour(
    colours: Mapping[str, str], *, shown: Sequence[str] | None = None, field: str = "series"
) -> alt.Color:
    names = list(colours) if shown is None else list(shown)
    return alt.Color(
        f"{field}:N",
        scale=alt.Scale(domain=names, range=[colours[name] for name in names]),
        legend=alt.Legend(
            title=None, orient="top", symbolType="square", labelLimit=200, offset=6, padding=0
        ),
    )


def _line(number: int, line: Line, total_ns: int) -> Datum:
    span = line.span
    label = INDENT * min(line.depth, 12) + span.name
    least_ns = max(total_ns, 1) * 0.004  # what is shorter would be invisible
    return {
        "label": _unique(_cut(label), number),
        "name": span.name[:200],
        "service": span.service[:100],
        "kind": kind_of(line),
        "from": line.offset_ns / 1e6,
        "to": (line.offset_ns + max(span.duration_ns, least_ns)) / 1e6,
        "begins": f"+{shown.duration(line.offset_ns)}",
        "time": shown.duration(span.duration_ns),
    }


def _cut(label: str) -> str:
    return label if len(label) <= LABEL_CHARACTERS else label[: LABEL_CHARACTERS - 1] + "…"


def _unique(label: str, number: int) -> str:
    """Make equal labels different for the axis, not for the eye: zero-width characters count."""
    return label + f"{number:b}".replace("0", "\u200b").replace("1", "\u200c")


def _values(rows: Sequence[Datum]) -> alt.InlineData:
    return alt.InlineData(values=list(rows))
