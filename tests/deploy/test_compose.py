"""What deploy/ says is what the product reads: settings, verbs, variables, images, users."""

import re
from collections.abc import Mapping
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from pydantic import BaseModel
from tests.equipment.places import REPOSITORY

from tollkeeper.config import Environment, read_settings
from tollkeeper.config.places import CONFIG_VARIABLE, DATA_VARIABLE, PORTS
from tollkeeper.control.engine import parse
from tollkeeper_collector.settings import CollectorSettings
from tollkeeper_collector.store.opening import open_engine
from tollkeeper_dashboard.settings import DashboardSettings
from tollkeeper_proxy.routing.catalog import CATALOGUE
from tollkeeper_proxy.settings import ProxySettings

DEPLOY: Final = REPOSITORY / "deploy"
COMPONENTS: Final[Mapping[str, type[BaseModel]]] = {
    "proxy": ProxySettings,
    "collector": CollectorSettings,
    "dashboard": DashboardSettings,
}
FILE_IN_CONTAINER: Final = "/etc/tollkeeper/tollkeeper.yaml"
REFERENCE: Final = re.compile(r"\$\{([A-Z_]+)(:?[?-][^}]*)?\}")
# PostgreSQL's releases have two numbers, everybody else's three or four.
TAG: Final = re.compile(
    r"(postgres:\d+\.\d+|(?!postgres:)[a-z0-9/._-]+:\d+\.\d+\.\d+(\.\d+)?)(-[a-z0-9.-]+)?"
)
OURS: Final = re.compile(r"tollkeeper-[a-z]+:\d+\.\d+\.\d+")

Service = dict[str, Any]


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    return loaded


@pytest.fixture(scope="module")
def services(compose: dict[str, Any]) -> dict[str, Service]:
    found: dict[str, Service] = compose["services"]
    return found


@pytest.fixture(scope="module")
def dockerfile() -> str:
    return (DEPLOY / "Dockerfile").read_text()


def environment_of(service: Service) -> Environment:
    """Return what a container is given, with every secret filled in."""
    given = {
        name: REFERENCE.sub("s3cret", str(value)) for name, value in service["environment"].items()
    }
    return Environment({**given, "TOLLKEEPER_DATA": "/data", CONFIG_VARIABLE: str(_config())})


def _config() -> Path:
    return DEPLOY / "tollkeeper.yaml"


@pytest.mark.parametrize("name", sorted(COMPONENTS))
def test_each_component_reads_the_file_with_what_its_container_is_given(
    services: dict[str, Service], name: str
) -> None:
    settings, places = read_settings(COMPONENTS[name], environment_of(services[name]))
    assert isinstance(settings, COMPONENTS[name])
    assert places.data == Path("/data")


def test_every_section_of_the_file_is_read_by_a_component() -> None:
    sections = set(yaml.safe_load(_config().read_text()))
    read = {name for model in COMPONENTS.values() for name in model.model_fields}
    assert sections <= read


def test_components_listen_beyond_their_container_and_on_the_ports_that_are_published(
    services: dict[str, Service],
) -> None:
    for name in COMPONENTS:
        settings, places = read_settings(COMPONENTS[name], environment_of(services[name]))
        part = getattr(settings, {"proxy": "server"}.get(name, name))
        assert part.host == "0.0.0.0"
        bound = set(places.ports.values())
        assert {int(port.rsplit(":", 1)[1]) for port in services[name]["ports"]} <= bound


def test_stores_are_named_by_urls_the_product_speaks_and_services_that_exist(
    services: dict[str, Service],
) -> None:
    collector, _ = read_settings(CollectorSettings, environment_of(services["collector"]))
    proxy, _ = read_settings(ProxySettings, environment_of(services["proxy"]))
    assert open_engine(collector.storage.url).shown_url == "clickhouse://clickhouse:8123"
    assert parse(proxy.control.url).host == parse(collector.control.url).host == "postgres"
    assert proxy.telemetry.otlp == ("http://collector:4318",)
    assert proxy.state.url == "sqlite:////data/state.db"
    assert {"clickhouse", "postgres", "collector"} <= set(services)


def test_every_command_is_a_verb_of_the_component(services: dict[str, Service]) -> None:
    verbs = {point.name: point.value for point in entry_points(group="tollkeeper.verbs")}
    for name in COMPONENTS:
        assert verbs[services[name]["command"][0]].startswith(f"tollkeeper_{name}.")


def test_every_variable_is_one_that_is_read(services: dict[str, Service]) -> None:
    in_file = {match.group(1) for match in REFERENCE.finditer(_config().read_text())}
    read = {CONFIG_VARIABLE, DATA_VARIABLE, "TOLLKEEPER_SYSTEM_KEY"}
    read |= {place.variable for place in PORTS} | in_file
    keys = {known.key_variable for known in CATALOGUE.values()}
    for name in COMPONENTS:
        allowed = read | keys if name == "proxy" else read
        assert set(services[name]["environment"]) <= allowed


def test_secrets_come_from_outside_and_are_all_in_the_example(
    services: dict[str, Service],
) -> None:
    wanted = {
        match.group(1)
        for service in services.values()
        for value in service.get("environment", {}).values()
        for match in REFERENCE.finditer(str(value))
    }
    lines = (DEPLOY / ".env.example").read_text().splitlines()
    offered = {line.partition("=")[0] for line in lines if line and not line.startswith("#")}
    assert wanted == offered
    assert all(line.endswith("=") for line in lines if "=" in line and not line.startswith("#"))


def test_no_password_is_written_down(services: dict[str, Service]) -> None:
    for service in services.values():
        for name, value in service.get("environment", {}).items():
            if name.endswith(("_PASSWORD", "_KEY")):
                assert REFERENCE.fullmatch(value), name


def test_every_image_is_pinned_to_one_release(
    services: dict[str, Service], dockerfile: str
) -> None:
    for name, service in services.items():
        pattern = OURS if name in COMPONENTS else TAG
        assert pattern.fullmatch(service["image"]), service["image"]
    bases = re.findall(r"^FROM (\S+)", dockerfile, re.MULTILINE)
    stages = set(re.findall(r"^FROM \S+ AS (\S+)", dockerfile, re.MULTILINE))
    outside = {base for base in bases if base not in stages}
    assert all(TAG.fullmatch(base) for base in outside)
    assert len(outside) == 1, "build and runtime share one Python, or the environment breaks"


def test_nobody_runs_as_root(services: dict[str, Service], dockerfile: str) -> None:
    assert all(
        service["user"].split(":")[0] not in ("", "0", "root") for service in services.values()
    )
    users = re.findall(r"^USER (\S+)", dockerfile, re.MULTILINE)
    assert users == [services["proxy"]["user"]] == ["10001:10001"]


def test_every_target_is_a_service_and_every_service_of_ours_a_target(
    services: dict[str, Service], dockerfile: str
) -> None:
    stages = re.findall(r"^FROM runtime AS (\S+)", dockerfile, re.MULTILINE)
    built = {name: service["build"] for name, service in services.items() if "build" in service}
    assert set(stages) == set(built) == set(COMPONENTS)
    for name, build in built.items():
        assert build["target"] == name
        assert (DEPLOY / build["context"] / build["dockerfile"]).resolve() == DEPLOY / "Dockerfile"


def test_images_check_their_own_health_without_tools_they_do_not_have(dockerfile: str) -> None:
    checks = re.findall(r"^HEALTHCHECK .*CMD (\[.*\])$", dockerfile, re.MULTILINE)
    assert len(checks) == len(COMPONENTS)
    assert all(check.startswith('["python", "-c"') for check in checks)


def test_whatever_is_copied_is_let_through_to_the_build(dockerfile: str) -> None:
    let_in = re.findall(r"^!(\S+)$", (DEPLOY / "Dockerfile.dockerignore").read_text(), re.MULTILINE)
    copied = re.findall(r"^COPY (?!--from)(\S+) ", dockerfile, re.MULTILINE)
    assert set(copied) == set(let_in)
    assert all((REPOSITORY / name).exists() for name in copied)


def test_only_proxy_otlp_and_dashboard_are_reachable_and_only_from_this_machine(
    compose: dict[str, Any], services: dict[str, Service]
) -> None:
    published = {
        name: service["ports"] for name, service in services.items() if service.get("ports")
    }
    assert published == {
        "proxy": ["127.0.0.1:4000:4000"],
        "collector": ["127.0.0.1:4318:4318", "127.0.0.1:4317:4317"],
        "dashboard": ["127.0.0.1:8501:8501"],
    }
    assert compose["networks"]["inside"]["internal"] is True
    outside = {name for name, service in services.items() if "outside" in service["networks"]}
    assert outside == set(COMPONENTS)


def test_ours_may_write_to_their_volume_and_nowhere_else(services: dict[str, Service]) -> None:
    for name in COMPONENTS:
        assert services[name]["read_only"] is True
        assert services[name]["cap_drop"] == ["ALL"]
        assert f"./tollkeeper.yaml:{FILE_IN_CONTAINER}:ro" in services[name]["volumes"]
        assert f"{name}-data:/data" in services[name]["volumes"]
        assert services[name]["environment"][CONFIG_VARIABLE] == FILE_IN_CONTAINER


def test_volumes_and_networks_are_declared(
    compose: dict[str, Any], services: dict[str, Service]
) -> None:
    for service in services.values():
        named = {volume.split(":")[0] for volume in service.get("volumes", [])}
        assert {name for name in named if not name.startswith(".")} <= set(compose["volumes"])
        assert set(service["networks"]) <= set(compose["networks"])
        assert set(service.get("depends_on", {})) <= set(services)


def test_every_store_has_a_health_check_that_others_wait_for(services: dict[str, Service]) -> None:
    for name, service in services.items():
        if name not in COMPONENTS:
            assert service["healthcheck"]["test"]
    awaited = [
        each for service in services.values() for each in service.get("depends_on", {}).values()
    ]
    assert awaited
    assert all(each == {"condition": "service_healthy"} for each in awaited)
