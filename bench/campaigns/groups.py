"""Honest accounts that share something: a company, a school, a starter template, a list, a customer base. The hardest look-alikes."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import cycle
from random import Random
from typing import Any

from bench.campaigns.actors import Actor, Begun, begun, together
from bench.campaigns.clocks import DAY, HOUR, batch, human, spread
from bench.campaigns.grammar import say
from bench.campaigns.honest import HARDLY, KINDS, Kind, actor, coding, cover, datagen, manner, usual
from bench.campaigns.people import own_address
from bench.campaigns.prompt import Manner
from bench.campaigns.stock import NEW, OLD, Stock, Taste, taste
from bench.campaigns.talks import Items, Voice, once, talked, tools, worked

Makes = Callable[[Stock, Random, int], Iterator[Actor]]


@dataclass(frozen=True, slots=True)
class Grouped:
    """A kind whose accounts come in groups."""

    name: str
    weight: float
    """Accounts, in proportion; as `Kind.weight`."""
    size: tuple[int, int]
    """Least and most accounts of a group."""
    make: Makes


def _shared(stock: Stock, rng: Random, addresses: int = 1) -> dict[str, Any]:
    """One organization behind one payment and one address, or a few."""
    return {
        "organization": f"org_{rng.getrandbits(32):08x}",
        "payment": f"pay_{rng.getrandbits(32):08x}",
        "addresses": tuple(own_address(rng) if rng.random() < 0.6 else stock.town.cloud(rng) for _ in range(addresses)),
        "tier": rng.choices(("build", "scale", "enterprise"), (20, 55, 25))[0],
    }


def company(stock: Stock, rng: Random, count: int) -> Iterator[Actor]:
    """Colleagues: one address, one payment, often one organization and one system prompt, and each their own work."""
    facts, one = _shared(stock, rng, rng.randint(1, 2)), rng.random() < 0.6
    house = stock.shelf.pick("serve", HARDLY, rng).instructions if rng.random() < 0.4 else ""
    for _ in range(count):
        kind = usual(rng)
        told = facts if one else {key: value for key, value in facts.items() if key != "organization"}
        person = stock.town.person(rng, **told, verified=facts["tier"] == "enterprise")
        made = actor(kind, stock, rng, person, "company")
        yield replace(made, plan=_under(made.plan, house)) if house else made


def _under(plan: Any, house: str) -> Iterator[Begun]:
    return (replace(each, voice=replace(each.voice, system=house)) for each in plan)


def fleet(stock: Stock, rng: Random, count: int) -> Iterator[Actor]:
    """One company's accounts for one in-house tool: one template with everybody's own items, one address, one payment."""
    facts, voice = _shared(stock, rng), KINDS[rng.choice(("rag", "classify", "translate", "datagen", "script"))].voice(stock, rng)
    software, one = stock.town.software(rng), rng.random() < 0.5
    kind = Kind("fleet", 0, 1.5, (batch, human, spread), once, lambda *_: voice)
    for _ in range(count):
        told = facts if one else {key: value for key, value in facts.items() if key != "organization"}
        yield actor(kind, stock, rng, stock.town.person(rng, **told, software=software))


def school(stock: Stock, rng: Random, count: int) -> Iterator[Actor]:
    """A class with one homework: the same few exercises, pasted or in own words, around the evenings before it is due."""
    name, exercises = f"{rng.choice(('sum', 'coding', 'science', 'puzzle'))}/homework-{rng.getrandbits(32):x}", rng.randint(5, 14)
    shared, hint = own_address(rng), stock.shelf.pick("teach", HARDLY, rng)
    due = [stock.window.start + rng.uniform(1.0, stock.window.days) * DAY for _ in range(2)]
    # A school that pays is one customer; where nobody pays, pupils have nothing in common on paper.
    paid = {"payment": f"pay_{rng.getrandbits(32):08x}", "organization": f"org_{rng.getrandbits(32):08x}"} if rng.random() < 0.4 else {}
    for _ in range(count):
        told: dict[str, Any] = {
            "tier": "free",
            "program": "education",
            "payment": None,
            "addresses": (own_address(rng), shared),
            "stays": rng.choice((0.2, 0.6, 0.9)),
        }
        person = stock.town.person(rng, **told | paid, created=_lately(stock, rng, 60))
        voice = Voice(
            _homework(stock, name, exercises, rng),
            hint if rng.random() < 0.4 else None,
            manner=manner(rng),
            turns=1.8,
            output=300,
            thinks=0.5,
        )
        times = stock.window.inside([day - abs(rng.gauss(0, 0.6)) * DAY for day in due for _ in range(rng.randint(1, 6))])
        yield Actor(person, taste(stock, rng), begun(times, talked, voice), "class")


def _homework(stock: Stock, name: str, exercises: int, rng: Random) -> Items:
    order = cycle(rng.sample(range(exercises), exercises))
    own = rng.random() < 0.5

    def item(rng: Random) -> str:
        text = stock.item(name, next(order))
        return f"{say('{chat}', rng)}\n{text}" if own else text

    return item


def hackathon(stock: Stock, rng: Random, count: int) -> Iterator[Actor]:
    """Two or three days, one starter template with its tools, one hall's address, and each team's own idea."""
    starter, kit, hall = stock.shelf.pick("agent", HARDLY, rng).instructions, tools(rng, 4), own_address(rng)
    since = rng.uniform(0.0, 0.7)
    window = stock.window.part(since, min(1.0, since + 3 / stock.days))
    for _ in range(count):
        told = {
            "program": rng.choice(("startup", "startup", None)),
            "addresses": (hall, own_address(rng)),
            "tier": rng.choice(("free", "build")),
        }
        idea = say("{chat} {task}", rng)
        voice = Voice(lambda rng, idea=idea: f"{idea}\n{say('{errand}', rng)}", None, starter, kit, manner(rng, effort=0.2), 2.5, 200, 0.4)  # type: ignore[misc]
        plan = begun(human(rng, window, 4.0), worked, voice)
        yield Actor(stock.town.person(rng, **told, created=_lately(stock, rng, 10)), taste(stock, rng), plan, "hackathon")


def key_pool(stock: Stock, rng: Random, count: int) -> Iterator[Actor]:
    """One customer's job, dealt out over its own accounts as a load balancer does: complementary coverage of one list, honestly."""
    facts, kind = _shared(stock, rng), KINDS[rng.choice(("classify", "translate", "datagen", "grader", "evaluation"))]
    voice, software, dialect = kind.voice(stock, rng), stock.town.software(rng), rng.choice(("openai_chat", "anthropic_messages"))
    times = batch(rng, stock.window, 1.6 * count)
    for place in range(count):
        person = stock.town.person(rng, **facts, software=software, dialect=dialect)
        yield Actor(person, Taste(OLD[0]), begun(times[place::count], kind.talk, voice), "key_pool")


def licensed(stock: Stock, rng: Random, count: int) -> Iterator[Actor]:
    """A customer whose contract allows synthetic data: does what a harvest does, and is verified."""
    facts = _shared(stock, rng, 2) | {"tier": "enterprise", "verified": True}
    purposes = ("reason", "write", "program")
    voice = Voice(
        datagen(stock, rng).items,
        stock.shelf.pick(rng.choice(purposes), HARDLY, rng),
        manner=manner(rng, effort=0.8),
        output=1100,
        thinks=0.6,
    )
    for _ in range(count):
        yield Actor(stock.town.person(rng, **facts), taste(stock, rng), begun(batch(rng, stock.window, 9.0), once, voice), "licensed")


def resellers(stock: Stock, rng: Random, count: int) -> Iterator[Actor]:
    """One relay's accounts, each with the traffic of many people who have nothing to do with each other."""
    software, ways, paid = stock.town.software(rng), tuple(stock.town.cloud(rng) for _ in range(3)), f"pay_{rng.getrandbits(32):08x}"
    for _ in range(count):
        told = {"software": software, "addresses": ways, "stays": 0.3}
        if rng.random() < 0.4:
            told["payment"] = paid
        yield Actor(
            stock.town.person(rng, **told), taste(stock, rng), crowd(stock, rng, rng.lognormvariate(math.log(5.0), 0.5)), "reseller"
        )


def crowd(stock: Stock, rng: Random, per_day: float) -> Iterator[Begun]:
    """Traffic of several people through one account."""
    people = [cover(stock, rng, per_day / 4) for _ in range(rng.randint(3, 6))]
    return together(*(begun(times, talk, voice) for talk, voice, times in people))


def eager(stock: Stock, rng: Random, count: int) -> Iterator[Actor]:
    """Strangers who move to a new model within hours."""
    for _ in range(count):
        made = actor(usual(rng), stock, rng, name="eager")
        yield replace(made, taste=Taste(made.taste.usual, stock.release + rng.expovariate(1 / (8 * HOUR)), rng.choice((0.5, 1.0, 1.0))))


def newcomers(stock: Stock, rng: Random, count: int) -> Iterator[Actor]:
    """Strangers who open an account in mid-window, as successors of blocked ones do, for a coding product and the new model."""
    window = stock.window.part(0.5, 1.0)
    for _ in range(count):
        begins = rng.uniform(window.start, window.start + 0.5 * (window.end - window.start))
        person = stock.town.person(rng, created=round(begins - rng.uniform(0, 6) * HOUR, 1), tier=rng.choice(("free", "build")))
        voice = replace(coding(stock, rng), manner=Manner(stream=True))
        times = human(rng, replace(window, start=begins), 1.2)
        yield Actor(person, Taste(NEW), begun(times, worked, voice), "newcomer")


def lookalikes(stock: Stock, rng: Random, count: int) -> Iterator[Actor]:
    """Strangers who follow one published recipe: the same rare elicitation template, each with own items and nothing else in common."""
    recipe = stock.shelf.pick(rng.choice(("reason", "grade", "write")), HARDLY, rng)
    for _ in range(count):
        items = datagen(stock, rng).items if rng.random() < 0.5 else stock.walk(*stock.public(rng.choice(("sum", "science")), rng), rng)
        voice = Voice(items, recipe, manner=manner(rng, effort=0.5), turns=rng.choice((1.0, 1.5)), output=500, thinks=0.6)
        yield Actor(
            stock.town.person(rng),
            taste(stock, rng),
            begun(rng.choice((batch, human, spread))(rng, stock.window, 1.5), talked, voice),
            "recipe",
        )


def _lately(stock: Stock, rng: Random, days: float) -> float:
    return round(stock.window.start - rng.uniform(0, days) * DAY, 1)


GROUPS = {
    group.name: group
    for group in (
        Grouped("company", 7, (4, 14), company),
        Grouped("fleet", 3, (4, 9), fleet),
        Grouped("class", 5, (10, 28), school),
        Grouped("hackathon", 2, (8, 22), hackathon),
        Grouped("key_pool", 1.5, (4, 9), key_pool),
        Grouped("licensed", 0.8, (1, 3), licensed),
        Grouped("reseller", 1.5, (2, 6), resellers),
        Grouped("eager", 3, (1, 4), eager),
        Grouped("newcomer", 2, (1, 4), newcomers),
        Grouped("recipe", 1.5, (3, 8), lookalikes),
    )
}
"""By name."""
