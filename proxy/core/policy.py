"""The compiled policy: what the YAML says, frozen. `config` makes it; everything else only reads it."""

from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from proxy.core.facts import Account
from proxy.core.logits import LogitGuard
from proxy.core.quota import Accounting, Quota
from proxy.core.risk import Risk
from proxy.core.rules import Binding, Ladder
from proxy.core.shaping import Knobs


@dataclass(frozen=True, slots=True)
class Tier:
    """What an account of this tier may use."""

    name: str
    quotas: tuple[Quota, ...] = ()
    models: tuple[str, ...] = ()
    """Patterns of the models it may name; empty: any."""
    priority: int = 1
    """Share when the upstream is full: twice the priority, twice the share."""

    def serves(self, model: str) -> bool:
        return not self.models or any(fnmatchcase(model, pattern) for pattern in self.models)


@dataclass(frozen=True, slots=True)
class OpenRoute:
    """A route beside the dialects' own that the policy opens."""

    path: str
    """Pattern: `*` is one segment's part, `**` any rest."""
    methods: tuple[str, ...]
    """Upper case; empty: any."""
    requests: int
    """Requests that one call of it is charged as."""
    tokens: int
    """Input tokens that one call of it is charged as."""
    unshaped: bool = False
    """Served also to accounts whose answers must be shaped, which on such a route they cannot be."""


@dataclass(frozen=True, slots=True)
class StoreLost:
    """`failure.store_lost`: what holds while the store does not answer."""

    serve_locally: float
    """Share of every limit that the gateways together may admit on their own; 0 refuses at once."""
    seconds: float
    """How long, until `then: refuse` (or serve on, where `then_refuse` is false)."""
    then_refuse: bool = True


@dataclass(frozen=True, slots=True)
class Capacity:
    """The upstream's capacity, shared by priority when it is full."""

    in_flight: int
    """Exchanges at once over all workers of one gateway; 0: no limit."""
    queue_seconds: float
    """Longest wait for a place before 503."""
    queue_length: int
    """Most that wait at once, per worker."""


@dataclass(frozen=True, slots=True)
class Rewrite:
    """`rewrite:`: how the model that `reasoning: rewrite` names is asked for other words."""

    instruction: str = (
        "You are given the private notes that led to an answer. Say in two or three plain sentences what was decided, and then what "
        "was considered. Leave out every step, calculation and correction. Add nothing that the notes do not say."
    )
    """What the model is told to do with the reasoning."""
    seconds: float = 20.0
    """Longest wait for it; then nothing of the reasoning is shown."""
    tokens: int = 2000
    """Most output tokens of it."""


@dataclass(frozen=True, slots=True)
class Recording:
    """`recording:`: exchanges are written down, to be replayed."""

    to: str = ""
    """The directory in which each worker has a file of its own; "": nothing is recorded."""
    text: bool = False
    """Requests as they were sent; else what is learned from them, and what is personal hashed."""


@dataclass(frozen=True, slots=True)
class Policy:
    """One policy, whole. `digest` identifies its content (SHA-256 of the compiled source, first 12 hex digits)."""

    name: str
    digest: str
    enforce: bool
    """False: shadow, decide and record but refuse nothing that a quota or tier would refuse."""
    tiers: dict[str, Tier]
    default_tier: str
    account_tiers: dict[str, str]
    """Tier of single accounts, whatever their identity source says."""
    routes: tuple[OpenRoute, ...]
    identity: tuple[str, ...]
    """Identity sources in the order they are tried."""
    accounting: Accounting
    capacity: Capacity
    store_lost: StoreLost
    stream_over_quota: str
    """finish | slow | stop."""
    idle_seconds: float
    """Longest silence of an upstream stream."""
    contact: str
    """Whom a refused caller can ask; shown in refusals."""
    trusted: frozenset[str] = frozenset()
    watch: frozenset[str] = frozenset()
    identity_settings: dict[str, dict[str, object]] = field(default_factory=dict)
    """Each identity source's own settings, as its file describes them."""
    ladder: Ladder = field(default_factory=Ladder)
    binding: Binding = field(default_factory=Binding)
    logit_guard: LogitGuard | None = None
    """None: nothing is asked of requests that look at single tokens."""
    knobs: tuple[tuple[str, Knobs], ...] = ()
    """What models know, by pattern; the first that matches holds."""
    rewrite: Rewrite = field(default_factory=Rewrite)
    shaping_error: str = "end_stream"
    """What becomes of an answer that cannot be shaped as it must be."""
    risk: Risk = field(default_factory=Risk)
    """How evidence becomes a score; off where the policy says nothing of it."""
    recording: Recording = field(default_factory=Recording)
    notes: tuple[str, ...] = ()
    """Warnings of the compiler: rules that can never match, and the like."""

    @property
    def observes(self) -> bool:
        """Is anything kept of exchanges that have ended?"""
        return self.risk.on or bool(self.recording.to)

    def tier(self, account: Account) -> Tier:
        """The account's tier: by list, by its identity source, or the default. An unknown name falls to the default."""
        named = self.account_tiers.get(account.id) or account.tier
        return self.tiers.get(named) or self.tiers[self.default_tier]

    @property
    def peculiar(self) -> bool:
        """Are there models whose answers nobody can read who does not know which one made them?"""
        return any(knobs.preopened or knobs.tag not in {"", _NONE.tag} for _, knobs in self.knobs)

    def knobs_of(self, model: str) -> Knobs:
        """What `model` knows; of a model that no pattern names, nothing is known."""
        return next((knobs for pattern, knobs in self.knobs if fnmatchcase(model, pattern)), _NONE)


_NONE = Knobs()
