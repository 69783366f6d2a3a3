"""Honest kinds, one account each. Most of them look like extraction in one way or another; that is what they are here for."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random

from bench.campaigns.actors import Actor, begun
from bench.campaigns.clocks import Clock, batch, human, nightly, regular, spread
from bench.campaigns.grammar import say, several
from bench.campaigns.people import Person
from bench.campaigns.prompt import Manner, long
from bench.campaigns.stock import Stock, taste
from bench.campaigns.talks import Items, Talk, Voice, once, talked, tools, worked
from bench.campaigns.templates import Sharing

Speaks = Callable[[Stock, Random], Voice]

PLENTY = Sharing(0.55, 0.25)
SOME = Sharing(0.25, 0.25)
HARDLY = Sharing(0.1, 0.15)


def asks(rule: str) -> Items:
    return lambda rng: say(f"{{{rule}}}", rng)


def passage(rng: Random) -> str:
    return several("{sentence}", rng, long(rng, 5, 0.6, 30))


def manner(rng: Random, *, cap: int | None = None, effort: float = 0.1) -> Manner:
    """What a program sets; `effort`: how likely it asks for reasoning."""
    asked = rng.choice(("low", "medium", "high")) if rng.random() < effort else ""
    return Manner(rng.choice((cap, None, 1024, 2048, 4096)), rng.choice((None, 0.0, 0.2, 0.7, 1.0)), asked, stream=rng.random() < 0.4)


def chat(stock: Stock, rng: Random) -> Voice:
    system = stock.shelf.pick("serve", SOME, rng).instructions if rng.random() < 0.5 else ""
    return Voice(asks("chat"), system=system, manner=manner(rng, effort=0.2), turns=rng.uniform(1.3, 3.5), output=350, thinks=0.5)


def support(stock: Stock, rng: Random) -> Voice:
    system = stock.shelf.pick("serve", HARDLY, rng).instructions
    return Voice(asks("support"), system=system, manner=manner(rng, cap=400, effort=0.02), turns=rng.uniform(2, 4), output=90)


def rag(stock: Stock, rng: Random) -> Voice:
    def item(rng: Random) -> str:
        return f"{passage(rng)}\n\n{passage(rng)}\n\n{say('{chat}', rng)}"

    return Voice(item, stock.shelf.pick("rag", PLENTY, rng), manner=manner(rng, effort=0.05), turns=rng.uniform(1, 2), output=160)


def coding(stock: Stock, rng: Random) -> Voice:
    product = stock.product(rng)
    how = replace(manner(rng, effort=0.4), stream=True, temperature=None)
    return Voice(asks(rng.choice(("repair", "coding"))), None, product.system, product.tools, how, rng.uniform(2, 6), 220, 0.4)


def app(stock: Stock, rng: Random) -> Voice:
    system = stock.shelf.pick("agent", SOME, rng).instructions
    return Voice(asks("errand"), None, system, tools(rng, rng.randint(2, 6)), manner(rng, effort=0.1), rng.uniform(1.5, 4), 110, 0.3)


def agentbench(stock: Stock, rng: Random) -> Voice:
    items = stock.walk(*stock.public(rng.choice(("repair", "errand")), rng), rng)
    shared = stock.shelf.pick("agent", PLENTY, rng)
    return Voice(items, shared, "", tools(Random(shared.instructions), 4), manner(rng, effort=0.4), rng.uniform(3, 6), 240, 0.5)


def classify(stock: Stock, rng: Random) -> Voice:
    how = Manner(rng.choice((1, 5, 16, 60)), 0.0, top=rng.choice((0, 0, 0, 2, 5)))
    if rng.random() < 0.12:
        first = rng.randint(200, 90_000)
        how = replace(how, cap=1, bias=tuple((token, 100) for token in sorted({first, first + rng.randint(1, 900)})))
    return Voice(asks(rng.choice(("review", "support"))), stock.shelf.pick("label", SOME, rng), manner=how, output=6)


def translate(stock: Stock, rng: Random) -> Voice:
    return Voice(passage, stock.shelf.pick("translate", SOME, rng), manner=manner(rng, cap=2000, effort=0.02), output=180)


def monitor(stock: Stock, rng: Random) -> Voice:
    asked = say("{chat}", rng)
    top = rng.choice((0, 0, 5, 20))
    how = Manner(rng.choice((1, 16, 64)), 0.0, top=top, seed=1)
    return Voice(lambda _: asked, system=stock.shelf.pick("serve", SOME, rng).instructions, manner=how, output=8)


def evaluation(stock: Stock, rng: Random) -> Voice:
    domain = rng.choice(("sum", "puzzle", "science", "coding", "task"))
    items, purpose = (
        stock.walk(*stock.public(domain, rng), rng),
        rng.choice(("ask", "ask", "reason", "program" if domain == "coding" else "ask")),
    )
    return Voice(items, stock.shelf.pick(purpose, PLENTY, rng), manner=manner(rng, cap=4096, effort=0.4), output=320, thinks=0.6)


def grader(stock: Stock, rng: Random) -> Voice:
    items = _answers(stock, rng)
    return Voice(items, stock.shelf.pick("grade", PLENTY, rng), manner=manner(rng, cap=256, effort=0.15), output=60, thinks=0.6)


def _answers(stock: Stock, rng: Random) -> Items:
    """What graders grade: a published set, one's own, or the answers of one's own model to a public list's questions."""
    lot = rng.random()
    if lot < 0.25:
        return stock.walk(*stock.public("graded", rng), rng)
    if lot < 0.55:
        return stock.walk(f"graded/own-{rng.getrandbits(32):x}", rng.randint(80, 900), rng)
    questions = stock.walk(*stock.public(rng.choice(("task", "sum", "science")), rng), rng)
    return lambda rng: f"{questions(rng)}\n\n{say('{reply}', rng)}"


def checks(stock: Stock, rng: Random) -> Voice:
    """What a pipeline runs every night."""
    return rng.choice((evaluation, grader, agentbench))(stock, rng)


def datagen(stock: Stock, rng: Random) -> Voice:
    items = asks(rng.choice(("task", "persona", "science", "coding")))
    purpose = rng.choice(("write", "write", "program", "reason"))
    return Voice(items, stock.shelf.pick(purpose, HARDLY, rng), manner=manner(rng, cap=8192, effort=0.2), output=900, thinks=0.4)


def script(stock: Stock, rng: Random) -> Voice:
    items = rng.choice((asks("task"), asks("chat"), asks("coding"), passage))
    return Voice(items, stock.shelf.pick(rng.choice(("write", "label", "ask")), HARDLY, rng), manner=manner(rng), output=200, thinks=0.4)


def tutor(stock: Stock, rng: Random) -> Voice:
    items = asks(rng.choice(("sum", "sum", "science", "puzzle")))
    return Voice(
        items, stock.shelf.pick("teach", SOME, rng), manner=manner(rng, effort=0.4), turns=rng.uniform(1.2, 2.2), output=420, thinks=0.6
    )


@dataclass(frozen=True, slots=True)
class Kind:
    """What accounts of a kind do."""

    name: str
    weight: float
    """Accounts, in proportion."""
    per_day: float
    """Median of conversations begun."""
    clocks: tuple[Clock, ...]
    talk: Talk
    voice: Speaks

    def times(self, stock: Stock, rng: Random) -> list[float]:
        """Of one account; most did not begin with the window."""
        window = stock.window.part(rng.choice((0.0, 0.0, rng.uniform(0, 0.7))), rng.choice((1.0, 1.0, rng.uniform(0.75, 1))))
        return rng.choice(self.clocks)(rng, window, self.per_day * rng.lognormvariate(0, 0.7))


KINDS = {
    kind.name: kind
    for kind in (
        Kind("chat", 15, 0.6, (human,), talked, chat),
        Kind("support", 8, 0.8, (human,), talked, support),
        Kind("rag", 9, 1.0, (human,), talked, rag),
        Kind("coding", 11, 0.6, (human,), worked, coding),
        Kind("app", 5, 0.6, (human, spread), worked, app),
        Kind("agentbench", 1.5, 0.7, (batch,), worked, agentbench),
        Kind("classify", 5, 2.5, (batch, spread, regular), once, classify),
        Kind("translate", 4, 2.0, (batch, human), once, translate),
        Kind("monitor", 2, 3.0, (regular,), once, monitor),
        Kind("evaluation", 3, 4.0, (batch,), once, evaluation),
        Kind("grader", 2.5, 3.0, (batch, spread), once, grader),
        Kind("nightly", 3, 2.5, (nightly,), once, checks),
        Kind("datagen", 3, 2.5, (batch, spread), once, datagen),
        Kind("script", 6, 1.2, (batch, human, regular), once, script),
        Kind("tutor", 3, 0.8, (human,), talked, tutor),
    )
}


def actor(kind: Kind, stock: Stock, rng: Random, person: Person | None = None, name: str = "") -> Actor:
    """One account of the kind; `name`: where it goes by another kind's."""
    voice = kind.voice(stock, rng)
    person = fitting(voice, person or stock.town.person(rng))
    return Actor(person, taste(stock, rng), begun(kind.times(stock, rng), _talk(kind, voice), voice), name or kind.name)


def _talk(kind: Kind, voice: Voice) -> Talk:
    return worked if voice.tools else kind.talk


def fitting(voice: Voice, person: Person) -> Person:
    """Only one dialect can lean on single tokens, and one knows no probabilities."""
    if voice.manner.bias:
        return replace(person, dialect="openai_chat")
    if voice.manner.top and person.dialect == "anthropic_messages":
        return replace(person, dialect="openai_responses")
    return person


def usual(rng: Random) -> Kind:
    """A kind, as common as it is."""
    return rng.choices(list(KINDS.values()), [kind.weight for kind in KINDS.values()])[0]


def cover(stock: Stock, rng: Random, per_day: float) -> tuple[Talk, Voice, list[float]]:
    """Honest-looking traffic of somebody who has something to hide: talk, voice, and times over the whole window."""
    kind = KINDS[rng.choice(("chat", "support", "rag", "script", "translate", "tutor", "classify"))]
    voice = kind.voice(stock, rng)
    return kind.talk, voice, rng.choice(kind.clocks)(rng, stock.window, max(per_day, 1 / math.ceil(stock.window.days)))
