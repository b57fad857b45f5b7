import pytest

from tollkeeper.keys import Role
from tollkeeper_collector.content import ContentMode, keeps


@pytest.mark.parametrize(
    ("mode", "sender", "kept"),
    [
        ("off", "system", False),
        ("off", "member", False),
        ("redacted", "system", True),
        ("redacted", "member", False),
        ("redacted", "admin", False),
        ("full", "system", True),
        ("full", "member", True),
    ],
)
def test_keeps_unredacted_content_only_when_all_of_it_may_be_kept(
    mode: ContentMode, sender: Role, kept: bool
) -> None:
    assert keeps(mode, sender) is kept
