"""What an account may use: quotas as the policy says them, claims as the store counts them.

Rule 1: usage is keyed by (subject, unit, window), never by the amount: editing a limit keeps usage.
Rule 2: a rate is a bucket that drains steadily: over any stretch of T seconds at most burst + amount x T / window is admitted.
Rule 3: a calendar budget starts anew at the UTC day, ISO week or month.
Rule 4: what is reserved is *held* by a lease until it is settled; held and used together never pass the limit.
Rule 5: what counts distinct things (token ids) counts each of them once in a window, however often it is used.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase

from proxy.core.facts import CONSUMES, GENERATES, RUNS_A_MODEL, Account, Ask, LogitAsk, Usage


class Unit(StrEnum):
    """What is counted. Amounts are whole numbers: tokens, requests, micro-dollars for spend."""

    REQUESTS = "requests"
    INPUT = "input"
    OUTPUT = "output"
    TOKENS = "tokens"
    SPEND = "spend"
    IN_FLIGHT = "in_flight"
    BIASED = "biased_tokens"
    """Distinct token ids that requests single out: each is counted once in a window."""
    SINGLE = "single_token"
    """Answers of a token or two at most."""


ASKED = frozenset({Unit.BIASED, Unit.SINGLE})
"""What the request alone decides: no answer changes it, so a settlement leaves it as it was."""


class Scope(StrEnum):
    """Whose usage is added up; the value is the first letter of the subject's name in the store."""

    KEY = "k"
    ACCOUNT = "a"
    ORGANIZATION = "o"


SCOPE_WORDS = {Scope.KEY: "API key", Scope.ACCOUNT: "account", Scope.ORGANIZATION: "organization"}


@dataclass(frozen=True, slots=True)
class Window:
    """Over what time a quota counts."""

    kind: str
    """rate (a draining bucket) | calendar (a budget) | held (in flight: counted while it lasts)."""
    name: str
    """minute, hour, 5minutes … | day, week, month | now."""
    seconds: int
    """Length; for a calendar window its longest, used for expiry only."""


HELD = Window("held", "now", 0)


@dataclass(frozen=True, slots=True)
class Quota:
    """One limit of a tier."""

    unit: Unit
    amount: int
    window: Window
    burst: int
    """Most that may be used at once; equals `amount` unless a rate's policy says otherwise."""
    scope: Scope = Scope.ACCOUNT
    model: str = ""
    """Pattern of model names it counts, "" for all."""

    @property
    def field(self) -> str:
        """Key of its usage within a subject: unit, window and model, never the amount."""
        return f"{self.unit}/{self.window.name}" + (f"/{self.model}" if self.model else "")

    @property
    def name(self) -> str:
        """What headers and programs call it: its field, and whose usage it is where that is not the account's."""
        return self.field if self.scope is Scope.ACCOUNT else f"{self.field} per {self.scope.name.lower()}"

    def words(self) -> str:
        """As an operator or a caller would read it aloud."""
        per = "" if self.window.kind == "held" else f" per {spaced(self.window.name)}"
        of = f" of models {self.model}" if self.model else ""
        return f"{amount_words(self.unit, self.amount)}{per}{of}, counted per {SCOPE_WORDS[self.scope]}"


_UNIT_WORDS = {
    Unit.REQUESTS: "request",
    Unit.INPUT: "input token",
    Unit.OUTPUT: "output token",
    Unit.TOKENS: "token",
    Unit.BIASED: "biased token id",
    Unit.SINGLE: "single-token completion",
}


def amount_words(unit: Unit, amount: float) -> str:
    """`amount` with its unit, as people say it: `1 request`, `400 tokens`, `3 requests in flight`, `$12.50`, `$0.0004`."""
    if unit is Unit.SPEND:
        dollars = amount / 1_000_000
        return f"${dollars:.2f}" if dollars >= 1 or not dollars else f"${dollars:.6f}".rstrip("0")
    number = round(amount)
    if unit is Unit.IN_FLIGHT:
        return f"{number} request{'' if number == 1 else 's'} in flight"
    return f"{number} {_UNIT_WORDS[unit]}{'' if number == 1 else 's'}"


def spaced(window: str) -> str:
    """`5minutes` as `5 minutes`."""
    digits = window.rstrip("abcdefghijklmnopqrstuvwxyz")
    return f"{digits} {window[len(digits) :]}" if digits else window


@dataclass(frozen=True, slots=True)
class Price:
    """Micro-dollars per million tokens."""

    input: int
    output: int
    cached_input: int
    cache_write: int


@dataclass(frozen=True, slots=True)
class Accounting:
    """How usage is turned into what is charged, and what is assumed before it is known."""

    cached_input: float = 1.0
    """Weight of a cached input token against a fresh one."""
    reasoning: float = 1.0
    """Weight of a reasoning token against a visible one."""
    bytes_per_token: float = 4.0
    """Assumed until true usage has taught the ratio of a model."""
    media_tokens: int = 1500
    """Assumed for one picture, sound or file sent as base64."""
    typical_output: int = 512
    """Assumed output of an account that has no history yet."""
    slice: int = 256
    """Tokens by which a stream's reservation grows as it flows."""
    include_usage: bool = True
    """Ask OpenAI-dialect upstreams for usage at the end of streams (and hide it from callers who did not)."""
    prices: tuple[tuple[str, Price], ...] = ()
    """(pattern, price), first match wins."""

    def price(self, model: str) -> Price | None:
        """Of the first pattern that matches; where the provider is to choose the model (""), the dearest."""
        if not model:
            return max((price for _, price in self.prices), key=lambda price: (price.output, price.input), default=None)
        return next((price for pattern, price in self.prices if fnmatchcase(model, pattern)), None)


def charges(usage: Usage, model: str, accounting: Accounting, *, requests: int = 1) -> dict[Unit, int]:
    """What `usage` costs in every unit. Weighted down for cached and weighted for reasoning tokens; at least one request."""
    cached = min(usage.cached_input, usage.input)
    reasoning = min(usage.reasoning, usage.output)
    taken = round(usage.input - cached + cached * accounting.cached_input)
    made = round(usage.output - reasoning + reasoning * accounting.reasoning)
    return {
        Unit.REQUESTS: requests,
        Unit.INPUT: taken,
        Unit.OUTPUT: made,
        Unit.TOKENS: taken + made,
        Unit.SPEND: _spend(usage, accounting.price(model)),
        Unit.IN_FLIGHT: 1,
    } | dict.fromkeys(ASKED, 0)


def _spend(usage: Usage, price: Price | None) -> int:
    if price is None:
        return 0
    cached = min(usage.cached_input, usage.input)
    written = min(usage.cache_write, usage.input - cached)
    fresh = usage.input - cached - written
    micro = fresh * price.input + cached * price.cached_input + written * price.cache_write + usage.output * price.output
    return -(-micro // 1_000_000)


@dataclass(frozen=True, slots=True)
class Claim:
    """One quota that an exchange must fit under, in the store's terms."""

    quota: Quota
    subject: str
    """`k:…`, `a:…` or `o:…`: whose usage."""
    cost: int
    """What is reserved; of distinct things at most, for those already counted in the window cost nothing."""
    members: tuple[int, ...] = ()
    """The distinct things themselves, `cost` of them; () where amounts are counted."""

    @property
    def stay(self) -> int:
        """How long a member stays counted, on the count's own clock: a rate's seconds, or the one calendar window."""
        return self.quota.window.seconds if self.quota.window.kind == "rate" else 1

    @property
    def limit(self) -> int:
        return self.quota.burst

    @property
    def refill(self) -> float:
        """Amount per second that drains from a rate's bucket."""
        return self.quota.amount / self.quota.window.seconds if self.quota.window.kind == "rate" else 0.0


@dataclass(frozen=True, slots=True)
class Meter:
    """How one quota stands after a reservation or a refusal."""

    quota: Quota
    used: float
    """Used and held together, before this exchange where it was refused, with it where it was admitted."""
    frees_in: float
    """Seconds until the quota is whole again (admitted) or until this exchange would fit (refused)."""

    @property
    def remaining(self) -> int:
        return max(0, int(self.quota.burst - self.used))


@dataclass(frozen=True, slots=True)
class Grant:
    """All quotas had room: they are reserved under one lease."""

    meters: tuple[Meter, ...]
    standing: str = ""
    """The account's standing as the store keeps it, "" for clear."""
    note: str | None = None
    """What the store remembers under the name that was asked for; None: nothing."""
    local: bool = False
    """Granted by this gateway alone, because the store was lost."""


@dataclass(frozen=True, slots=True)
class Denial:
    """One quota at least had no room: nothing is reserved."""

    binding: Meter
    """Of the quotas without room, the one that frees last."""
    cost: int
    """What was asked of it."""
    meters: tuple[Meter, ...]
    standing: str = ""
    note: str | None = None
    local: bool = False

    @property
    def never(self) -> bool:
        """True where the exchange could not fit under an empty quota either (a share of it, served alone, says nothing)."""
        return not self.local and self.cost > self.binding.quota.burst


def subject(scope: Scope, account: Account) -> str:
    """Name of whose usage is counted, within the organization's part of the store."""
    name = {Scope.KEY: account.key, Scope.ACCOUNT: account.id, Scope.ORGANIZATION: account.organization}[scope]
    return f"{scope.value}:{name}"


def applies(quota: Quota, ask: Ask, account: Account) -> bool:
    """Does `quota` count this exchange? Token quotas count what costs tokens; key quotas need a key."""
    if quota.unit in ASKED and not _asked(ask)[quota.unit]:
        return False
    if quota.scope is Scope.KEY and not account.key:
        return False
    if quota.model and not _may_be(ask, quota.model):
        return False
    if quota.unit is Unit.OUTPUT:
        return ask.operation in GENERATES
    return quota.unit not in {Unit.INPUT, Unit.TOKENS, Unit.SPEND} or ask.operation in CONSUMES


def claimed(quota: Quota, ask: Ask, account: Account, costs: Mapping[Unit, int]) -> Claim:
    """What `ask` reserves of a quota that counts it, where its usage is expected to cost `costs`."""
    cost = _asked(ask)[quota.unit] if quota.unit in ASKED else costs[quota.unit]
    members = ask.logits.biased if ask.logits and quota.unit is Unit.BIASED else ()
    return Claim(quota, subject(quota.scope, account), cost, members)


def _asked(ask: Ask) -> dict[Unit, int]:
    """How much the request is of each unit of `ASKED`."""
    logits = ask.logits or LogitAsk()
    return {Unit.BIASED: len(logits.biased), Unit.SINGLE: ask.choices if logits.single else 0}


def _may_be(ask: Ask, pattern: str) -> bool:
    """Does the model match? Where none is named the provider chooses, so it counts under every pattern."""
    return fnmatchcase(ask.model, pattern) if ask.model else ask.operation in RUNS_A_MODEL


def tightest(meters: Sequence[Meter], units: Iterable[Unit]) -> Meter | None:
    """Of the meters of `units`, the one with the smallest share left: what limit headers show."""
    wanted = frozenset(units)
    fitting = [meter for meter in meters if meter.quota.unit in wanted]
    return min(fitting, key=lambda meter: meter.remaining / max(1, meter.quota.burst), default=None)
