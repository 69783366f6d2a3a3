"""The policy file as pydantic models: what may stand where. Unknown keys are errors; words are read by `fields`."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, ConfigDict, Field, model_validator

from proxy.config.fields import (
    AccountId,
    Count,
    Duration,
    FileName,
    Line,
    Money,
    Name,
    Pattern,
    RequestLimits,
    RoutePath,
    Share,
    SpendLimits,
    Strict,
    TokenLimits,
    Tokens,
    Weight,
    listed,
)
from proxy.config.model_guards import GuardsPart
from proxy.config.model_identity import Identity
from proxy.config.model_ladder import LadderPart
from proxy.config.model_recording import RecordingPart
from proxy.config.model_risk import RiskPart
from proxy.config.model_shaping import ModelPart, RewritePart

Method = Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


class TokenParts(Strict):
    """Token limits, told apart by direction."""

    input: TokenLimits = ()
    """Tokens sent to the model."""
    output: TokenLimits = ()
    """Tokens made by the model."""
    total: TokenLimits = ()
    """Both together."""


def _in_total(value: object) -> object:
    return value if isinstance(value, dict) else {"total": value}


AnyTokens = Annotated[TokenParts, BeforeValidator(_in_total, json_schema_input_type=TokenLimits | TokenParts)]


class Limits(Strict):
    """What may be used."""

    requests: RequestLimits = ()
    """Requests in a window: 20/minute, or a list of such limits."""
    tokens: AnyTokens = TokenParts()
    """Tokens in a window: 40k/minute, a list, or input, output and total apart."""
    spend: SpendLimits = ()
    """Money in a window: 200 usd/day. Needs accounting.prices."""
    in_flight: Count | None = None
    """Requests at once."""


class Models(Strict):
    """Which models may be named (`only`), and limits that count only the models of a pattern."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Limits]

    only: Annotated[tuple[Pattern, ...], BeforeValidator(listed, json_schema_input_type=Pattern | list[Pattern])] = ()
    """Patterns of the models that may be named; all, where this is left out."""

    def limits(self) -> dict[str, Limits]:
        """By pattern; a pattern restricts nothing by itself."""
        return self.__pydantic_extra__ or {}


class Per(Strict):
    """Limits whose usage is added up over something else than an account."""

    key: Limits = Limits()
    """Of each API key."""
    organization: Limits = Limits()
    """Of an organization's accounts together."""


class Tier(Limits):
    """What each account of this tier may use."""

    models: Models = Models.model_validate({})
    per: Per = Per()
    priority: Annotated[int, Field(strict=True, ge=1, le=100)] = 1
    """Its share when the upstream is full: twice the priority, twice the share."""


class Cost(Strict):
    """What one call of an opened route is charged as."""

    requests: Count = 1
    tokens: Tokens = 0
    """Input tokens."""


class Route(Strict):
    """A route that is served beside the dialects' own."""

    path: RoutePath
    """`*` is one segment, `**` any rest."""
    methods: Annotated[tuple[Method, ...], BeforeValidator(listed, json_schema_input_type=Method | list[Method])] = ()
    """Any, where this is left out."""
    allow: Literal["tunnel"]
    """tunnel: passed as it comes."""
    cost: Cost = Cost()
    unshaped: Literal["refuse", "serve"] = "refuse"
    """For accounts whose answers must be shaped, which here they cannot be: refuse, or serve all the same."""


class Lists(Strict):
    """Files with one account per line."""

    trusted: FileName | None = None
    """Accounts that no score moves."""
    watch: FileName | None = None
    """Accounts that are on watch at least."""


class Accounts(Strict):
    """Which account has which tier."""

    default_tier: Name | None = None
    """The tier of accounts that nothing else gives one; may be left out where there is one tier only."""
    tiers: dict[AccountId, Name] = Field(default={})
    """The tier of single accounts, whatever their identity source says."""
    lists: Lists = Lists()


class Weights(Strict):
    """How much some tokens count against others."""

    cached_input: Weight = 1.0
    reasoning: Weight = 1.0


class PriceList(Strict):
    """Dollars per million tokens: a number, or words such as 3 usd/1m."""

    input: Money
    output: Money
    cached_input: Money | None = None
    """As `input`, where this is left out."""
    cache_write: Money | None = None
    """As `input`, where this is left out."""


class AccountingPart(Strict):
    """How usage is turned into what is charged, and what is assumed before it is known."""

    weights: Weights = Weights()
    prices: dict[Pattern, PriceList] = Field(default={})
    """By pattern of model names; the first that matches holds."""
    bytes_per_token: Annotated[float, Field(strict=True, ge=1, le=16, allow_inf_nan=False)] = 4.0
    media_tokens: Tokens = 1500
    """Assumed for one picture, sound or file in a request."""
    typical_output: Count = 512
    """Assumed output of an account without a history."""
    slice: Annotated[int, Field(strict=True, ge=16, le=65536)] = 256
    """Tokens by which a stream's reservation grows as it flows."""
    include_usage: Annotated[bool, Field(strict=True)] = True
    """Ask OpenAI-dialect upstreams to report a stream's usage."""


class Queue(Strict):
    """Who waits when the upstream is full."""

    for_: Annotated[Duration | None, Field(alias="for")] = None
    """Longest wait: 2s."""
    seconds: Duration | None = None
    """The same as `for`."""
    length: Count = 100
    """Most that wait at once, per worker."""

    @model_validator(mode="after")
    def _once(self) -> "Queue":
        if self.for_ is not None and self.seconds is not None:
            raise ValueError("'for' and 'seconds' say the same; keep one")
        return self


class CapacityPart(Strict):
    """What the upstream can take, shared by priority when it is full."""

    in_flight: Count | None = None
    """Requests at once, over all workers of one gateway; no limit where this is left out."""
    queue: Queue = Queue()


class StoreLostPart(Strict):
    """What holds while the store does not answer."""

    serve_locally: Share = 0.5
    """Share of every limit that the gateways may admit on their own; 0% refuses at once."""
    for_: Annotated[Duration, Field(alias="for")] = 300.0
    then: Literal["refuse", "serve"] = "refuse"


class Failure(Strict):
    """What happens when something breaks, or a stream outgrows its quota."""

    store_lost: StoreLostPart = StoreLostPart()
    stream_over_quota: Literal["finish", "slow", "stop"] = "slow"
    shaping_error: Literal["end_stream"] = "end_stream"
    """What becomes of an answer that cannot be shaped as it must be; it is never passed on unshaped."""


class Timeouts(Strict):
    """How long something may take."""

    idle: Duration = 300.0
    """Longest silence of the upstream."""


class PolicyFile(Strict):
    """A Stillgate policy."""

    policy: Name | None = None
    """Its name, in logs and metrics; the file's name where this is left out."""
    mode: Literal["enforce", "shadow"] = "enforce"
    """shadow: decide and record, refuse nothing."""
    contact: Line = ""
    """Whom a refused caller can ask; shown in refusals."""
    identity: Identity = Identity()
    routes: tuple[Route, ...] = ()
    tiers: Annotated[dict[Name, Tier], Field(min_length=1)]
    accounts: Accounts = Accounts()
    accounting: AccountingPart = AccountingPart()
    capacity: CapacityPart = CapacityPart()
    failure: Failure = Failure()
    timeouts: Timeouts = Timeouts()
    models: dict[Pattern, ModelPart] = Field(default={})
    """What models know, by pattern of their names; the first that matches holds."""
    risk: RiskPart | None = None
    """Left out: nothing is observed, nothing is scored, and accounts come onto a rung by hand only."""
    ladder: LadderPart = LadderPart()
    guards: GuardsPart = GuardsPart()
    rewrite: RewritePart = RewritePart()
    recording: RecordingPart | None = None
    """Left out: nothing is recorded."""
