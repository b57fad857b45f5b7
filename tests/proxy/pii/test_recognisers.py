import pytest

from tollkeeper_proxy.pii.recognisers import recogniser_of


def found(entity: str, text: str, start: int = 0) -> list[str]:
    return [text[m.start : m.end] for m in recogniser_of(entity).matches(text, start)]


@pytest.mark.parametrize(
    ("entity", "text", "expected"),
    [
        ("EMAIL_ADDRESS", "to jo.d@example.co.uk.", ["jo.d@example.co.uk"]),
        ("EMAIL_ADDRESS", "to jo@example.nosuchsuffix", []),
        ("CREDIT_CARD", "pay 4111-1111-1111-1111", ["4111-1111-1111-1111"]),
        ("CREDIT_CARD", "pay 4111-1111-1111-1112", []),
        ("US_SSN", "ssn 536-22-8726", ["536-22-8726"]),
        ("US_SSN", "ssn 000-22-8726", []),
        ("PHONE_NUMBER", "call (212) 555-0198", ["(212) 555-0198"]),
        ("PHONE_NUMBER", "call 212 -- 555 -- 0198", ["212 -- 555 -- 0198"]),
        ("PHONE_NUMBER", "Box 1684", []),
        ("PHONE_NUMBER", "on 2024-01-15 10:22:33", []),
    ],
)
def test_finds_what_presidio_accepts(entity: str, text: str, expected: list[str]) -> None:
    assert sorted(set(found(entity, text))) == expected


def test_what_stands_before_the_start_is_only_context() -> None:
    assert found("US_SSN", "536-22-8726 536-22-8727", 11)[:1] == ["536-22-8727"]
    assert found("US_SSN", "1536-22-8726", 1) == []


def test_an_unknown_entity_is_refused() -> None:
    with pytest.raises(KeyError, match="SHOE_SIZE"):
        recogniser_of("SHOE_SIZE")
