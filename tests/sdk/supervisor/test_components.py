import sys
from pathlib import Path

from pydantic import BaseModel

from tollkeeper.config import Environment, Flags, find_places
from tollkeeper.supervisor import components
from tollkeeper.supervisor.components import Component
from tollkeeper.supervisor.reservations import Wish


class Server(BaseModel):
    host: str = "0.0.0.0"
    port: int = 4000
    workers: int = 2
    drain_s: float = 7.0


class ProxySettings(BaseModel):
    server: Server = Server()


class NoSettings(BaseModel):
    pass


PROXY = Component("proxy", ProxySettings())
COLLECTOR = Component("collector", NoSettings())
DASHBOARD = Component("dashboard", NoSettings())


def test_a_component_that_is_not_installed_is_not_run(tmp_path: Path) -> None:
    places = find_places(Environment(), Flags(data=tmp_path))
    models: dict[str, type[BaseModel]] = {
        "proxy": ProxySettings,
        "no_such_component": NoSettings,
    }
    found = components.installed(models, places, Environment())
    assert [each.name for each in found] == ["proxy"]


def test_wishes_are_those_of_the_components_that_run_at_the_hosts_they_bind(
    tmp_path: Path,
) -> None:
    places = find_places(Environment(), Flags(data=tmp_path, proxy_port=1, sql_port=2))
    assert components.wishes([PROXY, COLLECTOR], places) == [
        Wish("proxy", "0.0.0.0", 1, "--proxy-port"),
        Wish("otlp", "127.0.0.1", 4318, "--otlp-port"),
        Wish("otlp_grpc", "127.0.0.1", 4317, "--otlp-grpc-port"),
        Wish("sql", "127.0.0.1", 2, "--sql-port"),
    ]


def test_children_are_told_places_ports_and_the_key_but_not_the_password(tmp_path: Path) -> None:
    (tmp_path / "t.yaml").write_text("")
    outside = Environment({"PATH": "/bin", "TOLLKEEPER_DASHBOARD_PASSWORD": "hunter2"})
    places = find_places(outside, Flags(config=tmp_path / "t.yaml", data=tmp_path, proxy_port=0))
    told = components.child_environment(outside, places, {"proxy": 4711}, "tk-system")
    assert dict(told.variables) == {
        "PATH": "/bin",
        "TOLLKEEPER_CONFIG": str(tmp_path / "t.yaml"),
        "TOLLKEEPER_DATA": str(tmp_path),
        "TOLLKEEPER_PROXY_PORT": "4711",
        "TOLLKEEPER_SYSTEM_KEY": "tk-system",
        "TMPDIR": str(tmp_path / "tmp"),
    }


def test_programs_stop_in_the_order_dashboard_proxies_collector() -> None:
    found = components.specs([COLLECTOR, DASHBOARD, PROXY], Environment())
    ordered = sorted(found, key=lambda spec: spec.stop_order)
    assert [spec.name for spec in ordered] == ["dashboard", "proxy-0", "proxy-1", "collector"]
    limits = {spec.name: spec.stop_limit_s for spec in found}
    assert limits["proxy-0"] == 12.0
    assert limits["collector"] == 30.0


def test_each_worker_is_told_its_number() -> None:
    found = components.specs([PROXY], Environment({"A": "1"}))
    assert [dict(spec.environment) for spec in found] == [
        {"A": "1", "TOLLKEEPER_WORKER": "0"},
        {"A": "1", "TOLLKEEPER_WORKER": "1"},
    ]
    assert found[0].command == (sys.executable, "-m", "tollkeeper_proxy")


def test_only_the_dashboard_cannot_share_its_port() -> None:
    found = components.specs([COLLECTOR, DASHBOARD, PROXY], Environment())
    assert {spec.name for spec in found if spec.unshared_port} == {"dashboard"}
