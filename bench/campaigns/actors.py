"""An account at work: the conversations that it begins, and the exchanges that come of them, lazily and in time order."""

import heapq
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

from bench.campaigns.clocks import Window
from bench.campaigns.people import Person
from bench.campaigns.prompt import Prompt
from bench.campaigns.stock import Taste
from bench.campaigns.talks import Talk, Voice
from bench.campaigns.wire import body


@dataclass(frozen=True, slots=True)
class Begun:
    """A conversation that begins."""

    at: float
    talk: Talk
    voice: Voice
    extract: bool = False
    """It serves a campaign."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One line of the trace, with its label."""

    at: float
    person: Person
    client: dict[str, Any]
    model: str
    prompt: Prompt
    extract: bool

    @property
    def line(self) -> dict[str, Any]:
        """As the trace has it."""
        prompt, person = self.prompt, self.person
        return {
            "time": self.at,
            "account": person.account,
            "account_facts": person.facts,
            "client": self.client,
            "dialect": person.dialect,
            "model": self.model,
            "request": body(person.dialect, self.model, prompt),
            "usage": {"input_tokens": prompt.size, "output_tokens": prompt.output, "reasoning_tokens": prompt.reasoning},
            "status": 200,
        }


@dataclass(frozen=True, slots=True)
class Actor:
    """One account: label, and what it does."""

    person: Person
    taste: Taste
    plan: Iterable[Begun]
    """In time order."""
    kind: str
    campaign: str | None = None
    mixed: bool = False
    """A campaign's account that carries other traffic too."""

    @property
    def label(self) -> dict[str, str | None]:
        label = "benign" if self.campaign is None else "mixed" if self.mixed else "campaign"
        return {"label": label, "kind": self.kind, "campaign": self.campaign}

    def exchanges(self, rng: Random, window: Window) -> Iterator[Exchange]:
        """One conversation after the other; what would come after the window is not recorded."""
        free = 0.0
        for begun in self.plan:
            at, model, client = max(begun.at, free), self.taste.model(rng, begun.at), self.person.client(rng)
            for prompt in begun.talk(begun.voice, rng):
                if at >= window.end:
                    return
                yield Exchange(round(at, 3), self.person, client, model, prompt, begun.extract)
                at += _pause(rng, prompt)
            free = at


def _pause(rng: Random, prompt: Prompt) -> float:
    """Until the next turn: programs go on when they have their answer, people read it first."""
    read = 4.0 if prompt.tools else 45.0
    return prompt.output / 60 + rng.lognormvariate(math.log(read), 0.8)


def begun(times: Iterable[float], talk: Talk, voice: Voice) -> Iterator[Begun]:
    """The same voice each time."""
    return (Begun(at, talk, voice) for at in times)


def together(*plans: Iterable[Begun]) -> Iterator[Begun]:
    """Several plans of one account."""
    return heapq.merge(*plans, key=lambda each: each.at)
