"""The words that the demo model says, and how its tokens are counted: one token is one word."""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence

import msgspec

OPENING = ("Demo", " answer:")
"""How every answer begins, so that nobody takes it for a real model's."""

_WORDS = (
    "amber anchor apple arrow autumn basin beacon birch bridge candle canyon cedar cloud copper coral cotton "
    "crystal delta ember falcon fern field forest garden glacier granite harbor hazel heron hollow island ivory "
    "jasper juniper kettle lantern lark linen marble meadow mellow mirror moss north ocean olive orchard otter "
    "pearl pebble pine prairie quartz river saffron silver sparrow spring summit timber valley velvet willow winter"
)
VOCABULARY = tuple(_WORDS.split())
"""64 words: six bits of the generator choose one."""

_SPACED = tuple(" " + word for word in VOCABULARY)
_STEP, _OFFSET, _MASK = 6364136223846793005, 1442695040888963407, (1 << 64) - 1
"""Knuth's MMIX linear congruential generator; only its top bits are used."""

_PIECE = re.compile(r"\s*\S+")

COUNTED = frozenset({"content", "text", "thinking", "arguments", "description", "input", "output", "prompt", "instructions", "system"})
"""Fields whose words are tokens. Others (roles, ids, base64 media, addresses) cost nothing."""


def seed(*parts: object) -> int:
    """A number in 0 – 2⁶⁴-1 that only depends on `parts`, which must be representable in JSON."""
    return int.from_bytes(hashlib.sha256(msgspec.json.encode(parts)).digest()[:8], "big")


def words(start: int, number: int) -> tuple[str, ...]:
    """`number` tokens chosen by `start`; joined they read as words with spaces between."""
    return tuple(token if place else token.lstrip() for place, token in enumerate(_spaced(start, number)))


def answer_words(start: int, number: int) -> tuple[str, ...]:
    """`number` tokens that begin with the demo's opening."""
    return (*OPENING, *_spaced(start, number - len(OPENING)))[:number]


def _spaced(state: int, number: int) -> Iterator[str]:
    for _ in range(number):
        state = (state * _STEP + _OFFSET) & _MASK
        yield _SPACED[state >> 58]


def pieces(text: str) -> tuple[str, ...]:
    """`text` cut into its tokens; joined they give it back, but for spaces at its end."""
    return tuple(_PIECE.findall(text))


def count(value: object, *, counted: bool = True) -> int:
    """Tokens in `value`, which is JSON: the words of all text in it."""
    if isinstance(value, str):
        return len(value.split()) if counted else 0
    if isinstance(value, Mapping):
        return sum(count(part, counted=name in COUNTED) for name, part in value.items())
    if isinstance(value, Sequence):
        return sum(count(part, counted=counted) for part in value)
    return 0


def likelihoods(token: str, number: int) -> list[tuple[str, float]]:
    """`token` and `number - 1` words that could have stood in its place, each with its log probability."""
    first = sum(token.encode())
    others = (_SPACED[(first + 1 + place) % len(_SPACED)] for place in range(number))
    ranked = [token, *(word for word in others if word != token)]
    return [(word, -(first % 97 + 1) / 1000 - place) for place, word in enumerate(ranked[: max(1, number)])]
