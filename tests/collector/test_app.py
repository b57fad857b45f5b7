import json
from pathlib import Path

from tests.collector.collector_process import CollectorProcess
from tests.collector.records import trace_body

NOWHERE = {"storage": {"url": "clickhouse://127.0.0.1:1"}}


def test_telemetry_is_taken_while_the_store_is_away_and_stored_when_it_is_there(
    tmp_path: Path,
) -> None:
    collector = CollectorProcess(tmp_path, NOWHERE)
    key = collector.key()
    collector.start()
    for number in range(1, 4):
        assert collector.post("/v1/traces", trace_body(number), key)[0] == 200
    assert collector.get("/readyz")[0] == 200
    status, told = collector.get("/healthz")
    assert (status, json.loads(told)["waiting"]) == (503, 3)
    collector.kill()

    again = CollectorProcess(tmp_path)
    again.start()
    ledger = again.wait_stored()
    assert (ledger["recovered"], ledger["stored"]) == (3, 3)
    assert again.sql("SELECT count() FROM otel.otel_traces", key) == [["3"]]
    again.stop()
    assert "Traceback" not in again.log()
