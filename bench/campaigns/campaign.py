"""One campaign: its accounts, its lists, and who asks what when. The list is dealt out over the accounts; hardly an item is asked twice."""

import heapq
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from bench.campaigns.actors import Actor, Begun, begun, together
from bench.campaigns.clocks import DAY, HOUR, Window, batch, human, scheduler, spread
from bench.campaigns.families import Family, Range
from bench.campaigns.groups import crowd
from bench.campaigns.honest import cover
from bench.campaigns.people import Person, Software, own_address
from bench.campaigns.prompt import Manner
from bench.campaigns.stock import OLD, PUBLIC, Stock, Taste, taste
from bench.campaigns.talks import Items, Voice, tools
from bench.campaigns.templates import reworded, template

SHARERS = 6
"""Accounts on one of a campaign's means of payment, or behind one of its addresses."""

SEATS = 1.8
"""Accounts that one place has in turn, where accounts are replaced."""

VOCABULARY = 100_000
STEP = 19
"""Tokens that one request of a sweep reads."""


@dataclass(frozen=True, slots=True)
class Seat:
    """A place in the campaign: an account, and the part of the window that it works in."""

    person: Person
    window: Window
    covered: float
    """Share of its conversations that are other traffic."""


@dataclass
class Campaign:
    """A campaign being made; what was drawn for it stands in `knobs`."""

    name: str
    family: Family
    stock: Stock
    size: int
    pace: float
    """Times the family's rate."""
    rng: Random

    def __post_init__(self) -> None:
        family, rng = self.family, self.rng
        names = ("payment", "software", "address", "covered", "public", "repeated", "reworded")
        self.drawn = {name: _between(getattr(family, name), rng) for name in names}
        self.planned = 0
        self.window = self.stock.window.part(rng.uniform(0.0, 0.25), 1.0)
        self.synchronised = rng.random() < family.synchronised
        self.scheduler = scheduler(rng, self.window)
        self.templates = tuple(template(strand.purpose, rng) if strand.purpose else None for strand in family.strands)
        self.kits = tuple(tools(rng, strand.tools) if strand.tools else () for strand in family.strands)
        self.borrowed = self.stock.product(rng) if family.pivots and rng.random() < 0.5 else None

    @property
    def knobs(self) -> dict[str, Any]:
        """What the labels say of it."""
        return {
            "synchronised": self.synchronised,
            "pace": self.pace,
            "days": round(self.window.days, 2),
            "succession": self.family.succession,
            "pivots": self.family.pivots,
            **{name: round(value, 3) for name, value in self.drawn.items()},
        }

    def actors(self) -> list[Actor]:
        """All accounts, with what each does."""
        starters = max(1, round(self.size / SEATS)) if self.family.succession else self.size
        seats = [seat for person in self._people(starters) for seat in self._seats(person)]
        dealt = self._dealt([self._times(seat) for seat in seats])
        self.planned = sum(map(len, dealt))
        return [self._actor(seat, work) for seat, work in zip(seats, dealt, strict=True)]

    def _seats(self, person: Person) -> Iterator[Seat]:
        """One, or two after each other where accounts are replaced."""
        rng, family = self.rng, self.family
        hidden = rng.uniform(*family.cover) if rng.random() < self.drawn["covered"] else 0.0
        if not family.succession or rng.random() < 0.2:
            yield Seat(person, self.window, hidden)
            return
        stop = self.stock.window.part(0, rng.uniform(0.45, 0.55)).end
        yield Seat(person, replace(self.window, end=stop), hidden)
        opened = stop + rng.uniform(0.2, 1.5) * DAY
        heir = replace(next(self._people(1)), created=round(opened, 1), dialect=person.dialect)
        yield Seat(heir, replace(self.window, start=opened + rng.uniform(0, 6) * HOUR), rng.uniform(*family.cover))

    def _people(self, count: int) -> Iterator[Person]:
        rng, town, drawn = self.rng, self.stock.town, self.drawn
        circle = _Circle(self)
        for _ in range(count):
            told: dict[str, Any] = {
                "created": round(self.window.start - rng.lognormvariate(4.0, 1.0) * DAY, 1),
                "tier": rng.choices(("free", "build", "scale"), (30, 52, 18))[0],
                "program": rng.choices((None, "education", "startup", "research"), (85, 6, 7, 2))[0],
            }
            if rng.random() < drawn["payment"]:
                told["payment"] = rng.choice(circle.payments)
            if rng.random() < drawn["software"]:
                told["software"] = circle.software
            if rng.random() < drawn["address"]:
                told["addresses"] = (rng.choice(circle.addresses), *town.addresses(rng))
            if self.family.sweeps:
                told["dialect"] = "openai_chat"
            yield town.person(rng, **told)

    def _times(self, seat: Seat) -> list[float]:
        """When an account works for the campaign, other traffic apart."""
        rng, family = self.rng, self.family
        per_day = self.pace * family.per_day * rng.lognormvariate(0, 0.3) * (1 - seat.covered)
        clock = self.scheduler if self.synchronised else rng.choice((human, batch, spread, spread))
        times = clock(rng, seat.window, per_day)
        return _at_most(family.most_per_day, times) if family.most_per_day else times

    def _dealt(self, times: list[list[float]]) -> list[list[tuple[float, int, str]]]:
        """Each account's work: when, which strand, and which item. Whoever is free takes the next of the list."""
        order = list(heapq.merge(*([(at, seat) for at in each] for seat, each in enumerate(times))))
        strands = [self._strand(at) for at, _ in order]
        items = [iter(self._list(strand, strands.count(strand))) for strand in range(len(self.family.strands))]
        work: list[list[tuple[float, int, str]]] = [[] for _ in times]
        for (at, seat), strand in zip(order, strands, strict=True):
            work[seat].append((at, strand, next(items[strand])))
        return work

    def _strand(self, at: float) -> int:
        count = len(self.family.strands)
        if self.family.phased:
            return min(count - 1, int(count * (at - self.window.start) / (self.window.end - self.window.start)))
        return self.rng.randrange(count)

    def _list(self, strand: int, count: int) -> list[str]:
        """Items of a strand in the order in which they are asked, as `list#number`."""
        rng, domain = self.rng, self.family.strands[strand].domain
        own = [f"{domain}/{self.name}#{number}" for number in range(count)]
        if domain in PUBLIC:
            name, size = self.stock.public(domain, rng)
            taken = rng.sample(range(size), min(size, round(count * self.drawn["public"])))
            own[: len(taken)] = [f"{name}#{number}" for number in taken]
        again = round(count * self.drawn["repeated"])
        if again:
            own[-again:] = rng.sample(own[: count - again], min(again, count - again)) or own[-again:]
        return rng.sample(own, len(own))

    def _actor(self, seat: Seat, work: list[tuple[float, int, str]]) -> Actor:
        rng = self.rng
        voices = [self._voice(strand, rng) for strand in range(len(self.family.strands))]
        plans = [self._asks(voices, work)]
        if seat.covered:
            plans.append(self._covers(seat))
        usual = Taste(OLD[2] if self.family.name == "harvest" and rng.random() < 0.5 else OLD[0])
        if self.family.pivots:
            usual = Taste(usual.usual, self.stock.release + rng.uniform(0, 20) * HOUR, 0.5)
        elif seat.covered:
            usual = taste(self.stock, rng)
        return Actor(seat.person, usual, together(*plans), self.family.name, self.name, mixed=bool(seat.covered))

    def _covers(self, seat: Seat) -> Iterator[Begun]:
        per_day = self.pace * self.family.per_day * seat.covered
        if self.family.fronted:
            plan = crowd(self.stock, self.rng, per_day)
        else:
            talk, voice, times = cover(self.stock, self.rng, per_day)
            plan = begun(times, talk, voice)
        return (each for each in plan if seat.window.start <= each.at < seat.window.end)

    def _voice(self, strand: int, rng: Random) -> Voice:
        what, shared = self.family.strands[strand], self.templates[strand]
        said = reworded(shared, self.drawn["reworded"], rng) if shared else None
        manner = Manner(rng.choice((None, 4096, 8192)), rng.choice((None, 0.7, 1.0)), what.effort, stream=rng.random() < 0.3)
        if self.borrowed and what.tools:
            return Voice(_nothing, None, self.borrowed.system, self.borrowed.tools, manner, what.turns, what.output, 0.6)
        return Voice(_nothing, said, "", self.kits[strand], manner, what.turns, what.output, 0.6)

    def _asks(self, voices: list[Voice], work: list[tuple[float, int, str]]) -> Iterator[Begun]:
        for at, strand, which in work:
            name, _, number = which.rpartition("#")
            voice = voices[strand]
            if self.family.sweeps:
                voice = replace(voice, manner=_sweep(int(number)))
            yield Begun(at, self.family.strands[strand].talk, replace(voice, items=_said(self.stock, name, int(number))), extract=True)


class _Circle:
    """What a campaign's accounts may share: not all of them do."""

    def __init__(self, campaign: Campaign) -> None:
        rng, count = Random(f"{campaign.stock.seed}/{campaign.name}/circle"), max(1, math.ceil(campaign.size / SHARERS))
        self.payments = [f"pay_{rng.getrandbits(32):08x}" for _ in range(count)]
        self.addresses = [own_address(rng) if rng.random() < 0.5 else campaign.stock.town.cloud(rng) for _ in range(count)]
        self.software = Software(
            f"aiohttp/3.{rng.randint(9, 14)}",
            f"t13d1711h1_{rng.getrandbits(48):012x}_{rng.getrandbits(48):012x}",
            f"{rng.getrandbits(48):012x}",
        )


def _said(stock: Stock, name: str, number: int) -> Items:
    return lambda _: stock.item(name, number)


def _nothing(_: Random) -> str:
    """Stands where the list's next item will."""
    return ""


def _sweep(number: int) -> Manner:
    """The next tokens of the vocabulary are lifted into what is shown."""
    first, rng = number * STEP % VOCABULARY, Random(number)
    biased = tuple((token, 100) for token in range(first, first + rng.choice((2, 4, STEP))))
    return Manner(1, 1.0, bias=biased, top=rng.choice((5, 20, 20)))


def _between(both: Range, rng: Random) -> float:
    return rng.uniform(*both)


def _at_most(most: int, times: list[float]) -> list[float]:
    """The first `most` of each day."""
    seen: Counter[float] = Counter()
    kept = []
    for at in times:
        seen[at // DAY] += 1
        if seen[at // DAY] <= most:
            kept.append(at)
    return kept
