"""The sign-in page: nothing in it comes from elsewhere, nothing it is given becomes HTML."""

import re

import pytest

from tollkeeper_dashboard.door import login_page

HOSTILE = '"><script>alert(1)</script>'


@pytest.mark.parametrize(
    "page",
    [
        login_page.form(HOSTILE, HOSTILE),
        login_page.shut(HOSTILE, HOSTILE),
    ],
)
def test_what_it_is_given_stays_text(page: str) -> None:
    assert "<script" not in page
    assert "&lt;script&gt;" in page


def test_it_fetches_nothing() -> None:
    for page in (login_page.form("/"), login_page.shut("no", "data")):
        assert not re.search(r"https?://|//[a-z]|@import|url\(", page)


def test_the_destination_is_kept_in_the_form() -> None:
    assert 'name="next" value="/?trace=ab&amp;x=1"' in login_page.form("/?trace=ab&x=1")


def test_without_a_password_it_says_how_to_make_one() -> None:
    page = login_page.shut("there is no password yet", "/var/lib/tollkeeper")
    assert "tollkeeper dashboard --new-password --data /var/lib/tollkeeper" in page
    assert "<form" not in page
