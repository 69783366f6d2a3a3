"""One stream's shaper: reads every event into the tally, and changes what the plan says.

With an empty plan no byte is changed or held back; with a plan at most one event is held until it is whole. Where a step needs a text
from outside (`held`), whoever drives it brings the text (`resume`), and feeds nothing meanwhile. Where an event cannot be shaped
(`failed`), what came before it is still given, and nothing after: so it does not matter how the stream was cut.
"""

from collections import deque

from proxy.core.shaping import Plan
from proxy.dialects.base import Dialect, Tally
from proxy.shaping.base import AnswerShaper, Held, Shaped, ShapingError
from proxy.shaping.edit import maybe_object
from proxy.shaping.frames import DONE, data_of
from proxy.shaping.framing import Framer


class Shaper:
    """`feed` each chunk, then `close`; concatenated outputs do not depend on where the chunks break."""

    def __init__(self, dialect: Dialect, plan: Plan, tally: Tally, answer: AnswerShaper | None = None) -> None:
        self._dialect = dialect
        self._plan = plan
        self._edits = plan.ask_for_usage or answer is not None
        self._tally = tally
        self._answer = answer
        self._framer = Framer()
        self._hidden = False
        """Was the last event hidden?"""
        self._waiting: deque[bytes] = deque()
        """Events behind the one that needs a text."""
        self._step: Shaped | None = None
        self.held: Held | None = None
        self.failed: ShapingError | None = None

    @property
    def at_boundary(self) -> bool:
        """Is everything that was passed on made of whole events?"""
        return self._framer.empty or self._edits

    def feed(self, chunk: bytes) -> bytes:
        late, events = self._framer.feed(chunk)
        for event in events:
            self._dialect.read_event(self._tally, event)
        if not self._edits:
            if self._framer.overgrown:
                self._framer.rest()
            return chunk
        late = b"" if self._hidden or self.failed else late
        self._waiting.extend(events)
        return late + self._go_on() + self._overgrown()

    def resume(self, text: str) -> bytes:
        """The text that `held` waits for."""
        return self._go_on(text)

    def close(self) -> bytes:
        """What an upstream left torn at the end passes as it came; under a plan that hides it could hold what may not pass,
        unless nothing but its blank line is missing."""
        rest = self._framer.rest()
        if rest:
            self._dialect.read_event(self._tally, rest)
        if self._answer is None:
            return rest if self._edits else b""
        self._step = self._closing(self._answer, rest) if self.failed is None else None
        return self._go_on()

    def _go_on(self, text: str | None = None) -> bytes:
        out: list[bytes] = []
        while self.failed is None and (self._step is not None or self._waiting):
            if self._step is None:
                self._step = self._begun(self._waiting.popleft())
            try:
                self.held = self._step.send(text)  # type: ignore[arg-type]  # a generator is started with None
            except StopIteration as done:
                out.append(done.value)
                self._step = self.held = text = None
            except ShapingError as error:
                self._fail(error)
            else:
                break
        return b"".join(out)

    def _fail(self, error: ShapingError) -> None:
        self.failed = error
        self._step = self.held = None
        self._waiting.clear()

    def _closing(self, answer: AnswerShaper, rest: bytes) -> Shaped:
        data = data_of(rest)
        last = (yield from self._begun(rest)) if data == DONE or maybe_object(data) is not None else b""
        return last + (yield from answer.close())

    def _begun(self, event: bytes) -> Shaped:
        if self._plan.ask_for_usage:
            event = self._dialect.without_usage(event)
        self._hidden = not event
        if self._answer is None or not event:
            return _as_it_is(event)
        return self._answer.event(event)

    def _overgrown(self) -> bytes:
        if not self._framer.overgrown:
            return b""
        rest = self._framer.rest()
        if self._answer is None:
            return rest
        self._fail(ShapingError("an event is too large to be shaped"))
        return b""


def _as_it_is(event: bytes) -> Shaped:
    yield from ()
    return event
