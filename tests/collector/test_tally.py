from concurrent.futures import ThreadPoolExecutor

from tollkeeper_collector.tally import Tally


def test_counts_by_outcome_signal_and_reason() -> None:
    tally = Tally()
    tally.add("accepted", "traces", 5)
    tally.add("rejected", "traces", 2, reason="old")
    tally.add("rejected", "logs", 1, reason="old")
    assert tally.total("rejected") == 3
    assert tally.total("rejected", "logs") == 1
    assert tally.counts()["accepted", "traces", ""] == 5


def test_nothing_is_not_counted() -> None:
    tally = Tally()
    tally.add("dropped", "traces", 0, reason="none")
    assert not tally.counts()


def test_no_count_is_lost_between_threads() -> None:
    tally = Tally()

    def count(_: int) -> None:
        for _ in range(1000):
            tally.add("stored", "traces")

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(count, range(8)))
    assert tally.total("stored") == 8000
