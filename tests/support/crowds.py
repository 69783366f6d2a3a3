"""Crowds of accounts as observations, without texts: who asks which pieces when, from where and paid by what. Seeded."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from random import Random

from proxy.learning.analysis import Analysis
from proxy.learning.observation import Bias, Observation

HOUR = 3600.0
BEGIN = 1_790_000_000.0 // HOUR * HOUR


@dataclass(frozen=True)
class Actor:
    """Somebody with an account."""

    account: str
    payment: int
    address: int
    software: int = 1
    organization: str = ""
    tier: str = "build"
    verified: bool = False

    def asks(self, at: float, pieces: Iterable[int], *, opening: bool = True, bias: Bias | None = None, model: str = "m1") -> Observation:
        return Observation(
            at, f"{self.account}-{at:.0f}", self.account, self.organization or self.account, self.tier, self.verified,
            payment=self.payment, address=self.address, software=self.software, model=model, opening=opening,
            sketch=tuple(sorted(pieces)) if opening else (), output=100, bias=bias,
        )  # fmt: skip


def pieces(chance: Random, many: int) -> tuple[int, ...]:
    return tuple(chance.getrandbits(32) for _ in range(many))


def strangers(chance: Random, many: int, name: str = "ann") -> list[Actor]:
    """Accounts that have nothing to do with each other."""
    return [Actor(f"{name}{i}", chance.getrandbits(60), chance.getrandbits(60), chance.randrange(1, 6)) for i in range(many)]


def chatting(chance: Random, actors: Iterable[Actor], hours: int, begin: float = BEGIN) -> Iterator[Observation]:
    """Each asks something of its own every few hours, and talks on about it."""
    for actor in actors:
        for hour in range(chance.randrange(6), hours, 6):
            at = begin + hour * HOUR + chance.random() * 1000
            yield actor.asks(at, pieces(chance, 16))
            yield actor.asks(at + 60, (), opening=False)


def harvesting(
    chance: Random, actors: list[Actor], hours: int, begin: float = BEGIN, template: tuple[int, ...] = (), words: int = 0
) -> Iterator[Observation]:
    """One list dealt out over all of them: the same template, filled anew each time, all in the same hours. `words`: pieces of each item
    that come again in others of the list, as phrases do."""
    template, phrases = template or pieces(chance, 8), Random(words)
    for hour in range(0, hours, 2):
        for actor in actors:
            yield actor.asks(
                begin + hour * HOUR + chance.random() * 1000, (*template, *pieces(chance, 8 - words), *phrases.sample(range(1, 90), words))
            )


def paid_together(actors: list[Actor], each: int = 3) -> list[Actor]:
    """The same, with one means of payment for every few of them."""
    return [Actor(a.account, 7_000 + i // each, a.address, 99, a.organization, a.tier, a.verified) for i, a in enumerate(actors)]


def in_order(*streams: Iterable[Observation]) -> list[Observation]:
    return sorted((seen for stream in streams for seen in stream), key=lambda seen: (seen.at, seen.account))


def learned(analysis: Analysis, seen: Iterable[Observation]) -> Analysis:
    for each in seen:
        list(analysis.learn(each))
    return analysis


def infested(seed: int = 1, honest: int = 120, members: int = 12, hours: int = 48) -> list[Observation]:
    """Honest accounts, and among them a campaign (`bad0`, `bad1`, …)."""
    chance = Random(seed)
    crowd = strangers(chance, honest)
    bad = paid_together(strangers(chance, members, "bad"))
    return in_order(chatting(chance, crowd, hours), harvesting(chance, bad, hours))
