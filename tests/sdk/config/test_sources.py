import pytest
from pydantic import BaseModel

from tollkeeper.config import Environment, Override, document
from tollkeeper.config.sources import Sources
from tollkeeper.errors import ConfigError


class Part(BaseModel):
    port: int = 1
    names: tuple[str, ...] = ()


class Settings(BaseModel):
    part: Part = Part()
    parts: dict[str, Part] = {}


def sources(text: str, *overrides: Override, **variables: str) -> Sources:
    file = document.parse(text, name="t.yaml")
    return Sources.of(Settings, file, Environment(variables), overrides)


def test_the_nearest_node_that_set_a_value_is_its_source() -> None:
    found = sources("part:\n  port: 2\nparts:\n  '7':\n    names:\n      - a\n")
    assert found.source(("part", "port")) == "t.yaml:2"
    assert found.source(("part", "names")) == "default"
    assert found.source(("parts", "7", "names")) == "t.yaml:5"
    assert found.source(("parts", "7", "names", "0")) == "t.yaml:6"


def test_an_override_is_the_source_unless_it_gave_way() -> None:
    flag = Override("part.port", 3, "flag", "--port")
    default = Override("part.names", ("x",), "default")
    found = sources("part: {names: [y]}", flag, default)
    assert found.source(("part", "port")) == "--port"
    assert found.source(("part", "names")) == "t.yaml:1"
    assert found.validate(Settings).part == Part(port=3, names=("y",))


def test_an_empty_section_takes_overrides() -> None:
    found = sources("part:\n", Override("part.port", 3, "flag", "--port"))
    assert found.validate(Settings).part.port == 3


def test_an_override_of_a_section_that_is_no_section_leaves_the_mistake_visible() -> None:
    found = sources("part: 5\n", Override("part.port", 3, "flag", "--port"))
    with pytest.raises(ConfigError, match=r"^t\.yaml:1: part: expected named fields"):
        found.validate(Settings)


def test_variables_of_foreign_sections_are_not_asked_for() -> None:
    assert sources("other: ${NOT_SET}\n").validate(Settings) == Settings()
