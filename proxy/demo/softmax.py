"""A toy model with one true softmax layer: 64 words, a hidden state of 8 numbers, logits = W·h. Knows no dialect.

It exists to be attacked: what is published about stealing a last layer through `logit_bias` and `logprobs` works on it, so a guard
can be put to the test. Rules:
Rule 1: the hidden state depends on the prompt and the place in the answer only; a bias moves what is chosen, never the state.
Rule 2: the likeliest token is always chosen, the smaller id among equals.
Rule 3: what it tells are the true log probabilities, in double precision, of the logits after the bias (vLLM calls them processed).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from proxy.demo.text import VOCABULARY, pieces, seed

HIDDEN = 8
"""Numbers in the hidden state: the rank that an extraction finds."""

MOST = 1024
"""Tokens that it reads with their likelihoods, or writes, at once: it is slow, and nobody else is served meanwhile."""

SCALE = 3.0
"""Half width of the weights: makes the likeliest of 64 words stand out by a few nats at most."""


def _direction(*parts: object) -> tuple[float, ...]:
    """`HIDDEN` numbers in -1 – 1 that only depend on `parts`."""
    return tuple(seed("softmax", *parts, place) / 2**63 - 1 for place in range(HIDDEN))


WEIGHTS = tuple(tuple(SCALE * part for part in _direction("word", number)) for number in range(len(VOCABULARY)))
"""W: a row for each token id."""


def token_id(word: str) -> int:
    """The id of a word; a word that is not in the vocabulary gets one all the same."""
    plain = word.strip()
    return VOCABULARY.index(plain) if plain in VOCABULARY else seed("id", plain) % len(VOCABULARY)


def logits(prompt: object, place: int) -> tuple[float, ...]:
    """Of every token at this place of the answer, without a bias."""
    state = _direction("state", seed(prompt), place)
    return tuple(sum(weight * part for weight, part in zip(row, state, strict=True)) for row in WEIGHTS)


@dataclass(frozen=True)
class Step:
    """What stands at one place: every token's log probability, and which one was taken."""

    scores: tuple[float, ...]
    """Logits after the bias, by token id."""
    first: bool
    """The first token of a text has no space before it."""
    taken: int | None = None
    """None where the likeliest is taken."""

    @cached_property
    def logprobs(self) -> tuple[float, ...]:
        top = max(self.scores)
        total = top + math.log(math.fsum(math.exp(score - top) for score in self.scores))
        return tuple(score - total for score in self.scores)

    @cached_property
    def ranked(self) -> tuple[int, ...]:
        """Token ids, likeliest first."""
        return tuple(sorted(range(len(self.scores)), key=lambda number: (-self.scores[number], number)))

    @property
    def chosen(self) -> int:
        return self.ranked[0] if self.taken is None else self.taken

    def text(self, number: int) -> str:
        return VOCABULARY[number] if self.first else " " + VOCABULARY[number]


@dataclass(frozen=True, slots=True)
class Softmax:
    """One prompt."""

    prompt: object
    """Text, or a conversation as JSON."""
    bias: Mapping[int, float] = field(default_factory=dict)
    """Added to the logits, by token id."""
    continues: bool = False
    """The answer goes on from the prompt's text, so its first token has a space before it too."""

    def generated(self, number: int) -> tuple[Step, ...]:
        return tuple(Step(self._biased(place), first=not place and not self.continues) for place in range(number))

    def _biased(self, place: int) -> tuple[float, ...]:
        plain = logits(self.prompt, place)
        return tuple(score + self.bias.get(number, 0.0) for number, score in enumerate(plain)) if self.bias else plain


def read(text: str) -> tuple[tuple[str, Step], ...]:
    """The tokens of a prompt as written, each with what the model expected in its place, without a bias."""
    tokens = pieces(text)
    before = ("".join(tokens[:place]) for place in range(len(tokens)))
    expected = (
        Step(logits(prefix, 0), first=not place, taken=token_id(token))
        for place, (token, prefix) in enumerate(zip(tokens, before, strict=True))
    )
    return tuple(zip(tokens, expected, strict=True))
