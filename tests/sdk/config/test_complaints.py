import pytest
from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from tollkeeper.config.complaints import complaint, nearest


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str = ""

    @field_validator("name")
    @classmethod
    def _short(cls, value: str) -> str:
        if len(value) > 3:
            raise ValueError("at most three letters")
        return value


class Outer(BaseModel):
    model_config = ConfigDict(extra="forbid")

    inner: Inner | None = None
    many: dict[str, tuple[Inner, ...]] = {}
    weights: list[float] = []


def said(data: object) -> str:
    with pytest.raises(ValidationError) as refused:
        Outer.model_validate(data)
    return complaint(Outer, refused.value.errors()[0])


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"iner": 1}, "unknown field 'iner'; did you mean 'inner'?"),
        ({"inner": {"nane": 1}}, "unknown field 'nane'; did you mean 'name'?"),
        ({"many": {"a": [{"nmae": 1}]}}, "unknown field 'nmae'; did you mean 'name'?"),
        ({"many": {"inner": [{"nmae": 1}]}}, "unknown field 'nmae'; did you mean 'name'?"),
        ({"zzz": 1}, "unknown field 'zzz'"),
        ({"x" * 500: 1}, f"unknown field '{'x' * 60}'"),
        ({"weights": ["a"]}, "weights.0: expected a number"),
        ({"weights": 1}, "weights: expected a list"),
        ({"inner": {"name": "long one"}}, "inner.name: at most three letters"),
    ],
)
def test_says_what_is_wrong_without_the_value(data: object, words: str) -> None:
    assert said(data) == words


def test_names_a_neighbour_only_when_there_is_one() -> None:
    assert nearest("polices", ["policies", "cache"]) == "; did you mean 'policies'?"
    assert nearest("xyz", ["policies", "cache"]) == ""
