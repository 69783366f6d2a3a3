"""The words that the dialects' shapers share. What they do stands in three catalogues, one file per dialect in each:

`requests`   the request as a plan wants it: knobs turned, members taken out, nothing added that the model does not know
`answers`    the answer, event by event or whole: hidden text is blanked, never dropped, so that whatever opens closes, every index
             stays, and what a client assembles differs in nothing else; opaque values become tokens
`histories`  the conversation that a caller sends back: tokens become the provider's own bytes again

Everything here is pure: bytes in, bytes out. Where a step needs the world (another model that rewrites reasoning), it yields `Held`
and is sent the text: a generator is a step that can wait.
"""

from collections.abc import Generator
from dataclasses import dataclass
from typing import ClassVar, Protocol

from proxy.core.sealing import Finding
from proxy.core.shaping import Plan
from proxy.shaping.binding import Binder

MOST_HELD = 1 << 20
"""Characters of hidden reasoning that one answer may hold back, to seal or rewrite it; no model writes so much at once."""


@dataclass(frozen=True, slots=True)
class Held:
    """Reasoning that another model is to put in other words; the step goes on with what it makes of it, "" where it fails."""

    text: str


class ShapingError(Exception):
    """An answer that cannot be shaped within bounds, or is nonsense under a plan; `failure.shaping_error` says what follows."""


Shaped = Generator[Held, str, bytes]
"""A step that gives bytes; it may ask for texts on the way."""


class AnswerShaper(Protocol):
    """One answer of one dialect. Made per exchange; keeps what it must know from event to event, and no whole one. Shaping twice is
    shaping once, but for reasoning in other words and inline reasoning of preopened templates: see `answers.veils`."""

    def event(self, frame: bytes) -> Shaped:
        """One whole SSE frame, with its blank line, as the caller gets it. May add frames before it. Raises `ShapingError`."""

    def close(self) -> Shaped:
        """What is still owed when the stream ends without its dialect's own end; mostly b""."""

    def whole(self, body: bytes) -> Shaped:
        """An unstreamed answer. Raises `ShapingError` where it is not the dialect's."""


class RequestShaper(Protocol):
    """Changes requests of one dialect."""

    name: ClassVar[str]

    def request(self, body: bytes, plan: Plan) -> bytes:
        """`body` (valid, as `dialect.read` accepted it) as the plan wants it; the same bytes where there is nothing to change."""


@dataclass(frozen=True, slots=True)
class Restored:
    """A request whose conversation has been looked through."""

    body: bytes
    """With every block that is at home as the provider made it, and every other left out."""
    findings: tuple[tuple[Finding, str], ...] = ()
    """Of each block that was not at home: what it was, and the account it was issued to ("" unknown)."""


class History(Protocol):
    """Reads conversations of one dialect."""

    name: ClassVar[str]

    def anchor(self, body: bytes) -> str:
        """Fingerprint of the caller's last turn: what the answer to this request will be bound to; "" where there is none."""

    def restore(self, body: bytes, binder: Binder) -> Restored:
        """The request as the provider must get it. The same bytes where there is nothing to put back."""
