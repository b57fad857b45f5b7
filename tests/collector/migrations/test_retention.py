"""Days to keep, against what a table says it keeps."""

from tollkeeper_collector.migrations.retention import Retention, kept_days, ttl_changes

CONTENT = "CREATE TABLE otel.llm_content (day Date) ENGINE = MergeTree TTL day + toIntervalDay(14)"


def test_reads_the_days_from_a_definition() -> None:
    assert kept_days(CONTENT) == 14
    assert kept_days("… TTL toDate(ts) + INTERVAL 90 DAY SETTINGS x = 1") == 90
    assert kept_days("CREATE TABLE x (a Int8) ENGINE = Memory") is None


def test_changes_only_what_differs() -> None:
    assert list(ttl_changes(Retention(content_days=14), {"llm_content": CONTENT})) == []
    assert list(ttl_changes(Retention(content_days=7), {"llm_content": CONTENT})) == [
        "ALTER TABLE otel.llm_content MODIFY TTL day + INTERVAL 7 DAY"
    ]
