"""Which components there are to run, and how: settings of what is installed in, child specs out."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec

from pydantic import BaseModel

from tollkeeper.config import Environment, Places, load
from tollkeeper.config.places import CONFIG_VARIABLE, DATA_VARIABLE, PORTS
from tollkeeper.supervisor.child import ChildSpec
from tollkeeper.supervisor.folder import temporary_folder
from tollkeeper.supervisor.reservations import Wish

SYSTEM_KEY_VARIABLE = "TOLLKEEPER_SYSTEM_KEY"
WORKER_VARIABLE = "TOLLKEEPER_WORKER"
PASSWORD_VARIABLE = "TOLLKEEPER_DASHBOARD_PASSWORD"
COLLECTOR_STOP_S = 30.0
DASHBOARD_STOP_S = 5.0
PROXY_MARGIN_S = 5.0  # over its own draining
LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Component:
    """An installed component and its validated settings."""

    name: str
    settings: BaseModel

    def value(self, field: str) -> object:
        """Return a setting by its dotted name, None when the component has none such."""
        found: object = self.settings
        for step in field.split("."):
            found = getattr(found, step, None)
        return found

    def text(self, field: str, default: str) -> str:
        value = self.value(field)
        return default if value is None else str(value)


def installed(
    models: Mapping[str, type[BaseModel]], places: Places, environment: Environment
) -> list[Component]:
    """Return the components that can run, each with its settings; raises ConfigError."""
    return [
        Component(
            name,
            load(model, path=places.config, environment=environment, overrides=places.overrides),
        )
        for name, model in models.items()
        if find_spec(f"tollkeeper_{name}") is not None
    ]


def wishes(components: list[Component], places: Places) -> list[Wish]:
    """Return the ports the components want."""
    by_section = {"server": "proxy"}
    found = []
    for place in PORTS:
        section = place.field.split(".")[0]
        owner = by_section.get(section, section)
        for component in components:
            if component.name == owner:
                host = component.text(f"{section}.host", LOOPBACK)
                found.append(Wish(place.name, host, places.ports[place.name], place.flag))
    return found


def child_environment(
    environment: Environment, places: Places, ports: Mapping[str, int], system_key: str
) -> Environment:
    """Return what every child is told: the places, the ports as they are, the common key."""
    told = {place.variable: str(ports[place.name]) for place in PORTS if place.name in ports}
    told |= {DATA_VARIABLE: str(places.data), SYSTEM_KEY_VARIABLE: system_key}
    told["TMPDIR"] = str(temporary_folder(places.data))  # engines write prompts to temporary files
    if places.config is not None:
        told[CONFIG_VARIABLE] = str(places.config.absolute())
    return environment.without(PASSWORD_VARIABLE).extended(**told)


def specs(components: list[Component], told: Environment) -> list[ChildSpec]:
    """Return the programs to run; they stop in the order dashboard, proxies, collector."""
    found: list[ChildSpec] = []
    for component in components:
        if component.name == "proxy":
            found += _proxies(component, told)
        elif component.name == "dashboard":
            found.append(
                ChildSpec(
                    "dashboard",
                    _program("dashboard"),
                    told.variables,
                    stop_order=0,
                    stop_limit_s=DASHBOARD_STOP_S,
                    unshared_port="dashboard",
                )
            )
        elif component.name == "collector":
            found.append(
                ChildSpec(
                    "collector",
                    _program("collector"),
                    told.variables,
                    stop_order=2,
                    stop_limit_s=COLLECTOR_STOP_S,
                )
            )
    return found


def _proxies(component: Component, told: Environment) -> list[ChildSpec]:
    workers = int(component.text("server.workers", "1"))
    drain_s = float(component.text("server.drain_s", "10"))
    return [
        ChildSpec(
            f"proxy-{number}",
            _program("proxy"),
            told.extended(**{WORKER_VARIABLE: str(number)}).variables,
            stop_order=1,
            stop_limit_s=drain_s + PROXY_MARGIN_S,
        )
        for number in range(workers)
    ]


def _program(component: str) -> tuple[str, ...]:
    return (sys.executable, "-m", f"tollkeeper_{component}")
