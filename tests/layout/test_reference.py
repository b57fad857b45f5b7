"""The reference says what the code says: every setting, verb, header, attribute, column, metric."""

import pytest
from tests.layout.reference import configuration, headers, metrics, spans
from tests.layout.reference.pages import PAGES, file_of


@pytest.mark.parametrize("name", sorted(PAGES))
def test_the_page_is_what_the_code_says(name: str) -> None:
    again = "stale: run python -m tests.layout.reference --write"
    assert file_of(name).read_text() == PAGES[name](), again


def test_every_setting_says_what_it_means() -> None:
    silent = [setting.path for setting in configuration.settings() if not setting.meaning]
    assert not silent


def test_every_component_with_settings_is_on_the_page() -> None:
    assert {component for component, _ in configuration.models()} >= {
        "proxy",
        "collector",
        "dashboard",
    }


def test_every_header_in_the_code_is_documented() -> None:
    assert headers.in_code() <= headers.documented()


def test_no_header_is_documented_that_nobody_reads_or_writes() -> None:
    promised = {name for name in headers.documented() if headers.OURS.fullmatch(name)}
    assert promised <= headers.in_code()


def test_metrics_and_attributes_are_found_at_all() -> None:
    assert any(metric.name == "gen_ai_client_token_usage" for metric in metrics.metrics())
    assert any(each.name == "gen_ai.request.model" for each in spans.attributes())
