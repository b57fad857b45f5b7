"""The product in one story: questions asked through the OpenAI SDK become rows in the store, a
number on the dashboard's page, and lines in the export.
"""

import csv
import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pyarrow.parquet as pq
import pytest
from openai import OpenAI
from tests.equipment import browser
from tests.equipment.browser import Window
from tests.equipment.places import has_shared, shared
from tests.equipment.sql import Row, Sql
from tests.equipment.stack import Stack

pytestmark = pytest.mark.timeout(240)

HOW_MANY: Final = 24
# For those who have no recorded material: a few questions of our own.
OWN_QUESTIONS: Final = (
    "How high is the Zugspitze?",
    "Wie viele Einwohner hat Köln?",
    "北京有多少人",
    "Name a prime between 20 and 30.",
)
USER, SESSION = "mt-bench", "the-story"


@dataclass(frozen=True, slots=True)
class Story:
    """What was asked and what came back."""

    questions: list[str]
    request_ids: list[str]
    answers: list[str]


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Return a product in whose book nothing stands yet."""
    with Stack(tmp_path_factory.mktemp("story")) as stack:
        yield stack


@pytest.fixture(scope="module")
def story(fresh: Stack) -> Story:
    told = {"x-tollkeeper-user": USER, "x-tollkeeper-session": SESSION}
    request_ids, answers = [], []
    with OpenAI(base_url=fresh.base_url, api_key=fresh.key, default_headers=told) as client:
        for question in _questions():
            raw = client.chat.completions.with_raw_response.create(
                model="demo/echo", messages=[{"role": "user", "content": question}]
            )
            request_ids.append(raw.headers["x-request-id"])
            answers.append(raw.parse().choices[0].message.content or "")
    return Story(_questions(), request_ids, answers)


@pytest.fixture(scope="module")
def rows(fresh: Stack, story: Story) -> list[Row]:
    with Sql(fresh.ports["sql"], fresh.key) as sql:
        return sql.calls(story.request_ids)


def test_the_questions_are_answered(story: Story) -> None:
    assert story.answers == story.questions


def test_every_question_is_a_row_with_its_words_usage_and_price(
    story: Story, rows: list[Row]
) -> None:
    by_id = {row["request_id"]: row for row in rows}
    assert len(rows) == len(story.questions)
    for request_id, question in zip(story.request_ids, story.questions, strict=True):
        row = by_id[request_id]
        assert row["input_preview"][:20] == question[:20]
        assert row["user_id"] == USER
        assert row["session_id"] == SESSION
        assert row["input_tokens"] > 0
        assert row["cost_usd"] is not None
        assert row["outcome"] == "complete"


@pytest.mark.browser
@pytest.mark.skipif(browser.chromium() is None, reason=browser.ABSENT)
def test_the_number_of_questions_stands_on_the_dashboard(
    fresh: Stack, story: Story, rows: list[Row]
) -> None:
    with browser.window() as window:
        _sign_in(window, fresh)
        tile = window.page.locator('[data-testid="stMetric"]', has_text="Requests").first
        tile.wait_for()
        assert tile.locator('[data-testid="stMetricValue"]').inner_text() == str(len(rows))
        errors = window.page.locator('[data-testid="stMetric"]', has_text="Errors").first
        assert errors.locator('[data-testid="stMetricValue"]').inner_text() == "0"
        window.page.get_by_text("demo/echo").or_(window.page.get_by_text("echo")).first.wait_for()
        assert window.page.locator('[data-testid="stException"]').count() == 0
        assert not window.strangers
        assert not window.complaints


@pytest.mark.browser
@pytest.mark.skipif(browser.chromium() is None, reason=browser.ABSENT)
def test_nobody_sees_the_dashboard_without_its_password(fresh: Stack) -> None:
    with browser.window() as window:
        window.page.goto(_dashboard(fresh))
        window.page.get_by_label("Password").fill("not the password")
        with window.page.expect_navigation() as leading:
            window.page.keyboard.press("Enter")
        assert leading.value is not None
        assert leading.value.status == 401
        window.page.locator('input[type="password"]').wait_for()
        assert window.page.locator('[data-testid="stApp"]').count() == 0


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_every_question_is_a_line_in_the_export(
    fresh: Stack, story: Story, rows: list[Row], tmp_path: Path, form: str
) -> None:
    file = tmp_path / f"calls.{form}"
    now = datetime.now(UTC)
    begin, end = now - timedelta(hours=1), now + timedelta(hours=1)
    fresh.run(
        *("export", "calls", "--format", form, "--out", str(file)),
        *("--from", begin.isoformat(timespec="seconds"), "--to", end.isoformat(timespec="seconds")),
    )
    exported = _read(file, form)
    assert {line["request_id"] for line in exported} == set(story.request_ids)
    manifest = json.loads(Path(f"{file}.manifest.json").read_text())
    assert manifest["rows"] == len(exported)
    assert manifest["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()


def _questions() -> list[str]:
    if not has_shared():
        return list(OWN_QUESTIONS)
    file = shared() / "data" / "load" / "mt_bench_question.jsonl"
    lines = file.read_text("utf-8").splitlines()
    return [json.loads(line)["turns"][0] for line in lines[:HOW_MANY]]


def _dashboard(stack: Stack) -> str:
    return f"http://127.0.0.1:{stack.ports['dashboard']}/"


def _sign_in(window: Window, stack: Stack) -> None:
    """Sign in the way a person does on the first day: with the password the start showed."""
    shown = re.search(r"dashboard password\s+(\S+)", stack.log_file.read_text())
    assert shown
    window.page.goto(_dashboard(stack))
    window.page.get_by_label("Password").fill(shown[1])
    window.page.keyboard.press("Enter")
    window.page.locator('[data-testid="stApp"]').wait_for()


def _read(file: Path, form: str) -> list[dict[str, Any]]:
    match form:
        case "csv":
            with file.open(newline="", encoding="utf-8") as source:
                return list(csv.DictReader(source))
        case "jsonl":
            return [json.loads(line) for line in file.read_text("utf-8").splitlines()]
        case _:
            return pq.read_table(file).to_pylist()
