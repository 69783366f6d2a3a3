"""One stream's shaper: reads every event into the tally, and changes what the plan says.

With an empty plan no byte is changed or held back; with a plan at most one event is held until it is whole.
"""

from proxy.core.enforcement import Plan
from proxy.dialects.base import Dialect, Tally
from proxy.shaping.framing import Framer


class Shaper:
    """`feed` each chunk, then `close`; concatenated outputs do not depend on where the chunks break."""

    def __init__(self, dialect: Dialect, plan: Plan, tally: Tally) -> None:
        self._dialect = dialect
        self._plan = plan
        self._tally = tally
        self._framer = Framer()
        self._hidden = False
        """Was the last event hidden?"""

    @property
    def at_boundary(self) -> bool:
        """Is everything that was passed on made of whole events?"""
        return self._framer.empty or bool(self._plan)

    def feed(self, chunk: bytes) -> bytes:
        late, events = self._framer.feed(chunk)
        for event in events:
            self._dialect.read_event(self._tally, event)
        if not self._plan:
            if self._framer.overgrown:
                self._framer.rest()
            return chunk
        out = [b"" if self._hidden else late, *(self._shaped(event) for event in events)]
        if self._framer.overgrown:
            out.append(self._framer.rest())
        return b"".join(out)

    def close(self) -> bytes:
        """What an upstream left torn at the end passes as it came."""
        rest = self._framer.rest()
        if rest:
            self._dialect.read_event(self._tally, rest)
        return rest if self._plan else b""

    def _shaped(self, event: bytes) -> bytes:
        shaped = self._dialect.without_usage(event)
        self._hidden = not shaped
        return shaped
