"""What is kept of a finished exchange, to learn from. No text, no address, no means of payment: only keyed hashes, sketches and counts.

Rule 1: hashes are keyed with the operator's secret; a new secret forgets, for nothing old is found again under it.
Rule 2: an observation stays below a kilobyte, whatever the request.
Rule 3: a gateway's clock is believed as far as the time of receipt bears it out: one that is years ahead would age everything there is.
"""

from dataclasses import dataclass, replace
from typing import Self

SKETCH = 16
"""Most hashes in a sketch."""

AHEAD = 60.0
"""Seconds by which a gateway's clock may be ahead of the store's."""

BEHIND = 86400.0
"""Seconds from a request until its observation is received: a long answer, and a store that was away."""


@dataclass(frozen=True, slots=True)
class Bias:
    """Token ids that one request singles out: enough to tell a vocabulary that is read out from a fixed set of labels."""

    first: int
    """The smallest id."""
    second: int
    """The second smallest, or `first` where there is one only."""
    count: int


@dataclass(frozen=True, slots=True)
class Observation:
    """One finished exchange."""

    at: float
    """When the request came, epoch seconds."""
    request: str
    """Id of the exchange: the reference in what its caller was told."""
    account: str
    organization: str
    """Of an account without one, its own id."""
    tier: str = ""
    verified: bool = False
    programme: str = ""
    created: float | None = None
    """When the account was opened, epoch seconds."""
    payment: int = 0
    """Keyed hash of the means of payment; 0: not known. 64 bits, as the hashes below."""
    address: int = 0
    """Keyed hash of the address (IPv4) or its /64 (IPv6)."""
    software: int = 0
    """Keyed hash of user agent, TLS fingerprint and the order of headers together."""
    dialect: str = ""
    model: str = ""
    status: int = 200
    opening: bool = False
    """A conversation's first turn: one message of the user, and nothing before it but instructions."""
    sketch: tuple[int, ...] = ()
    """Of an opening's text: up to 16 hashes of 32 bits (`sketch.grams`). What is resent as history teaches nothing new."""
    conversation: int = 0
    """Keyed hash of the text that the conversation began with: its later turns have the same. 0: not known."""
    turns: int = 0
    """Messages in the request."""
    instructions: int = 0
    """Keyed hash of what stands before the first turn; 0: nothing does."""
    toolkit: int = 0
    """Keyed hash of the tools that are offered, all together; 0: there are none."""
    parameters: int = 0
    """Keyed hash of cap, temperature, effort, choices and the form asked for."""
    forced: bool = False
    """A tool is forced whose only argument is free text."""
    cap: int = 0
    """Output tokens that the caller allows; 0: no cap."""
    input: int = 0
    output: int = 0
    reasoning: int = 0
    bias: Bias | None = None
    logprobs: bool = False
    foreign: int = 0
    """Reasoning blocks in the request that were issued to somebody else."""

    def received(self, at: float) -> Self:
        """As it is to be believed, where it was received at `at`: a time that cannot be is taken for that one."""
        return self if at - BEHIND <= self.at <= at + AHEAD else replace(self, at=at)
