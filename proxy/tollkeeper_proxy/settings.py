"""Every setting of the proxy: the sections of ``tollkeeper.yaml`` it owns.

Read once by ``cli``; passed down as frozen values. Unknown fields are start-up errors.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

Dialect = Literal["openai"]


class Section(BaseModel):
    """A part of the file: frozen, and strict about names."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ServerSettings(Section):
    """Where the proxy listens and what it accepts."""

    host: str = Field("127.0.0.1", description="Address to bind.")
    port: int = Field(4000, ge=0, le=65535, description="Port to bind; 0 picks a free one.")
    workers: int = Field(1, ge=1, le=256, description="Processes sharing the port.")
    max_body_bytes: int = Field(
        32 * 1024 * 1024, ge=1024, description="Largest request body; more is answered 413."
    )
    body_timeout_s: float = Field(30.0, gt=0, description="A body must be complete by then (408).")
    head_timeout_s: float = Field(
        15.0, gt=0, description="Request headers must be complete by then."
    )
    drain_s: float = Field(10.0, ge=0, description="How long open answers may finish at shutdown.")
    stream_cost: bool = Field(
        False, description="Add `usage.tollkeeper` with the cost to a stream's usage chunk."
    )


class IdentitySettings(Section):
    """Who may call."""

    pass_through: bool = Field(
        False,
        description="Let callers bring a provider's own key; it goes to catalogued origins only.",
    )
    cache_s: float = Field(
        5.0,
        ge=0,
        le=60,
        description="How long a found key is believed before it is looked up again.",
    )


class ProviderSettings(Section):
    """One provider: a catalogued name needs only its key, a private one dialect and base_url."""

    dialect: Dialect = Field("openai", description="What the provider speaks.")
    base_url: str = Field("", description="Its base URL, with `/v1` where it has one.")
    api_key: SecretStr = Field(
        SecretStr("none"),
        description="Its key; `none` sends no credential. Unset, a catalogued provider at its own"
        " `base_url` takes the key of its environment variable.",
    )
    models: tuple[str, ...] = Field((), description="Models listed for it; empty means not listed.")
    connect_timeout_s: float = Field(5.0, gt=0, description="To open a connection.")
    first_byte_timeout_s: float = Field(300.0, gt=0, description="To the first byte of an answer.")
    idle_timeout_s: float = Field(120.0, gt=0, description="Between two pieces of a stream.")
    total_timeout_s: float = Field(1800.0, gt=0, description="For the whole answer.")
    max_connections: int = Field(512, ge=1, description="Open connections per worker.")


class AliasTarget(Section):
    """One target of an alias."""

    model: str = Field(description="`provider/model`.")
    weight: float = Field(1.0, gt=0, description="Its share under `weighted`.")


class AliasSettings(Section):
    """A name of our own for one or more targets."""

    strategy: Literal["ordered", "weighted"] = Field(
        "ordered", description="`ordered` takes the first target, `weighted` draws by weight."
    )
    targets: tuple[AliasTarget, ...] = Field(min_length=1, description="Where it may go.")


class PiiSettings(Section):
    """Redaction of personal data in requests (and, when asked, in answers)."""

    mode: Literal["off", "mask"] = Field("off", description="`mask` replaces what is found.")
    entities: tuple[str, ...] = Field(
        ("EMAIL_ADDRESS", "CREDIT_CARD", "US_SSN", "PHONE_NUMBER"), description="What to look for."
    )
    answers: bool = Field(False, description="Mask answers too, streamed ones included.")
    fail: Literal["closed", "open"] = Field("closed", description="When the detector fails.")


class InjectionSettings(Section):
    """Screening of requests against known injection phrases."""

    mode: Literal["off", "detect", "block"] = Field("detect", description="`block` refuses.")


class PolicySettings(Section):
    """The policies that look at text."""

    pii: PiiSettings = PiiSettings()
    injection: InjectionSettings = InjectionSettings()


class CacheSettings(Section):
    """Answers kept for exactly repeated requests of the same tenant."""

    enabled: bool = Field(False, description="Off unless asked for.")
    ttl_s: float = Field(3600.0, gt=0, description="How long an answer may be given again.")
    max_bytes: int = Field(256 * 1024 * 1024, ge=0, description="Oldest entries go beyond this.")


class ContentSettings(Section):
    """What is kept of prompts and answers."""

    store: Literal["off", "redacted", "full"] = Field(
        "redacted", description="`redacted` masks personal data in the stored copy, always."
    )
    retention_days: int = Field(14, ge=1, description="Kept this long.")


class StateSettings(Section):
    """Ledger, limits and cache, shared by the workers."""

    url: str = Field("sqlite:///data/state.db", description="SQLite file.")


class ControlSettings(Section):
    """Keys and other control data."""

    url: str = Field("sqlite:///data/control.db", description="SQLite file or PostgreSQL URL.")


class TelemetrySettings(Section):
    """Where spans go and what waits while nobody takes them."""

    otlp: tuple[str, ...] = Field(
        ("http://127.0.0.1:4318",), description="OTLP/HTTP base URLs; each gets every span."
    )
    queue_size: int = Field(65_536, ge=1, description="Spans held in memory; more are dropped.")
    spool_bytes: int = Field(
        256 * 1024 * 1024, ge=0, description="Disk for spans while the collector is away."
    )


class ProxySettings(Section):
    """All the sections the proxy reads."""

    server: ServerSettings = ServerSettings()
    identity: IdentitySettings = IdentitySettings()
    providers: dict[str, ProviderSettings] = Field(default_factory=dict)
    models: dict[str, AliasSettings] = Field(default_factory=dict)
    policies: PolicySettings = PolicySettings()
    cache: CacheSettings = CacheSettings()
    content: ContentSettings = ContentSettings()
    state: StateSettings = StateSettings()
    control: ControlSettings = ControlSettings()
    telemetry: TelemetrySettings = TelemetrySettings()
