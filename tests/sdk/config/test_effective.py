from pathlib import Path

from pydantic import BaseModel, SecretStr

from tollkeeper.config import Effective, Environment, Override, effective


class Server(BaseModel):
    host: str = "127.0.0.1"
    port: int = 4000
    stream: bool = False


class Provider(BaseModel):
    api_key: SecretStr = SecretStr("none")
    models: tuple[str, ...] = ()


class Settings(BaseModel):
    server: Server = Server()
    providers: dict[str, Provider] = {}


def test_each_value_names_its_source_and_secrets_are_masked(tmp_path: Path) -> None:
    path = tmp_path / "tollkeeper.yaml"
    path.write_text(
        "server:\n  host: 0.0.0.0\n"
        "providers:\n  lab:\n    api_key: ${KEY}\n    models: [a,\n      b]\n"
    )
    shown = effective(
        Settings,
        path=path,
        environment=Environment({"KEY": "hunter2hunter2"}),
        overrides=[Override("server.port", 0, "flag", "--proxy-port")],
    )
    assert shown == [
        Effective("server.host", "0.0.0.0", f"{path}:2"),
        Effective("server.port", "0", "--proxy-port"),
        Effective("server.stream", "false", "default"),
        Effective("providers.lab.api_key", "***", f"{path}:5"),
        Effective("providers.lab.models", "a, b", f"{path}:6"),
    ]
