from hypothesis import given
from hypothesis import strategies as st

from tollkeeper_proxy.pii.findings import Finding, Match, replace, settle

SPANS = st.builds(
    lambda start, length, entity, score: Match(start, start + length, entity, score),
    st.integers(0, 50),
    st.integers(1, 10),
    st.sampled_from(["A", "B", "C"]),
    st.floats(0.05, 1.0),
)


@given(st.lists(SPANS))
def test_every_matched_character_is_in_exactly_one_finding(matches: list[Match]) -> None:
    findings = settle(matches)
    covered = [at for finding in findings for at in range(finding.start, finding.end)]
    assert sorted(covered) == sorted({at for m in matches for at in range(m.start, m.end)})


def test_an_overlap_is_named_after_the_surest_match() -> None:
    found = settle([Match(0, 9, "US_SSN", 0.05), Match(0, 16, "CREDIT_CARD", 1.0)])
    assert found == [Finding(0, 16, "CREDIT_CARD")]


def test_neighbours_stay_two_findings() -> None:
    assert len(settle([Match(0, 4, "A", 0.5), Match(4, 8, "B", 0.5)])) == 2


def test_replaces_each_finding_by_its_name_and_leaves_the_rest() -> None:
    text = "to a@b.de, from c@d.de."
    findings = [Finding(3, 9, "EMAIL_ADDRESS"), Finding(16, 22, "EMAIL_ADDRESS")]
    assert replace(text, findings) == "to [EMAIL_ADDRESS], from [EMAIL_ADDRESS]."
