from pathlib import Path

import pytest

from tollkeeper.config import Environment, Flags, Override, find_places
from tollkeeper.errors import ConfigError


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_with_nothing_said_everything_has_its_usual_place(tmp_path: Path) -> None:
    places = find_places(Environment())
    assert (places.data, places.config) == (tmp_path / "data", None)
    assert places.ports == {
        "proxy": 4000,
        "otlp": 4318,
        "otlp_grpc": 4317,
        "sql": 8123,
        "dashboard": 8501,
    }


def test_a_port_comes_from_flag_then_environment_then_file(tmp_path: Path) -> None:
    config = tmp_path / "t.yaml"
    config.write_text("server: {port: 1}\ncollector: {otlp_port: 2, sql_port: 3}\n")
    environment = Environment(
        {"TOLLKEEPER_PROXY_PORT": "11", "TOLLKEEPER_OTLP_PORT": "12", "TOLLKEEPER_CONFIG": "t.yaml"}
    )
    places = find_places(environment, Flags(proxy_port=21))
    assert places.config == Path("t.yaml")
    assert places.ports["proxy"] == 21
    assert places.ports["otlp"] == 12
    assert places.ports["sql"] == 3
    assert Override("server.port", 21, "flag", "--proxy-port") in places.overrides
    assert Override("collector.otlp_port", 12, "env", "TOLLKEEPER_OTLP_PORT") in places.overrides


def test_a_flag_wins_for_file_and_folder(tmp_path: Path) -> None:
    (tmp_path / "flag.yaml").write_text("")
    (tmp_path / "tollkeeper.yaml").write_text("")
    environment = Environment({"TOLLKEEPER_CONFIG": "env.yaml", "TOLLKEEPER_DATA": "env"})
    places = find_places(environment, Flags(config=Path("flag.yaml"), data=Path("flag")))
    assert (places.config, places.data) == (Path("flag.yaml"), tmp_path / "flag")


def test_the_file_in_the_working_folder_is_found(tmp_path: Path) -> None:
    (tmp_path / "tollkeeper.yaml").write_text("server: {port: 5}")
    assert find_places(Environment()).ports["proxy"] == 5


def test_stores_follow_the_data_folder(tmp_path: Path) -> None:
    derived = {
        each.field: each.value
        for each in find_places(Environment(), Flags(otlp_port=9)).overrides
        if each.field.endswith("url") or each.field == "telemetry.otlp"
    }
    assert derived == {
        "state.url": f"sqlite:///{tmp_path}/data/state.db",
        "control.url": f"sqlite:///{tmp_path}/data/control.db",
        "storage.url": f"chdb://{tmp_path}/data/analytics",
        "telemetry.otlp": ("http://127.0.0.1:9",),
    }


def test_a_configuration_that_is_not_there_is_an_error() -> None:
    with pytest.raises(ConfigError, match=r"missing\.yaml: no such configuration file"):
        find_places(Environment({"TOLLKEEPER_CONFIG": "missing.yaml"}))


@pytest.mark.parametrize("wrong", ["-1", "65536", "many", "", "٣", "1e3"])
def test_a_port_that_is_none_is_an_error_naming_the_variable(wrong: str) -> None:
    with pytest.raises(ConfigError, match=r"^TOLLKEEPER_SQL_PORT: expected a port"):
        find_places(Environment({"TOLLKEEPER_SQL_PORT": wrong}))


def test_a_wrong_port_in_the_file_is_an_error_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "tollkeeper.yaml").write_text("server:\n  port: many\n")
    with pytest.raises(ConfigError, match=r"^tollkeeper\.yaml:2: server\.port: expected a port"):
        find_places(Environment())
