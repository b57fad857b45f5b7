"""The pages in a real browser: refused, let in, a number on the page, nothing from elsewhere."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect, sync_playwright
from tests.dashboard.book import SaidIn, call, text_message
from tests.dashboard.reading_room import ReadingRoom
from tests.dashboard.running import PASSWORD, RunningDashboard

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
PATIENCE_MS = 60_000  # two busy cores
TRACE = "ab" * 16
HOSTILE = "Look: ![pixel](http://evil.example/p.png) <img src='http://evil.example/q.png'>"

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="there is no chromium here"),
]


@pytest.fixture
def dashboard(room: ReadingRoom, tmp_path: Path) -> Iterator[RunningDashboard]:
    at = datetime.now(UTC) - timedelta(minutes=10)
    asked = call(1, at, trace_id=TRACE, cost=Decimal("1.25"), user_id="ana")
    message = ("input", "user", text_message("user", HOSTILE))
    room.write(asked, *(call(n, at) for n in range(2, 43)), said=[SaidIn(asked, [message])])
    with RunningDashboard(tmp_path, room.port) as running:
        yield running


@pytest.fixture
def fetched() -> list[str]:
    """Every address the browser asked for."""
    return []


@pytest.fixture
def page(fetched: list[str]) -> Iterator[Page]:
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        page = browser.new_page(viewport={"width": 1400, "height": 1000})
        page.set_default_timeout(PATIENCE_MS)
        page.on("request", lambda request: fetched.append(request.url))
        yield page
        browser.close()


def sign_in(page: Page, password: str) -> None:
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


def tile(page: Page, label: str, value: str) -> None:
    named = page.get_by_test_id("stMetricLabel").get_by_text(label, exact=True)
    metric = page.get_by_test_id("stMetric").filter(has=named)
    expect(metric.get_by_test_id("stMetricValue")).to_have_text(value, timeout=PATIENCE_MS)


def test_a_wrong_password_is_refused_and_the_right_one_shows_the_numbers(
    page: Page, dashboard: RunningDashboard, fetched: list[str]
) -> None:
    page.goto(dashboard.url)
    sign_in(page, "wrong password")
    expect(page.get_by_role("alert")).to_have_text("That is not the password.")
    sign_in(page, PASSWORD)
    tile(page, "Requests", "42")
    tile(page, "Cost", "$1.29")
    expect(page.get_by_test_id("stVegaLiteChart")).to_have_count(4, timeout=PATIENCE_MS)
    foreign = [url for url in fetched if not url.startswith((dashboard.url, "data:", "blob:"))]
    assert foreign == []


def test_a_link_to_a_trace_leads_there_and_its_prompt_is_inert(
    page: Page, dashboard: RunningDashboard, fetched: list[str]
) -> None:
    page.goto(f"{dashboard.url}/?trace={TRACE}")
    sign_in(page, PASSWORD)
    tile(page, "Spans", "1")
    expect(page.get_by_text(HOSTILE)).to_be_visible(timeout=PATIENCE_MS)
    assert page.locator("img[src*='evil']").count() == 0
    assert not [url for url in fetched if "evil.example" in url]
    assert f"trace={TRACE}" in page.url


def test_signing_out_leaves_nothing_to_see(page: Page, dashboard: RunningDashboard) -> None:
    page.goto(dashboard.url)
    sign_in(page, PASSWORD)
    tile(page, "Requests", "42")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_text("You are signed out.")).to_be_visible(timeout=PATIENCE_MS)
    expect(page.get_by_test_id("stMetric")).to_have_count(0, timeout=PATIENCE_MS)
    page.reload()
    expect(page.get_by_label("Password")).to_be_visible()
