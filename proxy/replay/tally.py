"""What a policy did over a trace, account by account: what the report, the picture and a comparison are made of."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from proxy.core.enforcement import Challenge, Reason, Refuse
from proxy.core.ladder import Rung
from proxy.core.policy import Policy
from proxy.learning.campaign import Campaign
from proxy.replay.run import Decided
from proxy.replay.timeline import NOWHERE, Spot, Timeline, spot

RESTRICTS = Rung.THROTTLED
"""From this rung on a caller notices."""

STANDING = frozenset({Reason.BLOCKED, Reason.VERIFY})
"""Refusals that a rung brings; the others a request brings upon itself."""


@dataclass(slots=True)
class Fate:
    """What became of one account."""

    requests: int = 0
    restricted: int = 0
    """Requests that were restricted in earnest."""
    earned: Rung = Rung.CLEAR
    """The highest rung by score alone."""
    done: Rung = Rung.CLEAR
    """The highest in earnest: no shadow, no list."""
    score: float = 0.0
    """The highest."""
    because: str = ""
    first: float | None = None
    """When it was first restricted in earnest, epoch seconds."""
    campaign: str = ""
    trusted: bool = False
    spot: Spot = NOWHERE


@dataclass(slots=True)
class Tally:
    """One policy's figures."""

    policy: Policy
    fates: dict[str, Fate] = field(default_factory=dict)
    requests: int = 0
    restricted: int = 0
    at_rung: Counter[Rung] = field(default_factory=Counter)
    """Requests by the rung that their account had earned."""
    own: Counter[Reason] = field(default_factory=Counter)
    """Requests refused for what they are, whoever sent them, by reason."""
    timeline: Timeline = field(default_factory=Timeline)
    campaigns: tuple[Campaign, ...] = ()
    """As they stand at the end, largest first."""

    def note(self, decided: Decided) -> None:
        """One decision on an exchange."""
        if decided.decision is None:
            return
        fate = self.fates.get(decided.account)
        if fate is None:
            fate = self.fates[decided.account] = Fate(trusted=decided.account in self.policy.trusted)
        self.requests += 1
        fate.requests += 1
        self._ranked(fate, decided)
        if isinstance(done := decided.decision.enforcement, Refuse | Challenge) and done.fault.reason not in STANDING:
            self.own[done.fault.reason] += 1
        after = spot(decided.earned, decided.score)
        self.timeline.note(decided.at, fate.spot, after)
        fate.spot = after

    def _ranked(self, fate: Fate, decided: Decided) -> None:
        done = decided.done
        fate.earned, fate.done = max(fate.earned, decided.earned), max(fate.done, done)
        self.at_rung[decided.earned] += 1
        if decided.score > fate.score:
            fate.score, fate.because = decided.score, decided.because
        fate.campaign = decided.campaign or fate.campaign
        if done >= RESTRICTS:
            self.restricted += 1
            fate.restricted += 1
            fate.first = decided.at if fate.first is None else fate.first

    def finish(self, campaigns: tuple[Campaign, ...]) -> None:
        """The trace is over."""
        self.timeline.finish()
        self.campaigns = tuple(sorted(campaigns, key=lambda campaign: (-len(campaign.members), campaign.id)))

    def earned(self, rung: Rung) -> Iterator[Fate]:
        """The accounts whose highest rung by score this is."""
        return (fate for fate in self.fates.values() if fate.earned is rung)

    @property
    def hit(self) -> frozenset[str]:
        """Accounts that were restricted in earnest."""
        return frozenset(name for name, fate in self.fates.items() if fate.first is not None)


@dataclass(slots=True)
class Faults:
    """Lines that could not be used, and why: counted by kind, the first of each with its number."""

    lines: int = 0
    first: float | None = None
    """The earliest recorded time, epoch seconds."""
    last: float | None = None
    disordered: int = 0
    """Exchanges that came before one of an earlier line."""
    kinds: Counter[str] = field(default_factory=Counter)
    where: dict[str, int] = field(default_factory=dict)
    """Line number, from 1, of the first of each kind."""
    latest: float = 0.0

    def note(self, index: int, why: str, at: float | None) -> None:
        """One line; `why` is "" for a good one, `at` None for one without a time."""
        self.lines += 1
        if why:
            kind = why if why in self.kinds or len(self.kinds) < MOST_KINDS else OTHERS
            self.kinds[kind] += 1
            self.where.setdefault(kind, index + 1)
        if at is not None:
            self.disordered += at < self.latest
            self.latest = max(self.latest, at)
            self.first = at if self.first is None else min(self.first, at)
            self.last = self.latest

    @property
    def seconds(self) -> float:
        """The recorded time, from the first exchange to the last."""
        return (self.last or 0.0) - (self.first or 0.0)


MOST_KINDS = 50
OTHERS = "is wrong in another way"
