"""What an exchange will cost, before it is known. No tokenizer: bytes, a learned ratio and the account's own history.

The estimate is what is reserved, and what is charged where the provider never reports usage. Its error is bounded by the
mid-stream re-reservation (`Accounting.slice`), not by its cleverness.
"""

import math
from collections import OrderedDict
from dataclasses import dataclass, field

from proxy.core.facts import CONSUMES, GENERATES, Ask, Usage
from proxy.core.quota import Accounting

WEIGHT = 0.1
"""Weight of the newest observation in the running means."""

FORGETTING = 0.95
"""By how much the longest answer of an account counts less with each answer that follows."""

DETACHED = 16
"""Typical outputs reserved, and charged, for an answer that the caller will not wait for and set no cap to."""

TYPICAL_RATIO = 4.0
"""Bytes per token of ordinary text, where none was learned."""

MOST = 20_000
"""Models and accounts remembered; the least recently seen is forgotten."""


@dataclass(slots=True)
class Mean:
    """A bounded table of running means."""

    values: OrderedDict[str, float] = field(default_factory=OrderedDict)

    def of(self, name: str, default: float) -> float:
        return self.values.get(name, default)

    def learn(self, name: str, value: float) -> None:
        known = self.values.get(name)
        self.put(name, value if known is None else known + WEIGHT * (value - known))

    def put(self, name: str, value: float) -> None:
        self.values.pop(name, None)
        self.values[name] = value
        if len(self.values) > MOST:
            self.values.popitem(last=False)


class Estimator:
    """Learns bytes per token, apart for prompts and answers, and the usual output; one per worker, bounded.

    All three by account and model: what one account sends (padding, odd scripts) must not bend another's figures.
    """

    def __init__(self) -> None:
        self._read = Mean()
        self._written = Mean()
        self._output = Mean()
        self._longest = Mean()
        self._hidden = Mean()
        """Reasoning that is charged and not shown, by model: who leaves early has not seen it, but it was made."""

    def before(self, ask: Ask, account: str, accounting: Accounting) -> Usage:
        """What to reserve for `ask`: never zero where it costs anything, never past the caller's own cap."""
        taken = self._input(ask, account, accounting) if ask.operation in CONSUMES else 0
        made = 0
        if ask.operation in GENERATES:
            made = max(1, self._guess(ask, account, accounting))
        return Usage(input=taken, output=made)

    def _guess(self, ask: Ask, account: str, accounting: Accounting) -> int:
        """A stream's reservation grows as it flows, so the usual will do, but a slice at least: short answers of late must not
        let many long ones in at once. A whole answer's cannot grow: the longest of late, or
        for a newcomer all that the caller allows. What is detached is not seen at all."""
        name, cap = _name(account, ask), ask.output_cap
        if ask.detached:
            return cap if cap is not None else accounting.typical_output * DETACHED
        usual = round(self._output.of(name, accounting.typical_output)) * ask.choices
        if ask.stream:
            usual = max(usual, accounting.slice)
        else:
            newcomer = usual if cap is None else cap
            usual = max(usual, round(self._longest.of(name, newcomer / ask.choices)) * ask.choices)
        return usual if cap is None else min(usual, cap)

    def hidden(self, ask: Ask) -> int:
        """Tokens that this model usually makes and does not show."""
        return round(self._hidden.of(ask.model, 0.0)) * ask.choices

    def tokens(self, ask: Ask, account: str, text_bytes: int, accounting: Accounting) -> int:
        """Tokens in `text_bytes` bytes of generated text."""
        return math.ceil(text_bytes / self._written.of(_name(account, ask), accounting.bytes_per_token))

    def learn(self, ask: Ask, account: str, usage: Usage, text_bytes: int) -> None:
        """True usage teaches the next estimate. `text_bytes`: of generated text that was seen, 0 where none was."""
        name = _name(account, ask)
        if ask.operation in CONSUMES and usage.input > 0 and ask.prompt_bytes and not ask.media:
            self._read.learn(name, _ratio(ask.prompt_bytes, usage.input, 16.0))
        if ask.operation in GENERATES:
            each = max(1.0, usage.output / ask.choices)
            self._output.learn(name, each)
            self._longest.put(name, max(each, self._longest.of(name, each) * FORGETTING))
            shown = text_bytes / self._written.of(name, TYPICAL_RATIO) if ask.stream else usage.output
            self._hidden.learn(ask.model, max(0.0, min(float(usage.reasoning), usage.output - shown)) / ask.choices)
            if text_bytes and usage.output and not usage.reasoning:  # reasoning may be charged and not shown
                self._written.learn(name, _ratio(text_bytes, usage.output, 8.0))

    def _input(self, ask: Ask, account: str, accounting: Accounting) -> int:
        if ask.fixed_input is not None:
            return ask.fixed_input
        text = round(ask.prompt_bytes / self._read.of(_name(account, ask), accounting.bytes_per_token))
        return max(1, text + ask.media * accounting.media_tokens)


def _name(account: str, ask: Ask) -> str:
    return f"{account}/{ask.model}"


def _ratio(size: int, tokens: int, most: float) -> float:
    """Bytes per token, within what tokenizers do: to ordinary text, or (prompts) to runs of spaces and the like."""
    return min(most, max(1.0, size / tokens))
