"""Texts out of grammars: patterns with slots, filled from word stores and from other patterns.

A slot is `{noun}` (a word store or a rule), `{20..90}` (a number), `{Name}` (an invented proper name), or `{who=name}`, which keeps what
it said for a later `{who}` of the same text. Everything that is drawn comes from the `Random` that is passed in.
"""

import re
from collections.abc import Callable
from functools import cache
from random import Random

from bench.campaigns.phrases import PHRASES
from bench.campaigns.rules import RULES as PLAIN
from bench.campaigns.words import WORDS

RULES = PLAIN | PHRASES
_SLOT = re.compile(r"\{([^{}]+)\}")
_HEADS = "b br c d dr f g h j k kl l m n p pr qu r s st t th tr v w z".split()  # noqa: SIM905
_VOWELS = "a e i o u ae ei ia io ou".split()  # noqa: SIM905
_TAILS = " l m n r s t x nd rn sk th".split(" ")  # noqa: SIM905


def say(pattern: str, rng: Random) -> str:
    """One text of the pattern."""
    return _say(pattern, rng, {})


def several(pattern: str, rng: Random, count: int, between: str = " ") -> str:
    """`count` texts of the pattern."""
    return between.join(say(pattern, rng) for _ in range(count))


@cache
def _parts(pattern: str) -> tuple[str, ...]:
    """Text and slots in turn; the slots have odd places."""
    return tuple(_SLOT.split(pattern))


def _say(pattern: str, rng: Random, kept: dict[str, str]) -> str:
    parts = _parts(pattern)
    if len(parts) == 1:
        return pattern
    return "".join(_slot(part, rng, kept) if place % 2 else part for place, part in enumerate(parts))


def _slot(slot: str, rng: Random, kept: dict[str, str]) -> str:
    name, _, rule = slot.partition("=")
    if rule:
        kept[name] = _slot(rule, rng, kept)
        return kept[name]
    if slot in kept:
        return kept[slot]
    if ".." in slot:
        low, _, high = slot.partition("..")
        return str(rng.randint(int(low), int(high)))
    if slot in _INVENTED:
        return _INVENTED[slot](rng)
    if slot in WORDS:
        return rng.choice(WORDS[slot])
    return _say(rng.choice(RULES[slot]), rng, kept)


def _syllable(rng: Random) -> str:
    return rng.choice(_HEADS) + rng.choice(_VOWELS) + rng.choice(_TAILS)


def invented(rng: Random) -> str:
    """A name that means nothing."""
    return "".join(_syllable(rng) for _ in range(rng.choice((2, 2, 3)))).capitalize()


def identifier(rng: Random) -> str:
    """A name of code."""
    return f"{rng.choice(WORDS['act'])}_{rng.choice(WORDS['noun'])}{rng.choice(('', '', '', '_' + rng.choice(WORDS['noun'])))}"


_INVENTED: dict[str, Callable[[Random], str]] = {
    "Name": invented,
    "lower": lambda rng: invented(rng).lower(),
    "ident": identifier,
    "Class": lambda rng: "".join(part.capitalize() for part in identifier(rng).split("_")),
    "hex": lambda rng: f"{rng.getrandbits(28):07x}",
}
