from concurrent.futures import ThreadPoolExecutor

from tollkeeper_proxy.pii.scanner import Scanner


def test_reports_which_pattern_ends_where() -> None:
    scanner = Scanner([r"\bab\b", r"[0-9]{3}"])
    assert scanner.scan("ab 123") == [(0, 2), (1, 6)]


def test_ignores_case() -> None:
    assert Scanner(["needle"]).scan("a NeeDle") == [(0, 8)]


def test_a_pattern_it_cannot_decide_is_reported_rather_more_than_less() -> None:
    scanner = Scanner([r"\b(?!1)[0-9]{4}\b"])
    assert (0, 4) in scanner.scan("2345")


def test_many_threads_may_scan_at_once() -> None:
    scanner = Scanner(["needle"])
    text = "hay " * 5000 + "needle"
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda _: scanner.scan(text), range(200)))
    assert found == [[(0, len(text))]] * 200
