"""Small seeded worlds of the open benchmark's own generator, for tests that need traffic: one campaign among honest look-alikes.

`small_world()` has 60 accounts over three days. Twelve of them are a harvest that shares one means of payment and one template, and
deals one list out over its accounts; the others chat, code, evaluate, classify, sit in a class, a company and behind a key pool.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

from bench.campaigns.actors import Actor, Exchange
from bench.campaigns.campaign import Campaign
from bench.campaigns.families import FAMILIES
from bench.campaigns.files import TRACE, write
from bench.campaigns.groups import GROUPS
from bench.campaigns.honest import KINDS, Kind, actor
from bench.campaigns.stock import Stock
from bench.campaigns.world import Plan, World
from proxy.core.facts import Account, Ending, Operation, Outcome, Usage
from proxy.dialects import CATALOGUE
from proxy.learning.observation import Observation
from proxy.learning.observe import Client, observe
from proxy.learning.sketch import Keyed

_ROUTES = {dialect.name: (dialect, route) for dialect in CATALOGUE for route in dialect.routes if route.operation is Operation.CHAT}

CAMPAIGN = "harvest"
MEMBERS = 12
PAID = "pay_shared"
LEAST = 4
"""Conversations of an honest account that stands alone."""

HONEST = {
    "chat": 6, "support": 3, "coding": 5, "rag": 3, "classify": 4, "evaluation": 4, "grader": 3, "datagen": 2, "tutor": 2, "class": 6,
    "company": 4, "key_pool": 4, "recipe": 2,
}  # fmt: skip
"""Honest accounts by kind."""

_ALL = (1.0, 1.0)
_NONE = (0.0, 0.0)

_OPEN = replace(
    FAMILIES[CAMPAIGN], strands=FAMILIES[CAMPAIGN].strands[:1], payment=_ALL, covered=_NONE, public=_NONE, repeated=_NONE, reworded=_NONE
)  # fmt: skip
"""A harvest that hides nothing: whatever else a test looks at, its links are there to be seen."""


@dataclass(frozen=True)
class SmallWorld:
    """Everything that happens in it, read once and kept."""

    exchanges: tuple[Exchange, ...]
    """In time order."""
    labels: dict[str, Any]
    """As in labels.json."""

    @property
    def members(self) -> frozenset[str]:
        """Accounts of the campaign."""
        return frozenset(self.labels["campaigns"][CAMPAIGN]["accounts"])

    @property
    def honest(self) -> frozenset[str]:
        return frozenset(self.labels["accounts"]) - self.members

    def lines(self) -> Iterator[dict[str, Any]]:
        """As the trace has them."""
        return (exchange.line for exchange in self.exchanges)


def small_world(seed: int = 7, days: int = 3) -> SmallWorld:
    """The same seed gives the same world; well under a second's work."""
    world = _world(seed, days)
    exchanges = tuple(world.exchanges())
    return SmallWorld(exchanges, world.labels())


def observations(world: SmallWorld, secret: bytes = b"a small world's own") -> Iterator[Observation]:
    """What the analyst would learn from."""
    key = Keyed(secret)
    for place, line in enumerate(world.lines()):
        dialect, route = _ROUTES[line["dialect"]]
        body = json.dumps(line["request"]).encode()
        used = Usage(line["usage"]["input_tokens"], line["usage"]["output_tokens"], reasoning=line["usage"]["reasoning_tokens"])
        outcome = Outcome(line["status"], Ending.COMPLETE, used, reported=True, ended_at=line["time"], response_model=line["model"])
        yield observe(dialect.name, body, dialect.read(route, body), _account(line), _client(line), outcome, line["time"], f"r{place}", key)


def _account(line: dict[str, Any]) -> Account:
    facts = line["account_facts"]
    return Account(
        line["account"],
        facts["organization"],
        facts["tier"],
        created=facts["created"],
        verified=facts["verified"],
        programme=facts["program"] or "",
        payment=facts["payment"] or "",
    )


def _client(line: dict[str, Any]) -> Client:
    client = line["client"]
    return Client(client["address"], client["user_agent"], client["tls"], client["headers"])


def small_trace(out: Path, seed: int = 7, days: int = 3) -> Path:
    """The same world as `trace.jsonl.gz`, with `labels.json` beside it; the trace's path."""
    write(_world(seed, days), out)
    return out / TRACE


def _world(seed: int, days: int) -> World:
    stock = Stock(f"small/{seed}", days)
    campaign = Campaign(CAMPAIGN, _OPEN, stock, MEMBERS, pace=2.0, rng=Random(f"{stock.seed}/campaign"))
    guilty = [replace(each, person=replace(each.person, payment=PAID)) for each in campaign.actors()]
    others = list(_honest(stock, Random(f"{stock.seed}/honest")))
    return World(Plan(seed, len(guilty) + len(others), days), stock, guilty + others, [campaign])


def _honest(stock: Stock, rng: Random) -> Iterator[Actor]:
    for name, count in HONEST.items():
        if name in GROUPS:
            yield from GROUPS[name].make(stock, rng, count)
        else:
            yield from (_busy(KINDS[name], stock, rng) for _ in range(count))


def _busy(kind: Kind, stock: Stock, rng: Random) -> Actor:
    """An account that asks often enough for something to be said of it in so few days."""
    while True:
        made = actor(replace(kind, per_day=kind.per_day * 5), stock, rng)
        if len(plan := tuple(made.plan)) >= LEAST:
            return replace(made, plan=plan)
