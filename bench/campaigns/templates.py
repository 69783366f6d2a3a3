"""Instructions that recur: a template with a place for the item. Popular ones, ones that a few strangers share, and everybody's own.

Most strangers who share a rare template do so because both found it in the same post or framework: that is the honest look-alike of a
campaign's template, and it is drawn from the same rules.
"""

from dataclasses import dataclass, field, replace
from random import Random

from bench.campaigns.grammar import say
from bench.campaigns.phrases import LEADS, PURPOSES


@dataclass(frozen=True, slots=True)
class Template:
    """Sentences, and where the item goes."""

    purpose: str
    sentences: tuple[str, ...]
    lead: str = ""
    """What stands before the item."""
    apart: bool = False
    """The instructions are the system prompt, and the item alone is the user's message."""
    last: bool = False
    """The item stands before the instructions."""

    @property
    def instructions(self) -> str:
        return "\n".join(self.sentences)

    def fill(self, item: str) -> tuple[str, str]:
        """System prompt and message."""
        asked = f"{self.lead}\n{item}" if self.lead else item
        if self.apart:
            return self.instructions, asked
        parts = (asked, self.instructions) if self.last else (self.instructions, asked)
        return "", "\n\n".join(parts)


def template(purpose: str, rng: Random) -> Template:
    """A new one."""
    sentences = tuple(dict.fromkeys(say(f"{{{rule}}}", rng) for rule in PURPOSES[purpose]))
    return Template(purpose, sentences, rng.choice(LEADS[purpose]), apart=rng.random() < 0.4, last=rng.random() < 0.15)


def reworded(one: Template, share: float, rng: Random) -> Template:
    """The same with some of its sentences said anew."""
    said = tuple(
        say(f"{{{rule}}}", rng) if rng.random() < share else old for rule, old in zip(PURPOSES[one.purpose], one.sentences, strict=False)
    )
    return replace(one, sentences=said)


@dataclass(frozen=True, slots=True)
class Sharing:
    """Of a kind's templates, how many are popular and how many are a few strangers'; the rest are own."""

    popular: float
    few: float


POPULAR = 5
"""Popular templates of each purpose; the n-th is used 1/n as often as the first."""

RENEWED = 0.4
"""Share of those who take a rare template that nobody else has yet: on average, 1/0.4 strangers share one."""


@dataclass(slots=True)
class Shelf:
    """All shared templates of a world, found in the order in which accounts are made."""

    seed: str
    _popular: dict[str, list[Template]] = field(default_factory=dict)
    _few: dict[str, list[Template]] = field(default_factory=dict)

    def pick(self, purpose: str, sharing: Sharing, rng: Random) -> Template:
        """One for a new account."""
        lot = rng.random()
        if lot < sharing.popular:
            return self.popular(purpose, rng)
        if lot < sharing.popular + sharing.few:
            return self._of_few(purpose, rng)
        return template(purpose, rng)

    def popular(self, purpose: str, rng: Random) -> Template:
        if purpose not in self._popular:
            self._popular[purpose] = [template(purpose, Random(f"{self.seed}/popular/{purpose}/{n}")) for n in range(POPULAR)]
        return rng.choices(self._popular[purpose], [1 / (n + 1) for n in range(POPULAR)])[0]

    def _of_few(self, purpose: str, rng: Random) -> Template:
        known = self._few.setdefault(purpose, [])
        if not known or rng.random() < RENEWED:
            known.append(template(purpose, rng))
        found = rng.choice(known[-3:])
        return reworded(found, 0.3, rng) if rng.random() < 0.25 else found
