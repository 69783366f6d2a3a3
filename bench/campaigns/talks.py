"""How a conversation goes: what is asked first, and what each later request resends with what is new.

Three ways cover all kinds: asked once, talked on, and worked on with tools. A `Voice` is what one account always does.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from random import Random

from bench.campaigns.grammar import identifier, say, several
from bench.campaigns.prompt import Manner, Message, Prompt, Tool, long
from bench.campaigns.templates import Template

Items = Callable[[Random], str]
"""The next thing to ask."""

HISTORY = 900
"""Characters of an answer that are resent with the next turn; the rest is cut, for the trace's sake."""


@dataclass(frozen=True, slots=True)
class Voice:
    """How one account asks."""

    items: Items
    template: Template | None = None
    """None: asks in its own words."""
    system: str = ""
    tools: tuple[Tool, ...] = ()
    manner: Manner = field(default_factory=Manner)
    turns: float = 1.0
    """Requests of a conversation, on average."""
    output: float = 250.0
    """Median tokens of an answer."""
    thinks: float = 0.0
    """Share of an answer's tokens that are reasoning, where it asks for any."""


Talk = Callable[[Voice, Random], Iterator[Prompt]]
"""A conversation's requests, in order."""


def opening(voice: Voice, rng: Random) -> tuple[str, str]:
    """System prompt and first message."""
    item = voice.items(rng)
    if voice.template is None:
        return voice.system, item
    system, asked = voice.template.fill(item)
    return "\n\n".join(part for part in (voice.system, system) if part), asked


def once(voice: Voice, rng: Random) -> Iterator[Prompt]:
    """One request, and what comes back is not talked about."""
    system, asked = opening(voice, rng)
    yield _prompt(voice, rng, system, (Message("user", asked),))


def talked(voice: Voice, rng: Random) -> Iterator[Prompt]:
    """A person who goes on."""
    system, asked = opening(voice, rng)
    said: tuple[Message, ...] = (Message("user", asked),)
    while True:
        yield _prompt(voice, rng, system, said)
        if rng.random() < 1 / voice.turns:
            return
        said += (Message("assistant", several("{say}", rng, rng.randint(1, 3))), Message("user", say("{follow}", rng)))


def worked(voice: Voice, rng: Random) -> Iterator[Prompt]:
    """A program that calls tools until it is done."""
    system, asked = opening(voice, rng)
    said: tuple[Message, ...] = (Message("user", asked),)
    while True:
        yield _prompt(voice, rng, system, said)
        if rng.random() < 1 / voice.turns:
            return
        tool, reference = rng.choice(voice.tools), f"call_{rng.getrandbits(48):012x}"
        found = several("{output}", rng, rng.randint(1, 5), "\n") if rng.random() < 0.6 else say("{code}", rng)
        said += (
            Message("call", f"{say('{lower}', rng)}/{identifier(rng)}", tool.name, reference),
            Message("result", found, tool.name, reference),
        )


def _prompt(voice: Voice, rng: Random, system: str, said: tuple[Message, ...]) -> Prompt:
    output = long(rng, voice.output, most=voice.manner.cap or 16_000)
    reasoning = int(output * min(1.0, voice.thinks * rng.uniform(0.5, 1.3))) if voice.manner.effort else 0
    kept = tuple(Message(each.role, each.text[:HISTORY], each.tool, each.id) for each in said[:-1]) + said[-1:]
    return Prompt(kept, system, voice.tools, voice.manner, output, reasoning)


def tools(rng: Random, count: int) -> tuple[Tool, ...]:
    """Tools of one product."""
    names = dict.fromkeys(identifier(rng) for _ in range(count))
    return tuple(
        Tool(name, say("{verb} the {adjective} {noun} of a {noun}.", rng).capitalize(), tuple(_arguments(name, rng))) for name in names
    )


def _arguments(tool: str, rng: Random) -> list[str]:
    """The one that is always given bears the end of the tool's name."""
    return list(dict.fromkeys([tool.rpartition("_")[2], *(say("{noun}", rng) for _ in range(rng.randint(0, 3)))]))
