"""What is known of an exchange before it (`Ask`, `Account`) and after it (`Usage`, `Outcome`). No prompt text is kept.

An *exchange* is one request and its answer (RFC 9110's message exchange).
"""

from dataclasses import dataclass
from enum import StrEnum


class Operation(StrEnum):
    """What the caller asks the model to do; the words of OpenTelemetry's `gen_ai.operation.name` where it has one."""

    CHAT = "chat"
    TEXT_COMPLETION = "text_completion"
    EMBEDDINGS = "embeddings"
    COUNT_TOKENS = "count_tokens"
    FETCH_RESPONSE = "fetch_response"
    LIST_MODELS = "list_models"
    TUNNEL = "tunnel"
    """A route that the policy opened: passed as it comes, charged what the policy says."""


GENERATES = frozenset({Operation.CHAT, Operation.TEXT_COMPLETION})
"""Operations whose answer costs output tokens."""

CONSUMES = GENERATES | {Operation.EMBEDDINGS, Operation.TUNNEL}
"""Operations whose prompt costs input tokens (a tunnel's: what its route's `cost` says)."""


RUNS_A_MODEL = CONSUMES - {Operation.TUNNEL} | {Operation.COUNT_TOKENS}
"""Operations on one model, which most dialects name; where a request may leave it out, the provider chooses."""


@dataclass(frozen=True, slots=True)
class Account:
    """Who asks, as the identity source knows it. An account without an organization is its own organization."""

    id: str
    organization: str
    tier: str
    """A tier's name, or "" where the source names none: the policy's default tier then."""
    key: str = ""
    """Id of the API key used (never the key), "" where there is none."""
    created: float | None = None
    """When the account was opened, epoch seconds."""
    verified: bool = False
    programme: str = ""
    payment: str = ""
    """The operator's opaque token for the means of payment."""
    source: str = ""
    """The identity source that vouched: keys | jwt | header | upstream."""


@dataclass(frozen=True, slots=True)
class LogitAsk:
    """How a request looks at, or leans on, single tokens: what an attack on the model's weights needs, and few others use."""

    biased: tuple[int, ...] = ()
    """Distinct ids of the tokens that it singles out, in order: by `logit_bias`, or by what does the same (`extras`)."""
    extreme: int = 0
    """Biases that settle what is said by themselves: of at least 50, either way."""
    logprobs: bool = False
    """It asks for log probabilities of the tokens that are generated."""
    top_logprobs: int = 0
    """Most alternatives asked for at one token, over every parameter that can ask for them; -1 for the whole vocabulary."""
    prompt: bool = False
    """It asks for log probabilities of its own prompt's tokens."""
    single: bool = False
    """It allows a token or two for each answer: a question to the logits more than to the model."""
    answers: int = 1
    """Answers asked for to one prompt."""
    extras: tuple[str, ...] = ()
    """Names of the parameters used, as sent and in order, that steer single tokens or show them or their probabilities."""


@dataclass(frozen=True, slots=True)
class Ask:
    """What a dialect reads from a request: the facts that quotas and signals need."""

    operation: Operation
    model: str = ""
    stream: bool = False
    output_cap: int | None = None
    """Most output tokens that the caller allows, all choices together; None where the request sets no cap."""
    choices: int = 1
    prompt_bytes: int = 0
    """Bytes of the body without base64 media."""
    fixed_input: int | None = None
    """Input tokens that the policy charges for an opened route, whatever its body."""
    media: int = 0
    """Base64 pictures, sounds and files in the body."""
    detached: bool = False
    """The provider goes on when the caller leaves (OpenAI's `background`): what it costs is not seen in the answer."""
    reports_usage: bool = True
    """False where a stream tells its usage only if asked to (OpenAI's `stream_options.include_usage`)."""
    unshaped: bool = False
    """An opened route's: what it brings cannot be shaped."""
    follows: str = ""
    """Id of the response that it fetches or goes on from, where the provider keeps those."""
    logits: LogitAsk | None = None
    """None where it neither steers single tokens nor asks about them, nor for less than a few."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one exchange as the provider reports them. `input` and `output` are totals; the rest are parts of them."""

    input: int = 0
    output: int = 0
    cached_input: int = 0
    """Part of `input` read from the provider's prompt cache."""
    cache_write: int = 0
    """Part of `input` written to the provider's prompt cache."""
    reasoning: int = 0
    """Part of `output` spent on reasoning."""

    @property
    def total(self) -> int:
        return self.input + self.output


class Ending(StrEnum):
    """How an exchange ended."""

    COMPLETE = "complete"
    REFUSED = "refused"
    CALLER_LEFT = "caller_left"
    UPSTREAM_BROKE = "upstream_broke"
    OVER_QUOTA = "over_quota"
    """A stream that `failure.stream_over_quota: stop` ended."""
    FAILED = "failed"
    """Our own fault."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is known of an exchange after it."""

    status: int
    ending: Ending
    usage: Usage
    reported: bool
    """True where the provider told the usage; False where it was estimated from bytes (then never zero)."""
    ended_at: float
    first_byte_at: float | None = None
    response_model: str = ""
    response_id: str = ""
    finish_reasons: tuple[str, ...] = ()
