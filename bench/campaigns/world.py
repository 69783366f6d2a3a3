"""A whole world: honest accounts and campaigns, and everything they ask, in time order. The same seed gives the same bytes.

A world is made whole (accounts, clocks, lists) and written lazily: texts exist one at a time, so memory goes with accounts, not exchanges.
"""

import heapq
import math
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any

from bench.campaigns.actors import Actor, Exchange
from bench.campaigns.campaign import Campaign
from bench.campaigns.families import FAMILIES
from bench.campaigns.groups import GROUPS
from bench.campaigns.honest import KINDS, actor
from bench.campaigns.stock import Stock

LARGEST = 120
"""Accounts of a campaign; a family with more has several."""

SMALLEST = 4
"""Accounts below which there is no campaign to find (one whose accounts are replaced has about as many, one after the other)."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a world shall be."""

    seed: int = 7
    accounts: int = 2000
    days: int = 14
    prevalence: float = 0.05
    """Share of accounts that belong to campaigns."""
    families: tuple[str, ...] = tuple(FAMILIES)
    pace: float = 1.0
    """Times the campaigns' usual rate; about 5 brings them to the published 26 exchanges a day."""


@dataclass(slots=True)
class World:
    """Read once: what accounts do is drawn as it is read."""

    plan: Plan
    stock: Stock
    actors: list[Actor]
    campaigns: list[Campaign]
    extracted: list[int] = field(default_factory=list)
    """Places of extraction exchanges in the trace, as far as it was read."""
    seen: set[str] = field(default_factory=set)
    """Accounts that asked anything, as far as it was read."""

    def exchanges(self) -> Iterator[Exchange]:
        """In time order."""
        seed, window = self.stock.seed, self.stock.window
        streams = [each.exchanges(Random(f"{seed}/does/{each.person.account}"), window) for each in self.actors]
        for place, exchange in enumerate(heapq.merge(*streams, key=lambda each: (each.at, each.person.account))):
            if exchange.extract:
                self.extracted.append(place)
            self.seen.add(exchange.person.account)
            yield exchange

    def labels(self) -> dict[str, Any]:
        """Of the accounts that asked anything; after all exchanges were read."""
        accounts = {each.person.account: each.label for each in self.actors if each.person.account in self.seen}
        return {
            "accounts": dict(sorted(accounts.items())),
            "events_extract": self.extracted,
            "campaigns": {each.name: self._campaign(each, accounts) for each in self.campaigns},
        }

    def _campaign(self, one: Campaign, accounts: dict[str, dict[str, str | None]]) -> dict[str, Any]:
        members = sorted(account for account, label in accounts.items() if label["campaign"] == one.name)
        return {"planned_exchanges": one.planned, "accounts": members, "family": one.family.name, "knobs": one.knobs}


def make(plan: Plan) -> World:
    """The world of a plan."""
    stock = Stock(f"stillgate/{plan.seed}", plan.days)
    guilty = round(plan.accounts * plan.prevalence) if plan.families else 0
    campaigns = list(_campaigns(plan, stock, guilty))
    actors = [each for campaign in campaigns for each in campaign.actors()]
    actors += honest(stock, Random(f"{stock.seed}/honest"), max(0, plan.accounts - len(actors)))
    return World(plan, stock, actors, campaigns)


def _campaigns(plan: Plan, stock: Stock, guilty: int) -> Iterator[Campaign]:
    for name, accounts in _enough({name: FAMILIES[name].weight for name in plan.families}, guilty).items():
        parts = max(1, math.ceil(accounts / LARGEST))
        for part in range(parts):
            size, label = accounts // parts, name if parts == 1 else f"{name}-{part + 1}"
            yield Campaign(label, FAMILIES[name], stock, size, plan.pace, Random(f"{stock.seed}/{label}"))


def _enough(weights: dict[str, float], accounts: int) -> dict[str, int]:
    """Accounts by family. Where there are too few for all, the lightest families are left out: a campaign of two is none."""
    kept = dict(sorted(weights.items(), key=lambda each: -each[1]))
    while kept and min(shares(kept, accounts).values()) < SMALLEST:
        kept.popitem()
    return shares(kept, accounts)


def honest(stock: Stock, rng: Random, count: int) -> Iterator[Actor]:
    """`count` honest accounts, every kind as common as it is, in the order in which they came to share things."""
    solo = {name: kind.weight for name, kind in KINDS.items()}
    grouped = {name: group.weight for name, group in GROUPS.items()}
    wanted = Counter(shares(solo | grouped, count))
    parts = [(name, size) for name in grouped for size in _sizes(name, wanted.pop(name, 0), rng)]
    wanted["chat"] += count - sum(wanted.values()) - sum(size for _, size in parts)
    parts += [(name, 1) for name, number in wanted.items() for _ in range(number)]
    rng.shuffle(parts)
    for name, size in parts:
        yield from GROUPS[name].make(stock, rng, size) if name in GROUPS else (actor(KINDS[name], stock, rng),)


def _sizes(name: str, accounts: int, rng: Random) -> Iterator[int]:
    """Groups of the kind that fit in `accounts`; a remainder too small for a group is left."""
    least, most = GROUPS[name].size
    while accounts >= least:
        size = min(accounts, rng.randint(least, most))
        yield size
        accounts -= size


def shares(weights: dict[str, float], count: int) -> dict[str, int]:
    """`count` in whole parts by weight: largest remainders first."""
    total = sum(weights.values()) or 1.0
    exact = {name: count * weight / total for name, weight in weights.items()}
    whole = {name: math.floor(part) for name, part in exact.items()}
    rest = count - sum(whole.values())
    for name in _largest(exact, rest):
        whole[name] += 1
    return whole


def _largest(exact: dict[str, float], count: int) -> Iterable[str]:
    return sorted(exact, key=lambda name: (math.floor(exact[name]) - exact[name], name))[:count]
