"""The answer's way back: upstream → reader and shaper → caller, one chunk at a time.

Nothing is held back that is not changed. Whatever is compressed is read from a decompressed copy.
"""

from collections.abc import AsyncIterator, Callable

from proxy.core.enforcement import Plan
from proxy.core.facts import Ask
from proxy.core.quota import Denial
from proxy.dialects.base import Dialect, Tally
from proxy.errors import CallerError
from proxy.gateway.headers import value_of
from proxy.gateway.inflate import BROKEN, inflate, inflater
from proxy.gateway.meter import Meter
from proxy.gateway.ports import Answer, Caller
from proxy.shaping.stream import Shaper

MOST_READ = 64 * 1024 * 1024
"""Bytes of an unstreamed answer that are kept to read its usage; past it the usage is estimated."""


def is_event_stream(answer: Answer) -> bool:
    """RFC 9110 8.3 and WHATWG server-sent events: the media type decides, not what the request wished for."""
    return value_of(answer.headers, "content-type").lower().startswith("text/event-stream")


class StreamRelay:
    """Passes an event stream on, and keeps its meter."""

    def __init__(self, dialect: Dialect, plan: Plan, tally: Tally, meter: Meter, tokens: Callable[[int], int]) -> None:
        self._tally = tally
        self._meter = meter
        self._tokens = tokens
        self._plan = plan
        self.shaper = Shaper(dialect, plan, tally)

    async def run(self, answer: Answer, chunks: AsyncIterator[bytes], caller: Caller) -> Denial | None:
        """A `Denial` means that the policy stopped the stream, at an event boundary. Raises `UpstreamError`, `ConnectionError`."""
        copy = inflater(value_of(answer.headers, "content-encoding"))
        plain = not value_of(answer.headers, "content-encoding")
        async for chunk in chunks:
            out = self.shaper.feed(chunk) if plain else chunk
            if not plain and copy is not None:
                try:
                    self.shaper.feed(copy.feed(chunk))
                except BROKEN:
                    copy = None
            if out:
                await caller.write(out)
            denial = await self._meter.flow(self._produced())
            if denial is not None and (not plain or self.shaper.at_boundary):
                return denial
        if plain and (rest := self.shaper.close()):
            await caller.write(rest)
        return None

    def _produced(self) -> int:
        reported = self._tally.usage.output if self._tally.usage else 0
        return max(reported, self._tokens(self._tally.generated_bytes))


async def relay_whole(answer: Answer, chunks: AsyncIterator[bytes], caller: Caller, dialect: Dialect, ask: Ask) -> Tally:
    """Passes an unstreamed answer on; reads it when it has gone, so that reading never delays it."""
    kept: list[bytes] | None = []
    size = 0
    async for chunk in chunks:
        await caller.write(chunk)
        size += len(chunk)
        if kept is not None:
            kept.append(chunk)
            kept = None if size > MOST_READ else kept
    if kept is None or not ask.model or not size:
        return Tally()
    try:
        return dialect.read_whole(inflate(b"".join(kept), value_of(answer.headers, "content-encoding"), MOST_READ))
    except CallerError:
        return Tally()
