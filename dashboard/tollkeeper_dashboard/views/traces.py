"""The list of calls: the newest first, narrowed down by filters; a row opens its trace."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

import streamlit as st

from tollkeeper_dashboard import format as shown
from tollkeeper_dashboard.client import Asks
from tollkeeper_dashboard.queries import calls
from tollkeeper_dashboard.queries.calls import PAGE, Call, Fate, Filter
from tollkeeper_dashboard.queries.trace import is_trace_id
from tollkeeper_dashboard.views import choosing

FATES: Final[dict[str, Fate]] = {
    "All": "",
    "OK": "ok",
    "Failed": "failed",
    "Blocked": "blocked",
    "From cache": "cached",
}
Table = Mapping[str, Sequence[datetime | str | float | None]]
TABLE_HEIGHT: Final = 620  # pixels
PREVIEW_CHARACTERS: Final = 160


def show(store: Asks) -> str:
    """Show the list; return the trace a person opened, "" for none."""
    within = choosing.time_range()
    scope = choosing.scope(store, within)
    chosen = _filter()
    if is_trace_id(chosen.text):
        return chosen.text
    page = int(st.session_state.get("page", 0))
    found = calls.latest(store, scope, chosen, page=page)
    if not found and page == 0:
        st.info("No call fits. Choose a longer range or fewer filters.")
        return ""
    opened = _table(found[:PAGE])
    _turn(page, has_more=len(found) > PAGE)
    return opened


def _filter() -> Filter:
    left, middle, right = st.columns([2, 1, 2], vertical_alignment="bottom")
    with left:
        fate = st.segmented_control(
            "Outcome",
            list(FATES),
            default="All",
            required=True,
            key="outcome",
            bind="query-params",
            label_visibility="collapsed",
            on_change=_first_page,
        )
    with middle:
        session = st.text_input(
            "Session", placeholder="Session", key="session", label_visibility="collapsed",
            max_chars=256, on_change=_first_page,
        )  # fmt: skip
    with right:
        text = st.text_input(
            "Search", placeholder="Trace id, request id or words of the prompt", key="text",
            label_visibility="collapsed", max_chars=256, on_change=_first_page,
        )  # fmt: skip
    return Filter(FATES[fate], session.strip(), text.strip())


def _table(found: Sequence[Call]) -> str:
    state = st.dataframe(
        table(found),
        hide_index=True,
        width="stretch",
        height=TABLE_HEIGHT,
        on_select="rerun",
        selection_mode="single-row",
        key=f"calls-{st.session_state.get('visit', 0)}",
        column_config={
            "at": st.column_config.DatetimeColumn("Time (UTC)", format="YYYY-MM-DD HH:mm:ss"),
            "outcome": st.column_config.TextColumn("Outcome", width=130),
            "model": st.column_config.TextColumn("Model", width="medium"),
            "prompt": st.column_config.TextColumn("Prompt", width="large"),
            "key": st.column_config.TextColumn("Key", width=110),
            "user": st.column_config.TextColumn("User", width=110),
            "time": st.column_config.NumberColumn("Duration", format="%.0f ms"),
            "input": st.column_config.NumberColumn("In", format="localized"),
            "output": st.column_config.NumberColumn("Out", format="localized"),
            "cost": st.column_config.TextColumn("Cost", width="small"),
        },
    )
    rows = state["selection"]["rows"]
    return found[rows[0]].trace_id if rows and rows[0] < len(found) else ""


def table(found: Sequence[Call]) -> Table:
    """Return calls as columns; None where nobody knows."""
    return {
        "at": [call.at.replace(tzinfo=None) for call in found],
        "outcome": [outcome(call) for call in found],
        "model": [call.model for call in found],
        "prompt": [" ".join(call.preview[:PREVIEW_CHARACTERS].split()) for call in found],
        "key": [call.key for call in found],
        "user": [call.user for call in found],
        "time": [call.duration_ns / 1e6 for call in found],
        "input": [call.input_tokens if call.has_usage else None for call in found],
        "output": [call.output_tokens if call.has_usage else None for call in found],
        "cost": [_cost(call) for call in found],
    }


def outcome(call: Call) -> str:
    """Say in a word or two what became of a call."""
    if call.fate == "blocked":
        return f"blocked: {call.blocked_by}"
    if call.fate == "failed":
        return call.error_type or f"failed ({call.http_status or 'no answer'})"
    return "from cache" if call.fate == "cached" else "ok"


def _cost(call: Call) -> str:
    return (
        "—"
        if call.fate in ("blocked", "failed") and not call.cost_usd
        else shown.money(call.cost_usd)
    )


def _turn(page: int, *, has_more: bool) -> None:
    if page == 0 and not has_more:
        return
    with st.container(horizontal=True, horizontal_alignment="right", vertical_alignment="center"):
        st.caption(f"Page {page + 1}")
        st.button("Newer", disabled=page == 0, on_click=_go, args=(page - 1,))
        st.button("Older", disabled=not has_more, on_click=_go, args=(page + 1,))


def start_anew() -> None:
    """Forget the row that was opened and what was searched for."""
    st.session_state["visit"] = st.session_state.get("visit", 0) + 1
    st.session_state["text"] = ""


def _go(page: int) -> None:
    st.session_state["page"] = page


def _first_page() -> None:
    _go(0)
