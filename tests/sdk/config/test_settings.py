from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from tollkeeper.config import Environment, Flags, read_settings
from tollkeeper.config.places import PORTS, PortPlace
from tollkeeper.config.sections import SECTIONS
from tollkeeper.config.sources import _has_field

MODELS = {entry.name: entry for entry in entry_points(group="tollkeeper.settings")}


def settings_model(name: str) -> Any:
    if name not in MODELS:
        pytest.skip(f"{name} is not installed")
    model = MODELS[name].load()
    assert issubclass(model, BaseModel)
    return model


@pytest.mark.parametrize("component", ["proxy", "collector", "dashboard"])
def test_every_section_is_in_the_models_of_the_components_that_own_it(component: str) -> None:
    model = settings_model(component)
    listed = {name for name, owners in SECTIONS.items() if component in owners}
    assert set(model.model_fields) == listed


@pytest.mark.parametrize("place", PORTS, ids=lambda place: place.name)
def test_every_port_is_a_field_of_a_component(place: PortPlace) -> None:
    section = place.field.split(".")[0]
    component = "proxy" if section == "server" else section
    assert _has_field(settings_model(component), place.field)


def test_reads_the_settings_of_the_proxy_with_places_filled_in(tmp_path: Path) -> None:
    settings, places = read_settings(
        settings_model("proxy"), Environment(), flags=Flags(data=tmp_path, proxy_port=0)
    )
    assert settings.server.port == 0
    assert settings.control.url == f"sqlite:///{tmp_path}/control.db" == places.control_url
