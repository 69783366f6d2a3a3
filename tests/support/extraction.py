"""Reading the width of a model's last layer out of its API: the published attacks, against anything that answers a query.

Logits are W·h with a W of hidden-size columns, so however many prompts are asked, their logits span no more dimensions
than that: the rank of a matrix of logits, more prompts and tokens than the hidden size, is the hidden size.

* `with_biases`: Carlini et al. 2024 (arXiv 2403.06634). A bias lifts a few tokens and a reference among the alternatives shown.
* `without_logprobs`: the same paper's way where none are shown. Which bias makes a token win, found by halving.
* `without_biases`: Finlayson et al. 2024 (arXiv 2403.09539), from the alternatives alone.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

LIFT = 90.0
"""A bias that no difference of logits outweighs, within the API's 100."""

DROP = 8.0
"""By how much one singular value must be smaller than the one before, or nothing is known of the rank."""

FLOOR = 1e-13
"""Relative to the largest: what floats cannot tell from nothing."""


class RefusedError(Exception):
    """The query was not answered; it may be the last that is."""


@dataclass(frozen=True)
class Answer:
    """One generated token."""

    token: int
    logprobs: Mapping[int, float] = field(default_factory=dict)
    """Of the alternatives that were shown, by token id."""


Query = Callable[[str, Mapping[int, float], int], Awaitable[Answer]]
"""(prompt, bias by token id, alternatives wanted: -1 for all, 0 for no log probabilities) → one token, or `RefusedError`."""


@dataclass(frozen=True)
class Width:
    """What an attack has found."""

    rank: int
    """Of the largest matrix that it could fill: the hidden size, where that is smaller than the matrix."""
    known: bool
    """Did the singular values end within the matrix? Else `rank` is only its size."""
    queries: int
    """Asked in all, refused ones too."""


class _Counted:
    """Counts what is asked, and forgets what was refused."""

    def __init__(self, query: Query) -> None:
        self._query = query
        self.asked = 0

    async def __call__(self, prompt: str, bias: Mapping[int, float], top: int) -> Answer | None:
        self.asked += 1
        try:
            return await self._query(prompt, bias, top)
        except RefusedError:
            return None


async def with_biases(query: Query, prompts: Sequence[str], tokens: Sequence[int], top: int) -> Width:
    """`top` - 1 tokens at a time, each set lifted together with the first token of all, which they are measured against."""
    ask, seen, reference = _Counted(query), {}, tokens[0]
    for prompt in prompts:
        for start in range(1, len(tokens), top - 1):
            few = (reference, *tokens[start : start + top - 1])
            answer = await ask(prompt, dict.fromkeys(few, LIFT), top)
            if answer is not None and answer.logprobs.keys() >= {*few}:
                seen |= {(prompt, token): answer.logprobs[token] - answer.logprobs[reference] for token in few}
    return _width(seen, ask.asked)


async def without_logprobs(query: Query, prompts: Sequence[str], tokens: Sequence[int], precision: float = 1e-3) -> Width:
    """Each token's distance from the winner, to `precision`; all prompts at once."""
    ask, seen = _Counted(query), {}

    async def search(prompt: str) -> None:
        for token in tokens:
            gap = await _gap(ask, prompt, token, precision)
            if gap is not None:
                seen[prompt, token] = -gap

    await asyncio.gather(*map(search, prompts))
    return _width(seen, ask.asked)


async def _gap(ask: _Counted, prompt: str, token: int, precision: float) -> float | None:
    low, high = 0.0, LIFT
    while high - low > precision:
        answer = await ask(prompt, {token: (low + high) / 2}, 0)
        if answer is None:
            return None
        low, high = (low, (low + high) / 2) if answer.token == token else ((low + high) / 2, high)
    return (low + high) / 2


async def without_biases(query: Query, prompts: Sequence[str], top: int) -> Width:
    """What is shown of each prompt, over the tokens that many of them show."""
    ask, seen = _Counted(query), {}
    for prompt in prompts:
        answer = await ask(prompt, {}, top)
        seen |= {(prompt, token): logprob for token, logprob in (answer.logprobs if answer else {}).items()}
    return _width(seen, ask.asked)


def _width(seen: Mapping[tuple[str, int], float], queries: int) -> Width:
    """Log probabilities differ from logits by one figure for each prompt: it goes with a reference token's column."""
    rows, columns = _block(seen)
    if not rows or len(columns) < 2:
        return Width(0, known=False, queries=queries)
    whole = np.array([[seen[row, column] for column in columns] for row in rows])
    values = np.linalg.svd(whole[:, 1:] - whole[:, :1], compute_uv=False)
    values = np.maximum(values, FLOOR * max(values[0], 1.0))
    drops = values[:-1] / values[1:]
    if not len(drops) or drops.max() < DROP:
        return Width(len(values), known=False, queries=queries)
    return Width(int(drops.argmax()) + 1, known=True, queries=queries)


def _block(seen: Mapping[tuple[str, int], float]) -> tuple[list[str], list[int]]:
    """Prompts and tokens, as many of both as can be, of which every pair was seen."""
    shown: dict[int, set[str]] = {}
    for prompt, token in seen:
        shown.setdefault(token, set()).add(prompt)
    common = sorted(shown, key=lambda token: (-len(shown[token]), token))
    rows = [set.intersection(*(shown[token] for token in common[:size])) for size in range(1, len(common) + 1)]
    best = max(range(len(rows)), key=lambda size: (min(len(rows[size]), size), len(rows[size]) * size), default=-1)
    return (sorted(rows[best]), common[: best + 1]) if rows else ([], [])
