"""Exports against a real SQL port: what went in comes out, in every format, whole or not at all."""

import csv
import hashlib
import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest
from tests.collector.sql.port import SqlPort
from tests.collector.store.spans import DAY_NS, NOON_NS, SECOND_NS, Span, block, call

from tollkeeper.cli.program import run
from tollkeeper_collector.exports.cells import unguarded
from tollkeeper_collector.exports.columns import CALLS
from tollkeeper_collector.sql import SqlLimits
from tollkeeper_collector.sql.limits import Bounds
from tollkeeper_collector.store.clickhouse import ClickHouseStore
from tollkeeper_collector.store.opening import Engine

NASTY = [
    "=1+1", "+1", "-1", "@SUM(A1)",
    "\t=1", "\r=1", "\n=1", " =1", "'=1", '"=1', "\uff1d1", "'", "''=1",
    "a,b", 'say "hi"', "two\r\nlines", "nul\0inside", "😀", "\u202eright to left", "", " ", "-",
    "x" * 40_000, "NULL", "\\N", "{}", "1e5", "+49 30 123", "cafe\u0301",
]  # fmt: skip
# What spreadsheets run: a formula, also behind blanks and line ends, and in full width.
RUN = re.compile(r"\s*[=+\-@\uff1d]|[\t\r\n]")
Rows = list[dict[str, Any]]
Export = Callable[..., int]


@pytest.fixture(scope="module")
def port(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqlPort]:
    store = ClickHouseStore(engine)
    store.insert(block([_nasty(n, text) for n, text in enumerate(NASTY)]))
    store.insert(block([_nasty(3, NASTY[3])]))  # sent again in another block
    store.insert(block([call(1000, tenant="othertenant")]))
    edges = (0, 1, 86_399, 86_400)
    store.insert(block([_at(2000 + n, n) for n in edges]))
    store.close()
    running = SqlPort(engine, tmp_path_factory.mktemp("keys"), SqlLimits())
    yield running
    running.stop()


def _nasty(number: int, text: str) -> Span:
    tags = json.dumps([text, "second"])
    cost = {"tollkeeper__cost__usd": "0.000000000001"} if number % 2 else {}
    said = {"user__id": text, "tollkeeper__tags": tags, "tollkeeper__input__preview": text, **cost}
    span = call(number, tenant="alpha", at_ns=NOON_NS + number * 1000, **said)
    unpriced = {k: v for k, v in span.attributes.items() if k != "tollkeeper.cost.usd" or cost}
    return Span(number, "alpha", span.at_ns, attributes=unpriced)


def _at(number: int, second: int) -> Span:
    """Return a call so many seconds into the quiet day, ten days before the busy one."""
    midnight_ns = NOON_NS // DAY_NS * DAY_NS - 10 * DAY_NS
    return call(number, tenant="alpha", at_ns=midnight_ns + second * SECOND_NS)


@pytest.fixture
def export(port: SqlPort, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Export:
    """Run the verb in an empty folder, as alpha unless told."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TOLLKEEPER_CONFIG", raising=False)

    def run_verb(*arguments: str, who: str = "alpha") -> int:
        monkeypatch.setenv("TOLLKEEPER_API_KEY", port.keys[who])
        url = f"http://127.0.0.1:{port.port}"
        return run(["export", "calls", "--url", url, *arguments])

    return run_verb


def expected(port: SqlPort) -> Rows:
    """Return alpha's calls of the day as the SQL port has them."""
    client = port.client("alpha")
    columns = ", ".join(column.sql for column in CALLS)
    busy = f"toDate(llm_calls.ts) = '{day(0)}'"
    found = client.query(
        f"SELECT {columns} FROM llm_calls FINAL WHERE {busy} ORDER BY llm_calls.ts"
    )
    rows = list(found.named_results())
    client.close()
    return rows


def day(offset: int) -> str:
    """Return the busy day, or so many days after it, as ISO 8601 has it."""
    return (datetime.fromtimestamp(NOON_NS / 1e9, UTC) + timedelta(days=offset)).date().isoformat()


QUIET = day(-10)
DAY = ("--from", day(0), "--to", day(1))


def test_csv_holds_every_call_once_and_every_cell_exactly(port: SqlPort, export: Export) -> None:
    assert export(*DAY, "--format", "csv", "--out", "calls.csv") == 0
    with Path("calls.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    wanted = expected(port)
    assert len(rows) == len(wanted) == len(NASTY)
    for row, call_ in zip(rows, wanted, strict=True):
        assert unguarded(row["user_id"]) == call_["user_id"]
        assert json.loads(row["tags"]) == call_["tags"]
        assert row["ts"] == call_["ts"].strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        assert (Decimal(row["cost_usd"]) if row["cost_usd"] else None) == call_["cost_usd"]
        assert int(row["input_tokens"]) == call_["input_tokens"]
        assert row["status"] == call_["status"]


def test_no_text_cell_of_a_csv_begins_a_formula(export: Export) -> None:
    assert export(*DAY, "--out", "calls.csv") == 0
    with Path("calls.csv").open(newline="", encoding="utf-8") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    assert not [cell for cell in cells if RUN.match(cell)]


def test_raw_csv_is_exact_without_undoing(port: SqlPort, export: Export) -> None:
    assert export(*DAY, "--raw", "--out", "calls.csv") == 0
    with Path("calls.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["user_id"] for row in rows] == [row["user_id"] for row in expected(port)]


def test_json_lines_hold_every_value_exactly(port: SqlPort, export: Export) -> None:
    assert export(*DAY, "--format", "jsonl", "--out", "calls.jsonl") == 0
    rows = [json.loads(line) for line in Path("calls.jsonl").read_bytes().splitlines()]
    for row, call_ in zip(rows, expected(port), strict=True):
        cost = call_["cost_usd"]
        exact = {"ts": call_["ts"].strftime("%Y-%m-%dT%H:%M:%S.%fZ")}
        exact |= {"cost_usd": None if cost is None else f"{cost:f}"}
        assert row == {**call_, **exact}


def test_parquet_holds_every_value_typed(port: SqlPort, export: Export) -> None:
    assert export(*DAY, "--format", "parquet", "--out", "calls.parquet") == 0
    table = pyarrow.parquet.read_table("calls.parquet")
    assert str(table.schema.field("cost_usd").type) == "decimal128(18, 12)"
    assert str(table.schema.field("ts").type) == "timestamp[us, tz=UTC]"
    for row, call_ in zip(table.to_pylist(), expected(port), strict=True):
        assert row == {**call_, "ts": call_["ts"].replace(tzinfo=UTC)}


@pytest.mark.parametrize("file_format", ["csv", "jsonl", "parquet"])
def test_the_manifest_proves_the_file(export: Export, file_format: str) -> None:
    assert export(*DAY, "--format", file_format, "--user", "=1+1") == 0
    file = Path(f"calls_{day(0)}_{day(1)}.{file_format}")
    said = json.loads(file.with_name(f"{file.name}.manifest.json").read_text())
    assert said["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert said["size_bytes"] == file.stat().st_size
    assert (said["rows"], said["format"], said["file"]) == (1, file_format, file.name)
    assert said["range"]["from"] == f"{day(0)}T00:00:00.000000Z"
    assert said["range"]["to"] == f"{day(1)}T00:00:00.000000Z"
    assert said["filters"] == {"user": "=1+1"}
    assert [column["name"] for column in said["columns"]] == [column.name for column in CALLS]
    assert said["created_at"].endswith("Z")
    assert said["tool"].startswith("tollkeeper")
    assert file.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("start", "end", "numbers"),
    [
        (QUIET, day(-9), [2000, 2001, 2000 + 86_399]),
        (f"{QUIET}T00:00:01", f"{QUIET}T23:59:59", [2001]),
        (f"{QUIET}T01:00:00+01:00", f"{QUIET}T00:00:01Z", [2000]),
        (day(-9), day(-8), [2000 + 86_400]),
        (day(-8), day(-1), []),
    ],
)
def test_the_range_takes_its_first_instant_and_not_its_last(
    export: Export, start: str, end: str, numbers: list[int]
) -> None:
    assert export("--from", start, "--to", end, "--format", "jsonl", "--out", "x.jsonl") == 0
    rows = [json.loads(line) for line in Path("x.jsonl").read_text().splitlines()]
    assert [int(row["span_id"], 16) for row in rows] == numbers


def test_a_key_exports_its_tenant_and_an_admin_all(export: Export) -> None:
    everything = ("--format", "jsonl", "--out", "x.jsonl", "--force")
    for who, tenants in (("alpha", {"alpha"}), ("admin", {"alpha", "othertenant"})):
        assert export(*DAY, *everything, who=who) == 0
        rows = [json.loads(line) for line in Path("x.jsonl").read_text().splitlines()]
        assert {row["tenant_id"] for row in rows} == tenants


def test_filters_by_model_and_key(export: Export) -> None:
    for filters, rows in (
        (("--model", "gpt-4o-mini"), len(NASTY)),
        (("--model", "gpt-4o-mini-2024-07-18"), len(NASTY)),
        (("--model", "x' OR 1=1 --"), 0),
        (("--key-name", "nobody"), 0),
    ):
        assert export(*DAY, *filters, "--format", "jsonl", "--out", "x.jsonl", "--force") == 0
        assert len(Path("x.jsonl").read_text().splitlines()) == rows


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (("--from", "yesterday", "--to", "2026-11-22"), 2),
        (("--from", "2026-11-31", "--to", "2026-12-22"), 2),
        (("--from", "2026-11-22", "--to", "2026-11-21"), 2),
        (("--from", "2026-11-22", "--to", "2026-11-22"), 2),
        (("--from", "2026-11-21"), 2),
        ((*DAY, "--format", "xlsx"), 2),
        ((*DAY, "--out", "no/such/folder/x.csv"), 2),
        ((*DAY, "--url", "ftp://127.0.0.1"), 2),
        ((*DAY, "--url", "http://127.0.0.1:9"), 1),
        ((*DAY, "--key", "tk-unknown"), 1),
    ],
)
def test_says_what_is_wrong_in_one_line_and_leaves_nothing(
    export: Export, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], status: int
) -> None:
    assert export(*arguments) == status
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 1
    assert "Traceback" not in said
    assert not list(Path().iterdir())


def test_never_replaces_a_file_unless_told(export: Export, tmp_path: Path) -> None:
    kept = tmp_path / "x.csv"
    kept.write_text("mine")
    assert export(*DAY, "--out", "x.csv") == 2
    link = tmp_path / "y.csv"
    link.symlink_to(tmp_path / "elsewhere")
    assert export(*DAY, "--out", "y.csv") == 2
    assert kept.read_text() == "mine"
    assert export(*DAY, "--out", "x.csv", "--force") == 0
    assert kept.read_text().startswith("tenant_id,")


def test_leaves_no_file_when_the_store_fails_midway(
    engine: Engine, port: SqlPort, export: Export, tmp_path_factory: pytest.TempPathFactory
) -> None:
    few = Bounds(60, 10, 0, 0, 0)  # the first day has fewer rows, the second more
    narrow = SqlPort(engine, tmp_path_factory.mktemp("keys"), SqlLimits(tenant=few))
    there = ("--url", f"http://127.0.0.1:{narrow.port}", "--key", narrow.keys["alpha"])
    assert export("--from", day(-1), "--to", day(1), *there) == 1
    narrow.stop()
    assert not list(Path().iterdir())


def test_finds_the_port_and_the_key_of_a_data_folder(
    port: SqlPort, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TOLLKEEPER_API_KEY", raising=False)
    data, file = tmp_path / "data", tmp_path / "x.jsonl"
    data.mkdir()
    arguments = ["export", "calls", *DAY, "--format", "jsonl", "--out", str(file)]
    assert run([*arguments, "--data", str(data)]) == 1
    (data / "run.json").write_text(json.dumps({"ports": {"sql": port.port}, "pids": {}}))
    assert run([*arguments, "--data", str(data)]) == 2
    (data / "system.key").write_text(f"{port.keys['system']}\n")
    assert run([*arguments, "--data", str(data)]) == 0
    assert len(file.read_text().splitlines()) == len(NASTY) + 1


def test_knows_every_column_of_the_table_but_the_version(port: SqlPort) -> None:
    reply = port.ask("alpha", "SELECT name, type FROM system.columns WHERE table = 'llm_calls'")
    there = dict(line.split("\t", 1) for line in reply.text.splitlines())
    assert set(there) - {"version"} == {column.name for column in CALLS}
    for column in CALLS:
        assert there[column.name].replace("\\'", "'").startswith(column.type)
