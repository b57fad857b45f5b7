"""Where things are: the data folder, the file, the ports, and the URLs that follow from them.

A flag wins over the environment, the environment over the file, the file over the default.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from tollkeeper.config import document
from tollkeeper.config.document import Document
from tollkeeper.config.environment import Environment
from tollkeeper.config.sources import Origin, Override
from tollkeeper.errors import ConfigError

PortName = Literal["proxy", "otlp", "otlp_grpc", "sql", "dashboard"]

CONFIG_VARIABLE: Final = "TOLLKEEPER_CONFIG"
DATA_VARIABLE: Final = "TOLLKEEPER_DATA"
DEFAULT_CONFIG: Final = Path("tollkeeper.yaml")
DEFAULT_DATA: Final = Path("data")


@dataclass(frozen=True, slots=True)
class Flags:
    """What the command line said; None where it said nothing."""

    config: Path | None = None
    data: Path | None = None
    proxy_port: int | None = None
    otlp_port: int | None = None
    otlp_grpc_port: int | None = None
    sql_port: int | None = None
    dashboard_port: int | None = None

    def port(self, name: PortName) -> int | None:
        ports: dict[PortName, int | None] = {
            "proxy": self.proxy_port,
            "otlp": self.otlp_port,
            "otlp_grpc": self.otlp_grpc_port,
            "sql": self.sql_port,
            "dashboard": self.dashboard_port,
        }
        return ports[name]


NO_FLAGS: Final = Flags()


@dataclass(frozen=True, slots=True)
class PortPlace:
    """The four places where one port may be set."""

    name: PortName
    field: str
    default: int

    @property
    def flag(self) -> str:
        return f"--{self.name.replace('_', '-')}-port"

    @property
    def variable(self) -> str:
        return f"TOLLKEEPER_{self.name.upper()}_PORT"


PORTS: Final = (
    PortPlace("proxy", "server.port", 4000),
    PortPlace("otlp", "collector.otlp_port", 4318),
    PortPlace("otlp_grpc", "collector.otlp_grpc_port", 4317),
    PortPlace("sql", "collector.sql_port", 8123),
    PortPlace("dashboard", "dashboard.port", 8501),
)


@dataclass(frozen=True, slots=True)
class Places:
    """The answers; ``overrides`` hands them to ``load``, which takes what a model has."""

    data: Path
    config: Path | None
    ports: dict[PortName, int]
    overrides: tuple[Override, ...]

    @property
    def control_url(self) -> str:
        """The control store when the file names none."""
        return f"sqlite:///{self.data / 'control.db'}"


def find_places(environment: Environment, flags: Flags = NO_FLAGS) -> Places:
    """Decide every place; raises ConfigError for a missing file or a port that is none."""
    data = (flags.data or Path(environment.get(DATA_VARIABLE) or DEFAULT_DATA)).absolute()
    config = _config(environment, flags)
    file = document.read(config) if config else document.EMPTY
    ports = {place.name: _port(place, environment, flags, file) for place in PORTS}
    numbers: dict[PortName, int] = {name: int(str(port.value)) for name, port in ports.items()}
    derived = {
        "state.url": f"sqlite:///{data / 'state.db'}",
        "control.url": f"sqlite:///{data / 'control.db'}",
        "storage.url": f"chdb://{data / 'analytics'}",
        "telemetry.otlp": (f"http://127.0.0.1:{numbers['otlp']}",),
    }
    defaults = (Override(field, value, "default") for field, value in derived.items())
    return Places(data, config, numbers, (*ports.values(), *defaults))


def _config(environment: Environment, flags: Flags) -> Path | None:
    named = flags.config or environment.get(CONFIG_VARIABLE)
    if not named:
        return DEFAULT_CONFIG if DEFAULT_CONFIG.is_file() else None
    if not Path(named).is_file():
        raise ConfigError(f"{named}: no such configuration file")
    return Path(named)


def _port(place: PortPlace, environment: Environment, flags: Flags, file: Document) -> Override:
    flag, variable = flags.port(place.name), environment.get(place.variable)
    node = file.find(place.field)
    origin: Origin = "default"
    if flag is not None:
        value, origin, name = flag, "flag", place.flag
    elif variable is not None:
        value, origin, name = _number(variable), "env", place.variable
    elif node is not None:
        resolved = document.resolve(node, environment, name=file.name).content
        value, name = _number(str(resolved)), f"{file.name}:{node.line}: {place.field}"
    else:
        value, name = place.default, ""
    if not 0 <= value <= 65_535:
        raise ConfigError(f"{name}: expected a port from 0 to 65535")
    return Override(place.field, value, origin, name if origin != "default" else "")


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 5 else -1
