"""What everybody in a world can reach: public lists of tasks, coding products, shared templates, shared infrastructure, models."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random

from bench.campaigns.clocks import DAY, HOUR, START, Window
from bench.campaigns.grammar import say
from bench.campaigns.people import Town
from bench.campaigns.prompt import Tool
from bench.campaigns.talks import Items, tools
from bench.campaigns.templates import Shelf, template

OLD = ("glade-2", "glade-2-mini", "glade-2-think")
NEW = "glade-3"
"""Released half-way through the window."""

PUBLIC = {
    "sum": (1300, 500, 200), "puzzle": (750, 250), "science": (1000, 450), "coding": (400, 160), "repair": (500, 300), "errand": (300, 120),
    "task": (800, 250), "graded": (600, 200),
}  # fmt: skip
"""Public lists by what they hold: how many items each has. The first is the best known."""


@dataclass(frozen=True, slots=True)
class Product:
    """A coding agent that many people use: one system prompt, one set of tools."""

    system: str
    tools: tuple[Tool, ...]


@dataclass(slots=True)
class Stock:
    """Of one world."""

    seed: str
    days: int
    town: Town = field(init=False)
    shelf: Shelf = field(init=False)
    products: tuple[Product, ...] = field(init=False)

    def __post_init__(self) -> None:
        rng = Random(f"{self.seed}/stock")
        self.town = Town(START, rng)
        self.shelf = Shelf(self.seed)
        self.products = tuple(
            Product(template("agent", rng).instructions + "\n" + template("agent", rng).instructions, tools(rng, 5)) for _ in range(4)
        )

    @property
    def window(self) -> Window:
        return Window(START, START + self.days * DAY)

    @property
    def release(self) -> float:
        """When the new model came out."""
        return START + round(self.days / 2) * DAY + 15 * HOUR

    def product(self, rng: Random) -> Product:
        return rng.choices(self.products, (8, 4, 2, 1))[0]

    def public(self, domain: str, rng: Random) -> tuple[str, int]:
        """A public list's name, and how many items it has."""
        sizes = PUBLIC[domain]
        place = rng.choices(range(len(sizes)), [1 / (n + 1) for n in range(len(sizes))])[0]
        return f"{domain}/public-{place}", sizes[place]

    def item(self, name: str, number: int) -> str:
        """An item of a list: the same for everybody who has the list."""
        return say(f"{{{name.partition('/')[0]}}}", Random(f"{self.seed}/{name}/{number}"))

    def walk(self, name: str, size: int, rng: Random) -> Items:
        """Goes through a list, and through it again: mostly in its own order, as harnesses do."""
        steps = self._steps(name, size, rng.random() < 0.75, rng)
        return lambda _: next(steps)

    def _steps(self, name: str, size: int, in_order: bool, rng: Random) -> Iterator[str]:  # noqa: FBT001  # one of two ways
        kept = size if rng.random() < 0.4 else max(5, size // rng.randint(2, 20))
        order = list(range(size)) if in_order else rng.sample(range(size), size)
        while True:
            yield from (self.item(name, number) for number in order[:kept])


@dataclass(frozen=True, slots=True)
class Taste:
    """Which model an account asks."""

    usual: str
    moves: float | None = None
    """When it begins to use the new one."""
    share: float = 1.0
    """Of its conversations, from then on."""

    def model(self, rng: Random, at: float) -> str:
        moved = self.moves is not None and at >= self.moves and rng.random() < self.share
        return NEW if moved else self.usual


def taste(stock: Stock, rng: Random) -> Taste:
    """A third of all people try a new model within the days after its release."""
    usual = rng.choices(OLD, (55, 25, 20))[0]
    if rng.random() > 0.35:
        return Taste(usual)
    return Taste(usual, stock.release + rng.expovariate(1 / (2.5 * DAY)), rng.choice((0.3, 0.6, 1.0)))
