"""Campaigns over time: formed, grown, merged, split and dissolved. A campaign keeps its name for as long as most of it goes on.

Rule 1: what one look takes for one hand goes on with the campaign that most of it was; where there is none, it forms one.
Rule 2: campaigns that lose most of their members to another merge into it; one that falls into two hands is split. So no mistake lasts.
Rule 3: evidence that nothing renews fades by half-life; a campaign that fell below half of what forms one is dissolved.
Rule 4: a person's verdict outranks evidence, both ways, for as long as the campaign lives or another that absorbs it.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from proxy.learning.campaign import Verdict
from proxy.learning.findings import FORMS, Finding
from proxy.learning.hands import SAME, Hand, Sighting, hands
from proxy.learning.kinship import Kinship
from proxy.learning.score import Reading

MOST = 10_000
"""Live campaigns; past it the weakest are dissolved."""


@dataclass(slots=True)
class Live:
    """A campaign as it is now."""

    id: str
    first_seen: float
    seen: float
    evidence: float
    readings: tuple[Reading, ...]
    members: dict[str, "Joined"] = field(default_factory=dict)
    verdict: Verdict | None = None
    before: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Joined:
    """How an account became a member."""

    at: float
    how: str
    strength: float


class Campaigns:
    """All that are alive."""

    def __init__(self, half_life: float) -> None:
        self.half_life = half_life
        self.live: dict[str, Live] = {}
        self.of: dict[str, str] = {}
        """Campaign of each member."""
        self.count = 0
        """Campaigns ever formed: their names go on."""
        self.looked = 0.0
        """When they last faded."""

    def renew(self, findings: Iterable[Finding], kinship: Kinship, at: float) -> None:
        """After one look."""
        self._fade(at)
        sightings = [Sighting(found, part) for found in findings if found.evidence >= FORMS for part in found.parts if len(part) > 1]
        taken: set[str] = set()
        for hand in hands(sightings, kinship):
            before = self._before(hand)
            campaign = self._continued(hand, before, taken) or self._formed(before, at)
            taken.add(campaign.id)
            self._take(campaign, hand, at)
            self._merge(campaign, before, taken)
        self._settle()

    def join(self, campaign: str, account: str, at: float) -> None:
        """A newcomer that sent what only this campaign sends."""
        self.live[campaign].members[account] = Joined(at, "skeleton", 1.0)
        self.of[account] = campaign

    def leave(self, account: str) -> None:
        """It was forgotten, or cleared by a person."""
        campaign = self.live.get(self.of.pop(account, ""))
        if campaign is not None:
            campaign.members.pop(account, None)
            if not campaign.members:
                self._dissolve(campaign.id)

    def _fade(self, at: float) -> None:
        lost = 0.5 ** (max(0.0, at - self.looked) / self.half_life) if self.looked else 1.0
        self.looked = at
        for campaign in list(self.live.values()):
            campaign.evidence *= lost
            if campaign.evidence < FORMS / 2 and campaign.verdict is None:
                self._dissolve(campaign.id)

    def _before(self, hand: Hand) -> dict[str, int]:
        """Campaigns that its accounts were members of, and how many of them; most first."""
        names = Counter(sorted(name for account in hand.members if (name := self.of.get(account)) is not None))
        return dict(names.most_common())

    def _continued(self, hand: Hand, before: Mapping[str, int], taken: set[str]) -> Live | None:
        """The campaign that most of it was, unless a larger hand went on with that one: then two were taken for one, and split."""
        for name, size in before.items():
            if name not in taken and size >= SAME * min(len(hand.members), len(self.live[name].members)):
                return self.live[name]
        return None

    def _formed(self, before: Mapping[str, int], at: float) -> Live:
        """Its name says when: names do not come again after a memory is lost, and no account has one like it."""
        self.count += 1
        campaign = Live(f"c{self.count}-{int(at // 60):x}", at, at, 0.0, (), before=tuple(before)[:4])
        self.live[campaign.id] = campaign
        return campaign

    def _take(self, campaign: Live, hand: Hand, at: float) -> None:
        campaign.seen = at
        if hand.evidence >= campaign.evidence:
            campaign.evidence, campaign.readings = hand.evidence, hand.readings
        for account, strength in sorted(hand.members.items()):
            known = self.live[self.of[account]].members.pop(account) if account in self.of else None
            campaign.members[account] = replace(known, strength=strength) if known else Joined(at, "linked", strength)
            self.of[account] = campaign.id

    def _merge(self, campaign: Live, before: Mapping[str, int], taken: set[str]) -> None:
        """Campaigns that lost most of their members to this one were the same; the rest of them follows."""
        for name, lost in before.items():
            other = self.live[name]
            if name not in taken and lost >= SAME * (lost + len(other.members)):
                self._absorb(campaign, self.live.pop(name))

    def _absorb(self, elder: Live, younger: Live) -> None:
        for account, joined in younger.members.items():
            elder.members[account] = joined
            self.of[account] = elder.id
        elder.first_seen = min(elder.first_seen, younger.first_seen)
        elder.verdict = elder.verdict or younger.verdict
        elder.before = (*elder.before, younger.id)[-16:]

    def _settle(self) -> None:
        for campaign in list(self.live.values()):
            if not campaign.members:
                self._dissolve(campaign.id)
        for campaign in sorted(self.live.values(), key=lambda each: each.evidence)[: max(0, len(self.live) - MOST)]:
            self._dissolve(campaign.id)

    def _dissolve(self, name: str) -> None:
        for account in self.live.pop(name).members:
            del self.of[account]

    def restore(self, live: Iterable[Live], count: int, looked: float) -> None:
        """As they were at a checkpoint."""
        self.live = {campaign.id: campaign for campaign in live}
        self.of = {account: campaign.id for campaign in self.live.values() for account in campaign.members}
        self.count, self.looked = count, looked

    def members(self) -> Mapping[str, frozenset[str]]:
        return {name: frozenset(campaign.members) for name, campaign in self.live.items()}
