"""Everything that is learned: one observation at a time, and now and then a look at the whole population.

Rule 1: deterministic. The same observations in the same order give the same scores bit for bit, whatever restarts lie between.
Rule 2: an account's score is what speaks against it alone and what speaks against its campaign, together; each part is named.
Rule 3: what a person said outranks both.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice

from proxy.core.risk import Risk
from proxy.learning import packing, portrait
from proxy.learning.campaign import Campaign, Verdict
from proxy.learning.campaigns import Campaigns, Live
from proxy.learning.census import Census
from proxy.learning.evidence import Evidence, scored
from proxy.learning.findings import Finding, look
from proxy.learning.kinship import Kinship
from proxy.learning.observation import BEHIND, Observation
from proxy.learning.population import Population
from proxy.learning.profile import Grams, Profile
from proxy.learning.score import Reading, Score
from proxy.learning.signals import SIGNALS
from proxy.learning.skeletons import Skeletons

FEWEST = 50
"""Accounts with something to say, below which there is no population to compare with."""

LINKS_SHOWN = 8
LINKS_SAMPLED = 64
"""Members of its campaign that an account is compared with, for people."""


@dataclass(slots=True)
class State:
    """What is known beside the profiles."""

    verdicts: dict[str, Verdict] = field(default_factory=dict)
    """What a person said of an account."""
    blocked: dict[str, float] = field(default_factory=dict)
    pardoned: dict[str, float] = field(default_factory=dict)
    """When a person pardoned an account, for as long as something of before may still be received."""
    hints: dict[str, tuple[float, tuple[Reading, ...]]] = field(default_factory=dict)
    """Accounts in groups that are no campaigns: what the last look saw."""
    next: float = 0.0
    """When the next look is due, epoch seconds; 0: with nothing seen yet."""


@dataclass(slots=True)
class Rest:
    """All but the profiles, for a checkpoint."""

    state: State
    live: list[Live]
    count: int
    looked: float
    pieces: dict[int, tuple[str, bool]]
    hits: dict[str, tuple[str, int, int]]
    kits: dict[int, str]


class Analysis:
    """Everything learned. Not thread-safe."""

    def __init__(self, risk: Risk, accounts: int = 1_000_000) -> None:
        """`accounts`: most that are kept; the quietest are forgotten past it."""
        self.risk = risk
        self.population = Population(accounts)
        self.all = Campaigns(risk.half_life)
        self.skeletons = Skeletons()
        self.state = State()
        self.looking: float | None = None
        """When the look was due in which it is, epoch seconds; None: in none."""
        self._touched: set[str] = set()

    def learn(self, seen: Observation) -> Iterable[str]:
        """Accounts whose score changed."""
        changed = self._due(seen.at)
        if seen.at <= self.state.pardoned.get(seen.account, 0.0):
            return changed
        profile = self.population.meet(seen, vouched=self.risk.vouched.covers(seen.tier, seen.verified))
        self._touched.add(profile.account)
        for signal in SIGNALS:
            kept = profile.kept.get(signal.name, [])
            signal.learn(kept, seen)
            if kept and signal.name not in profile.kept:
                profile.kept = {**profile.kept, signal.name: kept}
        found = self.population.opening(profile, seen.sketch) if seen.opening and seen.sketch else None
        if profile.account not in self.all.of and not self._spared(profile):
            self._newcomer(profile, found, seen)
        while (quiet := self.population.quietest()) is not None:
            self._forget(quiet)
        return (*changed, profile.account)

    def _due(self, at: float) -> tuple[str, ...]:
        """Looks at everybody where that is due, by the observations' own time."""
        state, every = self.state, self.risk.every
        if not state.next or state.next > at + 2 * every:  # something that came before it was of a time that had not come
            state.next = at + every
        if at < state.next:
            return ()
        changed = tuple(self.look(state.next))
        state.next += every * (1 + (at - state.next) // every)
        return changed

    def _newcomer(self, profile: Profile, opening: Grams | None, seen: Observation) -> None:
        """Does it send, or offer, what only a campaign does?"""
        campaign = self.skeletons.offers(profile) if seen.toolkit in self.skeletons.kits else None
        if campaign is None and opening is not None:
            campaign = self.skeletons.hit(profile, opening)
        if campaign is not None and campaign in self.all.live:
            self.all.join(campaign, profile.account, seen.at)

    def _spared(self, profile: Profile) -> bool:
        """A contract or a person speaks for it."""
        return profile.vouched or self.state.verdicts.get(profile.account) is Verdict.HONEST

    def look(self, at: float) -> Iterator[str]:
        """One look at the whole population; accounts whose score may have changed."""
        self.looking = at
        found = self._look(at)
        self.looking = None
        return found

    def postpone(self, until: float) -> None:
        """No look of its own before that."""
        self.state.next = max(self.state.next, until)

    def _look(self, at: float) -> Iterator[str]:
        before = {*self.all.of, *self.state.hints}
        self.state.pardoned = {account: when for account, when in self.state.pardoned.items() if at - when < BEHIND}
        census = Census(self.population, self.risk.minimum, self.state.blocked)
        if len(census.profiles) >= FEWEST:
            findings = list(look(census, self.risk))
            self.all.renew(self._without_spared(findings), Kinship(census), at)
            self.skeletons.learn(census, self.all.members())
            self.state.hints = self._hints(findings)
        return iter(sorted({*before, *self.all.of, *self.state.hints}))

    def _without_spared(self, findings: Iterable[Finding]) -> Iterator[Finding]:
        for found in findings:
            spared = {account for account in found.members if self.state.verdicts.get(account) is Verdict.HONEST}
            yield found.without(spared) if spared else found

    def _hints(self, findings: Iterable[Finding]) -> dict[str, tuple[float, tuple[Reading, ...]]]:
        hints: dict[str, tuple[float, tuple[Reading, ...]]] = {}
        for found in sorted(findings, key=lambda found: found.evidence):
            hints |= {account: (found.evidence, found.readings) for account in found.members if account not in self.all.of}
        return hints

    def _forget(self, account: str) -> None:
        self.population.forget(account)
        self.all.leave(account)
        self.skeletons.hits.pop(account, None)
        self.state.hints.pop(account, None)
        self.state.blocked.pop(account, None)  # a group has only accounts that are remembered
        self._touched.add(account)

    def organization(self, account: str) -> str:
        profile = self.population.profiles.get(account)
        return profile.organization if profile is not None else account

    def score(self, account: str) -> Score:
        """What is known of an account."""
        profile = self.population.profiles.get(account)
        return scored(self._evidence(profile) if profile is not None else Evidence(), self.risk)

    def _evidence(self, profile: Profile) -> Evidence:
        campaign = self.all.live.get(self.all.of.get(profile.account, ""))
        hint = self.state.hints.get(profile.account, (0.0, ()))
        return Evidence(
            own=tuple(portrait.readings(profile, self.risk, shadow=False)),
            linked=campaign.evidence if campaign is not None else hint[0],
            links=campaign.readings if campaign is not None else hint[1],
            campaign=campaign.id if campaign is not None else "",
            size=len(campaign.members) if campaign is not None else 0,
            verdict=self._verdict(profile),
            enough=profile.openings >= self.risk.minimum,
        )  # fmt: skip

    def _verdict(self, profile: Profile) -> Verdict | None:
        campaign = self.all.live.get(self.all.of.get(profile.account, ""))
        return self.state.verdicts.get(profile.account) or (campaign.verdict if campaign is not None else None)

    def evidence(self) -> tuple[float, ...]:
        """Each account's evidence in nats, of those that have shown enough."""
        profiles = sorted(self.population, key=lambda profile: profile.account)
        return tuple(scored(found, self.risk).evidence for profile in profiles if (found := self._evidence(profile)).enough)

    def readings(self, account: str) -> tuple[Reading, ...]:
        """Its own signals, strongest first."""
        profile = self.population.profiles.get(account)
        return tuple(portrait.readings(profile, self.risk)) if profile is not None else ()

    def links(self, account: str) -> tuple[tuple[str, float], ...]:
        """Its closest strangers among a sample of its campaign, and how close (0–1). It is asked for every account on a rung, so it may not
        look at everybody."""
        profile, campaign = self.population.profiles.get(account), self.all.live.get(self.all.of.get(account, ""))
        if profile is None or campaign is None:
            return ()
        members = [self.population.profiles[member] for member in islice(campaign.members, LINKS_SAMPLED)]
        return tuple(portrait.closest(profile, members, LINKS_SHOWN))

    def campaigns(self) -> tuple[Campaign, ...]:
        """All that are alive, the strongest first."""
        shown = [portrait.campaign(live, self.population, self.skeletons, self.risk) for live in self.all.live.values()]
        return tuple(sorted(shown, key=lambda each: (-each.evidence, each.id)))

    def judge(self, subject: str, verdict: Verdict | None, at: float) -> Iterable[str]:
        """A person's word on a campaign or an account; None takes it back. Accounts whose score may have changed."""
        if (campaign := self.all.live.get(subject)) is not None:
            campaign.verdict, campaign.seen = verdict, at
            return tuple(campaign.members)
        if verdict is None:
            self.state.verdicts.pop(subject, None)
        else:
            self.state.verdicts[subject] = verdict
        if verdict is Verdict.HONEST:
            self.all.leave(subject)
        return (subject,)

    def pardon(self, account: str, at: float) -> Iterable[str]:
        """A person has forgiven what was known of it until `at`: it begins anew. Accounts whose score may have changed."""
        self.state.pardoned[account] = at
        profile = self.population.profiles.get(account)
        if profile is None or profile.first > at:
            return ()
        self._forget(account)
        return (account,)

    def blocked(self, account: str, at: float) -> None:
        """What comes after a blocked account and asks the same may be its succession. Who is not known has nothing to leave."""
        if account in self.population.profiles:
            self.state.blocked.setdefault(account, at)

    def changed(self) -> tuple[bytes, dict[str, bytes | None]]:
        """For a checkpoint: the rest, and what became of profiles since the last one (None: forgotten)."""
        campaigns, known = self.all, self.skeletons
        live = list(campaigns.live.values())
        rest = Rest(self.state, live, campaigns.count, campaigns.looked, known.pieces, known.hits, known.kits)
        profiles = {account: self.population.profiles.get(account) for account in sorted(self._touched)}
        self._touched.clear()
        return packing.encode(rest), {account: packing.pack(found) if found is not None else None for account, found in profiles.items()}

    @classmethod
    def restored(cls, risk: Risk, rest: bytes, profiles: Iterable[bytes], accounts: int = 1_000_000) -> "Analysis":
        """As it was at a checkpoint. Raises `ValueError`."""
        analysis = cls(risk, accounts)
        for profile in sorted(map(packing.unpack, profiles), key=lambda profile: profile.turn):
            analysis.population.restore(profile)
        found = packing.decode(rest, Rest)
        analysis.state = found.state
        analysis.all.restore(found.live, found.count, found.looked)
        analysis.skeletons = Skeletons(found.pieces, found.hits, found.kits)
        return analysis
