from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from tollkeeper.config import Environment, Override, load
from tollkeeper.errors import ConfigError


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Server(Section):
    host: str = "127.0.0.1"
    port: int = Field(4000, ge=0, le=65535)
    stream: bool = False


class Provider(Section):
    api_key: SecretStr = SecretStr("none")
    base_url: str = ""


class Target(Section):
    model: str
    weight: float = 1.0


class Alias(Section):
    strategy: str = Field("ordered", pattern="^(ordered|weighted)$")
    targets: tuple[Target, ...] = Field(min_length=1)


class Policies(Section):
    mode: str = "off"


class Settings(Section):
    server: Server = Server()
    providers: dict[str, Provider] = {}
    models: dict[str, Alias] = {}
    policies: Policies | None = None


def read(tmp_path: Path, text: str, *overrides: Override, **variables: str) -> Settings:
    path = tmp_path / "tollkeeper.yaml"
    path.write_text(text)
    return load(Settings, path=path, environment=Environment(variables), overrides=overrides)


def refusal(tmp_path: Path, text: str, *overrides: Override, **variables: str) -> str:
    with pytest.raises(ConfigError) as refused:
        read(tmp_path, text, *overrides, **variables)
    message = str(refused.value)
    assert "\n" not in message
    return message.removeprefix(f"{tmp_path}/")


def test_no_file_gives_the_defaults() -> None:
    assert load(Settings, path=None, environment=Environment()) == Settings()


def test_reads_sections_into_the_model(tmp_path: Path) -> None:
    settings = read(
        tmp_path,
        "server: {port: 80}\nproviders:\n  openai: {api_key: '${K}'}\n"
        "models:\n  fast: {targets: [{model: a/b}]}\npolicies: {mode: off}\n",
        K="sk-1",
    )
    assert settings.server.port == 80
    assert settings.providers["openai"].api_key.get_secret_value() == "sk-1"
    assert settings.models["fast"].targets == (Target(model="a/b"),)
    assert settings.policies == Policies(mode="off")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("\npolices: {}\n", ":2: unknown field 'polices'; did you mean 'policies'?"),
        ("xyz: 1\n", ":1: unknown field 'xyz'"),
        (
            "server:\n  host: x\n  prot: 1\n",
            ":3: unknown field 'prot'; did you mean 'port'?",
        ),
        (
            "providers:\n  lab:\n    base_ur: x\n",
            ":3: unknown field 'base_ur'; did you mean 'base_url'?",
        ),
        (
            "models:\n  fast:\n    targets:\n      - model: a\n        wieght: 2\n",
            ":5: unknown field 'wieght'; did you mean 'weight'?",
        ),
        ("policies: {moed: off}\n", ":1: unknown field 'moed'; did you mean 'mode'?"),
        ("server:\n  port: many\n", ":2: server.port: expected a whole number"),
        ("server:\n  port: 1.5\n", ":2: server.port: expected a whole number"),
        (
            "server:\n  port: 70000\n",
            ":2: server.port: expected less than or equal to 65535",
        ),
        ("server:\n  stream: perhaps\n", ":2: server.stream: expected true or false"),
        ("server:\n  host: 1\n", ":2: server.host: expected text (put it in quotes)"),
        ("server: 4000\n", ":1: server: expected named fields"),
        ("server: [a]\n", ":1: server: expected named fields"),
        ("providers: [a]\n", ":1: providers: expected named entries"),
        ("models:\n  fast: {}\n", ":2: models.fast: 'targets' is missing"),
        (
            "server:\n  prot: 1\n  hots: 2\n",
            ":2: unknown field 'prot'; did you mean 'port'? (and 1 more)",
        ),
    ],
)
def test_says_where_and_what_is_wrong(tmp_path: Path, text: str, said: str) -> None:
    assert refusal(tmp_path, text) == f"tollkeeper.yaml{said}"


def test_sections_of_other_components_are_passed_over(tmp_path: Path) -> None:
    settings = read(tmp_path, "storage: {url: '${NOT_SET}', whatever: 1}\nserver: {port: 1}\n")
    assert settings.server.port == 1


@pytest.mark.parametrize(
    "text",
    [
        "server: {port: '${K}'}",
        "server: {stream: '${K}'}",
        "server: '${K}'",
        "providers: {openai: '${K}'}",
        "providers: {openai: {api_key: ['${K}']}}",
        "models: {fast: {strategy: '${K}', targets: [{model: x}]}}",
        "providers: {openai: {api_key: {x: sk-hunter2hunter2hunter2}}}",
        "providers: {openai: {sk-hunter2hunter2hunter2: 1}}",
    ],
)
def test_no_message_holds_a_secret(tmp_path: Path, text: str) -> None:
    assert "hunter2" not in refusal(tmp_path, text, K="sk-hunter2hunter2hunter2")


def test_flags_win_over_the_file_and_the_file_over_defaults(tmp_path: Path) -> None:
    settings = read(
        tmp_path,
        "server: {port: 1, host: file}\n",
        Override("server.port", 2, "flag", "--proxy-port"),
        Override("server.host", "default", "default"),
        Override("server.stream", True, "default"),
        Override("storage.url", "not ours", "env", "X"),
    )
    assert settings.server == Server(port=2, host="file", stream=True)


def test_a_wrong_override_names_the_flag(tmp_path: Path) -> None:
    said = refusal(tmp_path, "", Override("server.port", -1, "flag", "--proxy-port"))
    assert said.startswith("--proxy-port: server.port: expected")
