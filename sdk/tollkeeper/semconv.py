"""Every attribute name we write or read: vocabulary without behaviour.

GenAI names are those of OpenTelemetry semantic conventions v1.41.1 (the last release that holds
them); ours live under ``tollkeeper.``. Nothing else in the product spells an attribute name.
"""

from typing import Final

SCHEMA_URL: Final = "https://opentelemetry.io/schemas/1.41.0"
PROXY_SCOPE: Final = "tollkeeper.proxy"
SDK_SCOPE: Final = "tollkeeper"

# Resource
SERVICE_NAME: Final = "service.name"
SERVICE_VERSION: Final = "service.version"
SERVICE_INSTANCE_ID: Final = "service.instance.id"
TENANT_ID: Final = "tollkeeper.tenant.id"

# Request
OPERATION_NAME: Final = "gen_ai.operation.name"
PROVIDER_NAME: Final = "gen_ai.provider.name"
REQUEST_MODEL: Final = "gen_ai.request.model"
REQUEST_MAX_TOKENS: Final = "gen_ai.request.max_tokens"
REQUEST_TEMPERATURE: Final = "gen_ai.request.temperature"
REQUEST_TOP_P: Final = "gen_ai.request.top_p"
REQUEST_CHOICE_COUNT: Final = "gen_ai.request.choice.count"
REQUEST_SEED: Final = "gen_ai.request.seed"
REQUEST_FREQUENCY_PENALTY: Final = "gen_ai.request.frequency_penalty"
REQUEST_PRESENCE_PENALTY: Final = "gen_ai.request.presence_penalty"
REQUEST_STOP_SEQUENCES: Final = "gen_ai.request.stop_sequences"
REQUEST_STREAM: Final = "gen_ai.request.stream"
OUTPUT_TYPE: Final = "gen_ai.output.type"
SERVER_ADDRESS: Final = "server.address"
SERVER_PORT: Final = "server.port"

# Response
RESPONSE_ID: Final = "gen_ai.response.id"
RESPONSE_MODEL: Final = "gen_ai.response.model"
RESPONSE_FINISH_REASONS: Final = "gen_ai.response.finish_reasons"
RESPONSE_TIME_TO_FIRST_CHUNK: Final = "gen_ai.response.time_to_first_chunk"
OPENAI_SYSTEM_FINGERPRINT: Final = "openai.response.system_fingerprint"
OPENAI_SERVICE_TIER: Final = "openai.response.service_tier"
OPENAI_API_TYPE: Final = "openai.api.type"

# Usage: input includes cached, output includes reasoning (otel.md 0.3)
USAGE_INPUT_TOKENS: Final = "gen_ai.usage.input_tokens"
USAGE_OUTPUT_TOKENS: Final = "gen_ai.usage.output_tokens"
USAGE_CACHE_READ_TOKENS: Final = "gen_ai.usage.cache_read.input_tokens"
USAGE_CACHE_CREATION_TOKENS: Final = "gen_ai.usage.cache_creation.input_tokens"
USAGE_CACHE_WRITE_TOKENS: Final = "gen_ai.usage.cache_write.input_tokens"
USAGE_REASONING_TOKENS: Final = "gen_ai.usage.reasoning.output_tokens"
USAGE_COST: Final = "gen_ai.usage.cost"

# Content: taken off the span by the collector, kept apart with a short life
SYSTEM_INSTRUCTIONS: Final = "gen_ai.system_instructions"
INPUT_MESSAGES: Final = "gen_ai.input.messages"
OUTPUT_MESSAGES: Final = "gen_ai.output.messages"
TOOL_DEFINITIONS: Final = "gen_ai.tool.definitions"
INPUT_MESSAGES_REF: Final = "gen_ai.input.messages.ref"
OUTPUT_MESSAGES_REF: Final = "gen_ai.output.messages.ref"
INPUT_PREVIEW: Final = "tollkeeper.input.preview"  # the collector's: first 500 characters
OUTPUT_PREVIEW: Final = "tollkeeper.output.preview"

# Who and where
USER_ID: Final = "user.id"
SESSION_ID: Final = "session.id"
CONVERSATION_ID: Final = "gen_ai.conversation.id"
AGENT_NAME: Final = "gen_ai.agent.name"
WORKFLOW_NAME: Final = "gen_ai.workflow.name"
DATA_SOURCE_ID: Final = "gen_ai.data_source.id"
TOOL_NAME: Final = "gen_ai.tool.name"
ERROR_TYPE: Final = "error.type"
HTTP_METHOD: Final = "http.request.method"
HTTP_ROUTE: Final = "http.route"
HTTP_STATUS: Final = "http.response.status_code"
URL_PATH: Final = "url.path"

# Ours, on spans
COST_USD: Final = "tollkeeper.cost.usd"  # decimal string, exact to the nano-dollar
CACHE: Final = "tollkeeper.cache"  # hit | miss | off
KEY_ID: Final = "tollkeeper.key.id"  # never the key
KEY_NAME: Final = "tollkeeper.key.name"
REQUEST_ID: Final = "tollkeeper.request.id"
ATTEMPT: Final = "tollkeeper.attempt"
OUTCOME: Final = (
    "tollkeeper.outcome"  # complete | truncated | cancelled | failed | refused | cached
)
USAGE_SOURCE: Final = "tollkeeper.usage.source"  # provider | estimated
BYTES_IN: Final = "tollkeeper.bytes.in"
BYTES_OUT: Final = "tollkeeper.bytes.out"
TAGS: Final = "tollkeeper.tags"
METADATA_PREFIX: Final = "tollkeeper.metadata."
POLICY_PREFIX: Final = "tollkeeper.policy."  # + policy name: the verdict
POLICY_BLOCKED: Final = "tollkeeper.policy.blocked"  # the name of the policy that refused
POLICY_REDACTED: Final = "tollkeeper.policy.redacted"  # how many passages were replaced
SPAN_CUT: Final = "tollkeeper.span.cut"  # what the collector shortened, by count

# Ours, from @observe
OBSERVED_FUNCTION: Final = "code.function.name"
OBSERVED_INPUT: Final = "input.value"
OBSERVED_OUTPUT: Final = "output.value"
