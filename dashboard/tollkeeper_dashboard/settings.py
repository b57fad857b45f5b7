"""Every setting of the dashboard: its section of ``tollkeeper.yaml``."""

from pydantic import BaseModel, ConfigDict, Field


class DashboardSection(BaseModel):
    """Where the pages are served, to whom, and where the numbers come from."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = Field("127.0.0.1", description="Address to bind.")
    port: int = Field(8501, ge=0, le=65535, description="Port to bind; 0 picks a free one.")
    sql_url: str = Field(
        "", description="Where SQL is answered; empty: the collector on this machine."
    )
    hosts: tuple[str, ...] = Field(
        (),
        description="Names browsers reach it by; others are refused. Empty: `localhost` and "
        "`127.0.0.1` when bound to loopback, any name otherwise.",
    )
    https: bool = Field(
        False, description="Browsers come by HTTPS, through a proxy; the cookie is marked Secure."
    )
    session_hours: float = Field(
        12.0, gt=0, le=24 * 30, description="How long a sign-in lasts before the next one."
    )


class DashboardSettings(BaseModel):
    """The sections the dashboard reads."""

    model_config = ConfigDict(frozen=True)

    dashboard: DashboardSection = DashboardSection()
