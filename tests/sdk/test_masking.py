import pytest
from hypothesis import given
from hypothesis import strategies as st

from tollkeeper.keys import mint
from tollkeeper.masking import KEPT_CHARACTERS, mask

TAIL = "Zq7Rk2Vw9Yt4Bn6Mc8Xd1Hf3"

SECRETS = [
    f"tk-{TAIL}",
    f"sk-{TAIL}",
    f"sk-proj-{TAIL}",
    f"sk-ant-api03-{TAIL}",
    f"sk-or-v1-{TAIL}",
    f"gsk_{TAIL}",
    f"xai-{TAIL}",
    f"hf_{TAIL}",
    f"AIzaSy{TAIL}",
    "AKIA" + "IOSFODNN7EXAMPLE",
    f"ghp_{TAIL}",
    f"xoxb-123456789012-{TAIL}",
    f"eyJhbGciOiJIUzI1NiJ9.eyJzdWIi.{TAIL}",
]
AROUND = [
    "{}",
    "key={}",
    '{{"k": "{}"}}',
    "Authorization: Bearer {}",
    "x-api-key: {}, next",
    "https://host/path?key={}&a=1",
    "({})",
    "line\n{}\nline",
]


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("around", AROUND)
def test_no_more_than_four_characters_of_a_credential_stay(secret: str, around: str) -> None:
    masked = mask(around.format(secret))
    assert secret[: KEPT_CHARACTERS + 1] not in masked
    assert secret[-6:] not in masked


@pytest.mark.parametrize(
    ("text", "gone"),
    [
        ("Authorization: Basic dXNlcjpodW50ZXIyMTIz", "dXNlcjpodW50"),
        ("authorization: bearer opaque-token-of-somebody", "opaque"),
        ("password=hunter2hunter2", "hunter2"),
        ('"api_key": "plainword"', "plainword"),
        ("aws_secret_access_key = wJalrXUtnFEMI/K7MDENG", "wJalr"),
        ("postgresql://owner:hunter2@db/tollkeeper", "hunter2"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIEow\n-----END RSA PRIVATE KEY-----", "MIIEow"),
        ("-----BEGIN PRIVATE KEY-----\nMIIEow", "MIIEow"),
    ],
)
def test_masks_what_its_neighbourhood_gives_away(text: str, gone: str) -> None:
    assert gone not in mask(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "the task-force met at 10:30",
        "a basic understanding of bearer bonds",
        "risk-averse desk-sharing",
        "model gpt-4o-mini at http://127.0.0.1:4000/v1",
        "tenant default spent 12.50 USD",
        "4bf92f3577b34da6a3ce929d0e0e4736",
    ],
)
def test_leaves_ordinary_words_alone(text: str) -> None:
    assert mask(text) == text


@given(st.text(), st.text())
def test_a_minted_key_never_survives_anywhere(before: str, after: str) -> None:
    key = mint()
    assert key not in mask(f"{before} {key} {after}")


@given(st.text())
def test_masking_twice_changes_nothing_more(text: str) -> None:
    assert mask(mask(text)) == mask(text)
