"""A simple analysis that obeys the real one's contract, stores in memory for the analyst's ports, and observations to learn from."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from proxy.analyst.ports import Ports, TakenError
from proxy.analyst.records import START, Change, Checkpoint, Entry, Moment, Place, Record, Word
from proxy.core.ladder import CLEAR, Rung, Standing, Steps
from proxy.core.policy import Policy
from proxy.core.risk import Risk
from proxy.core.rules import Ladder
from proxy.learning.campaign import Campaign, Member, Verdict
from proxy.learning.observation import Observation
from proxy.learning.score import NOT_ENOUGH, Reading, Score, Share
from tests.support.policies import policy

AT = 1_900_000_000.0
STEPS = Steps({Rung.WATCH: 40, Rung.THROTTLED: 60, Rung.BLOCKED: 90}, below=10, after=60.0)


def watchful(steps: Steps = STEPS, risk: Risk | None = None, digest: str = "one") -> Policy:
    """A policy with a ladder and `risk`."""
    return replace(policy(), ladder=Ladder(steps=steps), risk=risk or Risk(on=True), digest=digest)


def seen(number: int, account: str = "anna", at: float | None = None, **parts: object) -> Observation:
    """Observation `number`; each has a request of its own."""
    return Observation(at=AT + number if at is None else at, request=f"r{number}", account=account, organization=f"o-{account}", **parts)


class CountingAnalysis:
    """Ten points for an exchange, and half of what is there for the exchange of an account that says it is verified. Accounts that pay
    alike are a campaign. A look counts looks; whom a person calls honest has nothing to fear."""

    def __init__(self, counts: Mapping[str, list[float]] | None = None, rest: Mapping[str, object] | None = None) -> None:
        self.counts = {account: list(some) for account, some in (counts or {}).items()}
        known = dict(rest or {})
        self.total = int(str(known.get("total", 0)))
        self.looks = int(str(known.get("looks", 0)))
        self.honest = set(json.loads(json.dumps(known.get("honest", []))))
        self.stopped = dict(json.loads(json.dumps(known.get("stopped", {}))))
        self.looking: float | None = None
        self._touched: set[str] = set()

    @classmethod
    def restored(cls, _: Risk, rest: bytes, profiles: Iterable[tuple[str, bytes]]) -> "CountingAnalysis":
        return cls({account: json.loads(packed) for account, packed in profiles}, json.loads(rest) if rest else None)

    def learn(self, one: Observation) -> Iterable[str]:
        count = self.counts.setdefault(one.account, [0.0, 0, 0])
        count[0] = count[0] / 2 if one.verified else count[0] + 1
        count[1], count[2] = one.payment, count[2] + 1
        self.total += 1
        self._touched.add(one.account)
        return (one.account,)

    def look(self, at: float) -> Iterable[str]:
        self.looking = None
        self.looks += 1
        return tuple(self.counts)

    def postpone(self, until: float) -> None:
        self.blind = until

    def score(self, account: str) -> Score:
        if account not in self.counts or account in self.honest:
            return NOT_ENOUGH
        value = min(99.0, 10 * self.counts[account][0])
        return Score(value, value / 8, (Share("exchanges", value, "it asks"),), f"c{self.counts[account][1]}", f"{value:.0f} points")

    def organization(self, account: str) -> str:
        return f"o-{account}" if account in self.counts else account

    def campaigns(self) -> tuple[Campaign, ...]:
        paying: dict[float, list[str]] = {}
        for account in sorted(self.counts):
            paying.setdefault(self.counts[account][1], []).append(account)
        return tuple(
            Campaign(f"c{payment}", AT, AT, 1.0, 50.0, members=tuple(Member(each, f"o-{each}", AT, "linked", 1, 1.0) for each in accounts))
            for payment, accounts in sorted(paying.items())
            if payment and len(accounts) > 1
        )

    def judge(self, subject: str, verdict: Verdict | None, at: float) -> Iterable[str]:
        self.honest = self.honest | {subject} if verdict is Verdict.HONEST else self.honest - {subject}
        return (subject,)

    def pardon(self, account: str, at: float) -> Iterable[str]:
        if self.counts.pop(account, None) is None:
            return ()
        self.stopped.pop(account, None)
        self._touched.add(account)
        return (account,)

    def blocked(self, account: str, at: float) -> None:
        self.stopped.setdefault(account, at)

    def readings(self, account: str) -> tuple[Reading, ...]:
        return (Reading("exchanges", 1.0, "it asks"),)

    def links(self, account: str) -> tuple[tuple[str, float], ...]:
        return (("somebody", 0.5),)

    def changed(self) -> tuple[bytes, dict[str, bytes | None]]:
        touched, self._touched = self._touched, set()
        rest = {"total": self.total, "looks": self.looks, "honest": sorted(self.honest), "stopped": self.stopped}
        return json.dumps(rest).encode(), {account: _packed(self.counts.get(account)) for account in sorted(touched)}


def _packed(count: list[float] | None) -> bytes | None:
    return None if count is None else json.dumps(count).encode()


@dataclass
class World:
    """Everything that the ports stand for, in memory. `failing`: the next calls that are to raise, and what."""

    entries: list[Entry] = field(default_factory=list)
    memory: Checkpoint = field(default_factory=Checkpoint)
    standings: dict[str, Standing] = field(default_factory=dict)
    scores: dict[str, Record] = field(default_factory=dict)
    campaigns: Sequence[Campaign] = ()
    moments: dict[str, Moment] = field(default_factory=dict)
    words: list[Word] = field(default_factory=list)
    counted: Counter[str] = field(default_factory=Counter)
    failing: dict[str, Exception] = field(default_factory=dict)
    writes: int = 0
    ownership: int = 1
    at: float = AT

    def add(self, *observations: Observation | None) -> None:
        start = len(self.entries)
        self.entries += [Entry(f"{start + i + 1}-0", one) for i, one in enumerate(observations)]

    def ports(self) -> Ports:
        each = _Each(self, self.ownership)
        return Ports(each, each, each, each, each, each)


class _Each:
    """All ports in one, for one ownership."""

    def __init__(self, world: World, ownership: int) -> None:
        self._world = world
        self._ownership = ownership

    def _try(self, name: str) -> None:
        if (error := self._world.failing.pop(name, None)) is not None:
            raise error

    async def read(self, after: str, most: int, wait: float) -> Sequence[Entry]:
        self._try("read")
        return [entry for entry in self._world.entries if _number(entry.mark) > _number(after)][:most]

    async def before(self, mark: str, most: int) -> Sequence[Entry]:
        return [entry for entry in self._world.entries if _number(entry.mark) <= _number(mark)][-most:]

    async def change(self, changes: Sequence[Change], how: Callable[[Standing, Change], Standing]) -> Mapping[str, Standing]:
        world = self._world
        for change in changes:
            self._try("change")
            world.writes += 1
            world.standings[change.account] = how(world.standings.get(change.account, CLEAR), change)
        return {change.account: world.standings[change.account] for change in changes}

    async def load(self) -> Checkpoint:
        self._try("load")
        return self._world.memory

    async def save(self, checkpoint: Checkpoint) -> int:
        world = self._world
        if world.ownership != self._ownership:
            raise TakenError("taken")
        old = world.memory
        world.memory = replace(
            checkpoint, profiles=_merged(old.profiles, checkpoint.profiles), places=_merged(old.places, checkpoint.places)
        )
        self._try("save")
        return len(world.memory.profiles)

    async def put_campaigns(self, campaigns: Sequence[Campaign]) -> None:
        self._world.campaigns = campaigns

    async def put_scores(self, records: Mapping[str, Record | None]) -> None:
        self._world.scores = _merged(self._world.scores, records)

    async def put_requests(self, moments: Sequence[Moment]) -> None:
        self._world.moments |= {moment.request: moment for moment in moments}

    async def since(self, number: int) -> Sequence[Word]:
        return [word for word in self._world.words if word.number > number]

    def count(self, name: str, amount: int = 1, **labels: str) -> None:
        self._world.counted[labels.get("result") or f"{name}:{labels['what']}"] += amount


def _number(mark: str) -> int:
    return int(mark.partition("-")[0])


def _merged(old: Mapping[str, object], new: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in {**old, **new}.items() if value is not None}


def known(places: Mapping[str, Place | None]) -> dict[str, Place]:
    return {account: place for account, place in places.items() if place is not None}


__all__ = ["AT", "START", "STEPS", "CountingAnalysis", "World", "known", "seen", "watchful"]
