"""What an exchange will cost, before it is known. No tokenizer: bytes, a learned ratio and the account's own history.

The estimate is what is reserved, and what is charged where the provider never reports usage. Its error is bounded by the
mid-stream re-reservation (`Accounting.slice`), not by its cleverness.
"""

from collections import OrderedDict
from dataclasses import dataclass, field

from proxy.core.facts import CONSUMES, GENERATES, Ask, Usage
from proxy.core.quota import Accounting

WEIGHT = 0.1
"""Weight of the newest observation in the running means."""

MOST = 20_000
"""Models and accounts remembered; the least recently seen is forgotten."""


@dataclass(slots=True)
class Mean:
    """A bounded table of running means."""

    default: float
    values: OrderedDict[str, float] = field(default_factory=OrderedDict)

    def of(self, name: str) -> float:
        return self.values.get(name, self.default)

    def learn(self, name: str, value: float) -> None:
        known = self.values.pop(name, None)
        self.values[name] = value if known is None else known + WEIGHT * (value - known)
        if len(self.values) > MOST:
            self.values.popitem(last=False)


class Estimator:
    """Learns bytes per token by model and output by account; one per gateway, bounded."""

    def __init__(self, accounting: Accounting) -> None:
        self._bytes_per_token = Mean(accounting.bytes_per_token)
        self._output = Mean(accounting.typical_output)

    def before(self, ask: Ask, account: str, accounting: Accounting) -> Usage:
        """What to reserve for `ask`: never zero where it costs anything, never past the caller's own cap."""
        taken = self._input(ask, accounting) if ask.operation in CONSUMES else 0
        made = 0
        if ask.operation in GENERATES:
            made = round(self._output.of(f"{account}/{ask.model}")) * ask.choices
            made = made if ask.output_cap is None else min(made, ask.output_cap)
            made = max(1, made)
        return Usage(input=taken, output=made)

    def tokens(self, model: str, text_bytes: int) -> int:
        """Tokens in `text_bytes` bytes of generated text."""
        return -(-text_bytes // max(1, round(self._bytes_per_token.of(model))))

    def learn(self, ask: Ask, account: str, usage: Usage, accounting: Accounting) -> None:
        """True usage teaches the next estimate."""
        if ask.operation in CONSUMES and usage.input > 0 and ask.prompt_bytes and not ask.media:
            ratio = ask.prompt_bytes / usage.input
            self._bytes_per_token.learn(ask.model, min(16.0, max(1.0, ratio)))
        if ask.operation in GENERATES:
            self._output.learn(f"{account}/{ask.model}", max(1.0, usage.output / ask.choices))

    def _input(self, ask: Ask, accounting: Accounting) -> int:
        if ask.fixed_input is not None:
            return ask.fixed_input
        return max(1, round(ask.prompt_bytes / self._bytes_per_token.of(ask.model)) + ask.media * accounting.media_tokens)
