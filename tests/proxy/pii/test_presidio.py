import subprocess
import sys

import pytest
from tests.equipment.socket_guard import SocketGuard

from tollkeeper_proxy.pii import presidio

LOADS = """
import sys
from tollkeeper_proxy.pii.presidio import RECOGNISERS, pattern_recogniser, phone_recogniser
for entity in RECOGNISERS:
    pattern_recogniser(entity)
phone_recogniser()
print([name for name in sys.modules if name.split(".")[0] in ("presidio_analyzer", "spacy")])
"""


def test_loads_the_recognisers_without_the_rest_and_leaves_no_stand_in() -> None:
    run = subprocess.run([sys.executable, "-c", LOADS], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_the_real_package_stays_what_it_is_when_it_was_there_before() -> None:
    import presidio_analyzer  # noqa: PLC0415 - slow, and only this test wants it

    presidio.pattern_recogniser("CREDIT_CARD")
    assert sys.modules["presidio_analyzer"] is presidio_analyzer
    assert "presidio_analyzer.analyzer_engine" in sys.modules


def test_judges_a_domain_without_asking_the_network(socket_guard: SocketGuard) -> None:
    recogniser = presidio.pattern_recogniser("EMAIL_ADDRESS")
    assert recogniser.validate_result("a@example.co.uk")
    assert not recogniser.validate_result("a@example.nosuchsuffix")
    assert socket_guard.take_attempts() == []


def test_says_which_entity_it_does_not_know() -> None:
    with pytest.raises(KeyError, match="IBAN_CODE"):
        presidio.pattern_recogniser("IBAN_CODE")
