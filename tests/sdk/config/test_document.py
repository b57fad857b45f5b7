from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tollkeeper.config import document
from tollkeeper.config.environment import Environment
from tollkeeper.errors import ConfigError


def refused(text: str) -> str:
    with pytest.raises(ConfigError) as refusal:
        document.parse(text, name="tollkeeper.yaml")
    assert "\n" not in str(refusal.value)
    return str(refusal.value)


def values(text: str, **variables: str) -> object:
    parsed = document.parse(text, name="tollkeeper.yaml")
    node = document.Node(parsed.root, 1)
    return document.plain(document.resolve(node, Environment(variables), name=parsed.name))


def test_every_node_knows_its_line() -> None:
    parsed = document.parse(
        "# a comment\nserver:\n  port: 1\nmodels:\n  fast:\n    targets:\n      - a\n      - b\n",
        name="f",
    )
    lines = {field: parsed.find(field) for field in ("server", "server.port", "models.fast")}
    assert {field: node.line for field, node in lines.items() if node} == {
        "server": 2,
        "server.port": 3,
        "models.fast": 5,
    }
    last = parsed.find("models.fast.targets.1")
    assert last is not None
    assert (last.line, last.content) == (8, "b")


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "null\n", "~"])
def test_an_empty_file_says_nothing(text: str) -> None:
    assert values(text) == {}


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("off", "off"),
        ("no", "no"),
        ("on", "on"),
        ("true", True),
        ("False", False),
        ("12", 12),
        ("-3", -3),
        ("1_000", 1000),
        ("007", 7.0),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        ("12:30", "12:30"),
        ("2026-01-01", "2026-01-01"),
        ("'12'", "12"),
        ('"true"', "true"),
        ("null", None),
        ("''", ""),
        ("[a, 1]", ["a", 1]),
        ("{a: {b: c}}", {"a": {"b": "c"}}),
    ],
)
def test_reads_scalars_as_yaml_1_2(written: str, meant: object) -> None:
    assert values(f"a: {written}\n") == {"a": meant}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\nb: 2\na: 3\n", ":3: 'a' was already set in line 1"),
        ("a: {x: 1, x: 2}", ":1: 'x' was already set"),
        ("a: &x [1]\nb: *x\n", ":1: anchors and aliases"),
        ("a: *x\n", ":1: anchors and aliases"),
        ("a: 1\nb: !!python/object:os.system x\n", ":2: tags"),
        ("a: !secret x\n", ":1: tags"),
        ("- a\n- b\n", ":1: expected sections"),
        ("just words\n", ":1: expected sections"),
        ("a:\n\tb: 1\n", ":2: "),
        ("a: [1, 2\n", ":2: "),
        ("a: 'open\n", ": "),
        ("a: 1\n--- \nb: 2\n", ":2: "),
        ("? [a]\n: 1\n", ":1: a key must be a word"),
        ("'': 1\n", ":1: a key must be a word"),
        ("a: \x00\n", ":1: a character"),
        ("a: " + "[" * 200 + "]" * 200, ":1: nested deeper than 32"),
        ("a: b: c\n", ":1: "),
    ],
)
def test_refuses_with_file_and_line(text: str, said: str) -> None:
    assert said in refused(text)
    assert refused(text).startswith("tollkeeper.yaml:")


def test_a_bomb_of_aliases_is_refused_before_it_grows() -> None:
    bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n"
    for name, inner in zip("bcdefghi", "abcdefgh", strict=True):
        bomb += f"{name}: &{name} [{','.join([f'*{inner}'] * 9)}]\n"
    assert "anchors and aliases" in refused(bomb)


def test_variables_are_put_into_strings_and_stay_strings() -> None:
    found = values(
        'key: "${K}"\nport: ${P}\nurl: http://${H}:${P}/v1\nlist: ["${K}"]\nplain: $${K} $HOME $\n',
        K="12345",
        P="80",
        H="lab",
    )
    assert found == {
        "key": "12345",
        "port": "80",
        "url": "http://lab:80/v1",
        "list": ["12345"],
        "plain": "${K} $HOME $",
    }


def test_a_value_from_the_environment_is_not_read_again() -> None:
    assert values("a: ${A}\n", A="${B} $${C}", B="wrong") == {"a": "${B} $${C}"}


def test_a_missing_variable_is_named_with_its_line() -> None:
    with pytest.raises(ConfigError, match=r"^tollkeeper\.yaml:2: environment variable NO_KEY is"):
        values("a: 1\nb: ${NO_KEY}\n")


@pytest.mark.parametrize("text", ["a: ${", "a: ${}", "a: ${A B}", "a: ${A", "a: ${A:-x}"])
def test_a_malformed_reference_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"tollkeeper\.yaml:1: "):
        values(text, A="x")


def test_a_file_that_is_not_utf8_is_refused_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "tollkeeper.yaml"
    path.write_bytes(b"a: 1\nb: \xff\n")
    with pytest.raises(ConfigError, match=r"tollkeeper\.yaml:2: not UTF-8"):
        document.read(path)


def test_a_file_that_is_too_large_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "tollkeeper.yaml"
    path.write_bytes(b"#" * (document.MAX_SIZE_BYTES + 1))
    with pytest.raises(ConfigError, match="larger than"):
        document.read(path)


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused_in_one_line(text: str) -> None:
    said = ""
    try:
        document.parse(text, name="f")
    except ConfigError as refusal:
        said = str(refusal)
    assert said == "" or said.startswith("f:")
    assert "\n" not in said
