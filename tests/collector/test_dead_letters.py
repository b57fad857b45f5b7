from pathlib import Path

import orjson

from tollkeeper_collector.dead_letters import DeadLetters
from tollkeeper_collector.store import Block

BLOCK = Block("otel_traces", ("TraceId", "SpanAttributes"), (["1", "2"], [{}, {"a": "b"}]), "token")


def letters(folder: Path) -> list[object]:
    lines = b"".join(file.read_bytes() for file in sorted(folder.iterdir())).splitlines()
    return [orjson.loads(line) for line in lines]


def test_every_row_is_a_line_with_its_reason(tmp_path: Path) -> None:
    DeadLetters(tmp_path).keep(BLOCK, "bad value")
    assert letters(tmp_path) == [
        {"table": "otel_traces", "reason": "bad value", "row": {"TraceId": t, "SpanAttributes": a}}
        for t, a in (("1", {}), ("2", {"a": "b"}))
    ]


def test_a_repeat_replaces_what_was_written_before(tmp_path: Path) -> None:
    kept = DeadLetters(tmp_path / "dead-letter")
    kept.keep(BLOCK, "bad value")
    kept.keep(BLOCK, "bad value")
    assert len(letters(tmp_path / "dead-letter")) == 2


def test_other_users_cannot_read_them(tmp_path: Path) -> None:
    DeadLetters(tmp_path / "dead-letter")
    assert (tmp_path / "dead-letter").stat().st_mode & 0o077 == 0
