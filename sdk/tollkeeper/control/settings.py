"""The ``control`` section: where keys and other control data live."""

from pydantic import BaseModel, ConfigDict, Field


class ControlSettings(BaseModel):
    """Keys and other control data."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str = Field("sqlite:///data/control.db", description="SQLite file or PostgreSQL URL.")
