"""Every setting of the collector: the sections of ``tollkeeper.yaml`` it reads.

Read once by ``cli``; passed down as frozen values. Unknown fields are start-up errors.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

MIB = 1024 * 1024


class Section(BaseModel):
    """A part of the file: frozen, and strict about names."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class StorageSettings(Section):
    """Where rows end up, and for how long."""

    url: str = Field(
        "chdb:///data/analytics",
        description="`chdb:///folder` in this process, or `clickhouse://user:password@host:port`.",
    )
    spans_days: int = Field(
        30, ge=1, le=3650, description="Spans and logs are kept so long; older ones are refused."
    )
    calls_days: int = Field(90, ge=1, le=3650, description="Typed calls are kept so long.")


class ContentSettings(Section):
    """What is kept of prompts and answers."""

    store: Literal["off", "redacted", "full"] = Field(
        "redacted",
        description="`redacted` keeps only what our own proxy sends, masked; `full` keeps all.",
    )
    retention_days: int = Field(14, ge=1, le=3650, description="Kept this long.")


class ControlSettings(Section):
    """Keys and other control data."""

    url: str = Field("sqlite:///data/control.db", description="SQLite file or PostgreSQL URL.")


class CollectorPart(Section):
    """Where the collector listens and what it accepts."""

    host: str = Field("127.0.0.1", description="Address to bind.")
    otlp_port: int = Field(4318, ge=0, le=65535, description="OTLP over HTTP; 0 picks a free one.")
    otlp_grpc_port: int = Field(
        4317, ge=0, le=65535, description="OTLP over gRPC; 0 picks a free one."
    )
    sql_port: int = Field(
        8123, ge=0, le=65535, description="SQL over ClickHouse's HTTP interface; 0 picks one."
    )
    max_body_bytes: int = Field(
        64 * MIB, ge=1024, description="Largest request body, compressed and not; more is 413."
    )
    max_requests: int = Field(512, ge=1, description="Requests in flight; more are told to wait.")
    max_in_flight_bytes: int = Field(
        256 * MIB, ge=MIB, description="Bodies in memory at once; more are told to wait."
    )
    body_timeout_s: float = Field(30.0, gt=0, description="A body must be complete by then (408).")
    head_timeout_s: float = Field(
        15.0, gt=0, description="Request headers must be complete by then."
    )
    key_cache_s: float = Field(
        5.0,
        ge=0,
        le=60,
        description="How long a found key is believed before it is looked up again.",
    )
    journal_bytes: int = Field(
        1024 * MIB,
        ge=MIB,
        description="Disk for what waits for the store; when full, senders are told to wait.",
    )
    block_rows: int = Field(20_000, ge=1, le=1_000_000, description="Rows inserted at once, about.")
    gather_s: float = Field(
        1.0, ge=0, le=10, description="How long rows gather between two inserts."
    )
    rollup_s: float = Field(
        60.0,
        ge=0.1,
        le=3600,
        description="How often sums per hour and day are brought up to date.",
    )
    drain_s: float = Field(
        10.0, ge=0, description="How long storing what is journalled may take at shutdown."
    )


class CollectorSettings(Section):
    """All the sections the collector reads."""

    storage: StorageSettings = StorageSettings()
    content: ContentSettings = ContentSettings()
    control: ControlSettings = ControlSettings()
    collector: CollectorPart = CollectorPart()
