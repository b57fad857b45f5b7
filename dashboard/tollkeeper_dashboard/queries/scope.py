"""What a question is about: a range of time and the model, key, user and tenant chosen.

Two things count as one request here: a call the proxy made and the same call as the application's
own instrumentation reports it (told by the response id). The proxy's is kept, as its cost is.
"""

from dataclasses import dataclass
from typing import Final, Literal

from tollkeeper_dashboard.client import Parameters
from tollkeeper_dashboard.ranges import TimeRange

Dimension = Literal["model", "key", "user"]

MODEL: Final = "if(response_model != '', response_model, request_model)"
KEY: Final = "if(key_name != '', key_name, key_id)"
# The columns a chart or table may be split by: the only identifiers that are chosen.
DIMENSIONS: Final[dict[Dimension, str]] = {"model": MODEL, "key": KEY, "user": "user_id"}

# What became of a call, each call in one group; the first that fits.
FATE: Final = (
    "multiIf(blocked_by != '', 'blocked', status = 'error', 'failed', "
    "cache = 'hit', 'cached', 'ok')"
)
TS_FROM: Final = "fromUnixTimestamp64Micro({since_us:Int64}, 'UTC')"
TS_UNTIL: Final = "fromUnixTimestamp64Micro({until_us:Int64}, 'UTC')"

# An application's span may lie up to an hour from the proxy's: clocks differ.
CALLS: Final = f"""
FROM otel.llm_calls FINAL
WHERE ts >= {TS_FROM} AND ts < {TS_UNTIL}
  AND (is_model_call = 1 OR blocked_by != '')
  AND (source = 'proxy' OR response_id = '' OR (tenant_id, response_id) NOT IN (
    SELECT tenant_id, response_id FROM otel.llm_calls
    WHERE source = 'proxy' AND response_id != ''
      AND ts >= {TS_FROM} - INTERVAL 1 HOUR AND ts < {TS_UNTIL} + INTERVAL 1 HOUR))
  AND ({{tenant:String}} = '' OR tenant_id = {{tenant:String}})
  AND ({{model:String}} = '' OR {MODEL} = {{model:String}})
  AND ({{key:String}} = '' OR {KEY} = {{key:String}})
  AND ({{user:String}} = '' OR user_id = {{user:String}})
"""


@dataclass(frozen=True, slots=True)
class Scope:
    """The part of the book that is looked at; "" means all."""

    time: TimeRange
    model: str = ""
    key: str = ""
    user: str = ""
    tenant: str = ""

    @property
    def parameters(self) -> Parameters:
        return {
            "since_us": self.time.since_us,
            "until_us": self.time.until_us,
            "model": self.model,
            "key": self.key,
            "user": self.user,
            "tenant": self.tenant,
        }
