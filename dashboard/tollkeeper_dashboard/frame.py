"""Around every page: who asks, which page, and what is said when the store does not answer."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import streamlit as st

from tollkeeper_dashboard.client import StoreAway, StoreRefused
from tollkeeper_dashboard.served import SERVING, Served
from tollkeeper_dashboard.views import overview, trace, traces

HERE: Final = Path(__file__).parent
ICON: Final = str(HERE / "icon.svg")  # of our own: a named icon would be fetched from elsewhere
WORDMARK: Final = str(HERE / "wordmark.svg")
STYLE: Final = """<style>
.stMainBlockContainer { padding-top: 4.5rem; padding-bottom: 3rem; max-width: 1500px; }
h1 { font-size: 1.9rem !important; padding: 0 !important; }
</style>"""


def show() -> None:
    """Run one page for one visitor; nothing is asked of the store before the visitor is known."""
    st.set_page_config(page_title="Tollkeeper", page_icon=ICON, layout="wide")
    st.html(STYLE)
    served = SERVING.what
    if served is None:
        st.error("This script is a part of the dashboard: start it with `tollkeeper dashboard`.")
        st.stop()
    if served.visitor(st.context.cookies) is None:
        st.session_state.clear()
        st.warning("You are signed out. Reload the page to sign in.")
        st.stop()
    _pages(served)


def _pages(served: Served) -> None:
    st.logo(WORDMARK, size="large")
    first = st.Page(
        lambda: _page(served, "Overview", lambda: overview.show(served.store, served.proxy_port)),
        title="Overview",
        icon=":material/monitoring:",
        url_path="overview",
        default=True,
    )
    second = st.Page(
        lambda: _page(served, "Traces", lambda: _traces(served)),
        title="Traces",
        icon=":material/account_tree:",
        url_path="traces",
    )
    page = st.navigation([first, second], position="top")
    wanted = st.query_params.get("trace")
    if wanted is not None and page != second:
        st.switch_page(second, query_params={"trace": wanted})
    page.run()


def _traces(served: Served) -> None:
    wanted = st.query_params.get("trace")
    if wanted is None:
        if opened := traces.show(served.store):
            st.query_params["trace"] = opened
            st.rerun()
        return
    if st.button("All calls", icon=":material/arrow_back:"):
        traces.start_anew()
        del st.query_params["trace"]
        st.rerun()
    trace.show(served.store, wanted)


def _page(served: Served, title: str, content: Callable[[], None]) -> None:
    _heading(served, title)
    try:
        content()
    except StoreAway as failure:
        st.error(
            f"The store cannot be reached: {failure}. Calls go on, and nothing is lost while the "
            "collector is away; what is shown here may be incomplete.",
            icon=":material/cloud_off:",
        )
    except StoreRefused as failure:
        st.warning(f"The store did not answer: {failure}.", icon=":material/block:")


def _heading(served: Served, title: str) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.title(title, anchor=False)
        st.button("Refresh", icon=":material/refresh:", key="refresh", type="tertiary")
        st.button(
            "Sign out",
            icon=":material/logout:",
            key="sign-out",
            type="tertiary",
            on_click=_sign_out,
            args=(served,),
        )


def _sign_out(served: Served) -> None:
    served.entrance.sessions.close(served.token(st.context.cookies))
