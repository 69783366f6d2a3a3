"""Names of spans, attributes and metrics, in one place, so that a change of the conventions is a change of this file.

`http.*`, `url.*`, `client.*`, `user_agent.*`, `error.*`: OpenTelemetry semantic conventions 1.45, stable.
`gen_ai.*` attributes: semantic-conventions-genai 0.1.0 (on top of 1.45), all still in development.
`gen_ai.*` metrics: the names from before 1.42 (`gen_ai.client.operation.duration`, `gen_ai.client.token.usage`), which
today's dashboards expect; their successors are `gen_ai.client.inference.*`.
`stillgate.*`: our own; nothing has been adopted for gateways yet.
"""

HTTP_METHOD = "http.request.method"
HTTP_ROUTE = "http.route"
HTTP_STATUS = "http.response.status_code"
URL_PATH = "url.path"
URL_SCHEME = "url.scheme"
CLIENT_ADDRESS = "client.address"
USER_AGENT = "user_agent.original"
ERROR_TYPE = "error.type"

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "QUERY"})
OTHER_METHOD = "_OTHER"
"""Stands for every method that is not in `METHODS`: a caller can invent any number of them."""

GEN_AI_OPERATION = "gen_ai.operation.name"
GEN_AI_PROVIDER = "gen_ai.provider.name"
GEN_AI_REQUEST_MODEL = "gen_ai.request.model"
GEN_AI_REQUEST_STREAM = "gen_ai.request.stream"
GEN_AI_REQUEST_MAX_TOKENS = "gen_ai.request.max_tokens"
GEN_AI_REQUEST_CHOICES = "gen_ai.request.choice.count"
GEN_AI_RESPONSE_ID = "gen_ai.response.id"
GEN_AI_RESPONSE_MODEL = "gen_ai.response.model"
GEN_AI_RESPONSE_FINISH_REASONS = "gen_ai.response.finish_reasons"
GEN_AI_RESPONSE_FIRST_CHUNK = "gen_ai.response.time_to_first_chunk"
GEN_AI_INPUT_TOKENS = "gen_ai.usage.input_tokens"
GEN_AI_OUTPUT_TOKENS = "gen_ai.usage.output_tokens"
GEN_AI_CACHE_READ_TOKENS = "gen_ai.usage.cache_read.input_tokens"
GEN_AI_CACHE_WRITE_TOKENS = "gen_ai.usage.cache_write.input_tokens"
GEN_AI_REASONING_TOKENS = "gen_ai.usage.reasoning.output_tokens"
GEN_AI_TOKEN_TYPE = "gen_ai.token.type"  # noqa: S105

HTTP_SERVER_DURATION = "http.server.request.duration"
GEN_AI_CLIENT_DURATION = "gen_ai.client.operation.duration"
GEN_AI_CLIENT_TOKENS = "gen_ai.client.token.usage"
GEN_AI_FIRST_TOKEN = "gen_ai.server.time_to_first_token"  # noqa: S105

PREFIX = "stillgate."
REQUEST_ID = "stillgate.request.id"
"""The reference that refusals show."""
DIALECT = "stillgate.dialect"
ACCOUNT_ID = "stillgate.account.id"
ORGANIZATION_ID = "stillgate.organization.id"
KEY_ID = "stillgate.key.id"
IDENTITY_SOURCE = "stillgate.identity.source"
ENDING = "stillgate.ending"
REFUSAL_REASON = "stillgate.refusal.reason"
USAGE_REPORTED = "stillgate.usage.reported"
"""True where the provider told the usage, False where it was estimated from bytes."""

DECISION = "stillgate.decision"
"""The span event of one decision."""
VERDICT = "stillgate.verdict"
ADVISED = "stillgate.advised"
SHADOW = "stillgate.shadow"
REASON = "stillgate.reason"
RUNG = "stillgate.rung"
MEASURES = "stillgate.measures"
"""What the rung's sanctions change, in the words that the caller reads."""
FOUND = "stillgate.reasoning.found"
"""The span event of one reasoning block that came back and was not at home."""
FINDING = "stillgate.reasoning.finding"
ISSUED_TO = "stillgate.reasoning.issued_to"
"""The account that the block was issued to, where it can be known."""
TIER = "stillgate.tier"
QUOTA = "stillgate.quota"
"""The binding quota: unit, window and model."""
POLICY_NAME = "stillgate.policy.name"
POLICY_DIGEST = "stillgate.policy.digest"
