from collections import Counter

from prometheus_client.parser import text_string_to_metric_families

from tollkeeper_collector.metrics_page import RECORDS, Counts, page
from tollkeeper_collector.tally import Tally

PREFIX = "tollkeeper_collector_"


def counts(tally: Tally) -> Counts:
    return Counts(
        records=tally.counts(),
        waiting=Counter({0: 7}),
        requests=Counter({200: 3, 503: 1}),
        in_flight=2,
        journal_bytes=12_345_678,
        journal_damaged=0,
        store_failures=4,
        store_up=False,
    )


def samples(text: str) -> dict[tuple[str, ...], float]:
    return {
        (sample.name.removeprefix(PREFIX), *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_the_page_is_what_prometheus_reads() -> None:
    tally = Tally()
    tally.add("accepted", "traces", 123_456_789)
    tally.add("rejected", "logs", 2, reason='odd "reason"\n\\')
    seen = samples(page(counts(tally)))
    assert seen["accepted_records_total", "traces"] == 123_456_789
    assert seen["rejected_records_total", "logs", 'odd "reason"\n\\'] == 2
    assert seen["waiting_records", "traces"] == 7
    assert seen["waiting_records", "logs"] == 0
    assert seen["requests_total", "503"] == 1
    assert seen["journal_bytes",] == 12_345_678
    assert seen["store_up",] == 0


def test_every_family_says_what_it_is_before_it_has_a_count() -> None:
    text = page(counts(Tally()))
    for name, meaning in RECORDS.values():
        assert f"# HELP {name} {meaning}\n# TYPE {name} counter\n" in text
