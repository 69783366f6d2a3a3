"""The answer's way back: upstream → reader and shaper → caller, one chunk at a time.

Nothing is held back that is not changed. Whatever is compressed is read from a decompressed copy.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine

from proxy.core.enforcement import Plan
from proxy.core.facts import GENERATES, RUNS_A_MODEL, Ask
from proxy.core.quota import Denial
from proxy.dialects.base import Dialect, Tally
from proxy.errors import CallerError
from proxy.gateway.headers import value_of
from proxy.gateway.inflate import BROKEN, inflate, inflater
from proxy.gateway.meter import Meter
from proxy.gateway.ports import Answer, Caller
from proxy.shaping.stream import Shaper

LARGE = 1 << 20
"""Answers past this many bytes are read off the event loop, which must never stand still."""

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
        encoding = value_of(answer.headers, "content-encoding")
        read = self.shaper.feed if not encoding else self._reader(encoding)
        async for chunk in chunks:
            if out := read(chunk):
                await caller.write(out)
            if self._tally.finished:
                continue  # it is all there: nothing more to reserve, and nothing left to stop
            denial = await self._meter.flow(self._produced())
            if denial is not None and (encoding or self.shaper.at_boundary):
                return denial
        if not encoding and (rest := self.shaper.close()):
            await caller.write(rest)
        return None

    def _reader(self, encoding: str) -> Callable[[bytes], bytes]:
        """Reads a decompressed copy, and passes each chunk on as it is."""
        copy = inflater(encoding)

        def read(chunk: bytes) -> bytes:
            nonlocal copy
            try:
                if copy is not None:
                    self.shaper.feed(copy.feed(chunk))
            except BROKEN:
                copy = None
            if copy is None:
                self._tally.generated_bytes += len(chunk)  # what cannot be read is not free
            return chunk

        return read

    def _produced(self) -> int:
        reported = self._tally.usage.output if self._tally.usage else 0
        return max(reported, self._tokens(self._tally.generated_bytes))


async def relay_whole(answer: Answer, chunks: AsyncIterator[bytes], caller: Caller, dialect: Dialect, ask: Ask) -> Tally:
    """Passes an unstreamed answer on; reads it when it has gone, so that reading never delays it."""
    kept: list[bytes] | None = [] if ask.operation in RUNS_A_MODEL else None
    size = 0
    async for chunk in chunks:
        await caller.write(chunk)
        size += len(chunk)
        if kept is not None:
            kept.append(chunk)
            kept = None if size > MOST_READ else kept
    if not kept:
        return Tally(generated_bytes=size if ask.operation in GENERATES else 0)
    encoding = value_of(answer.headers, "content-encoding")
    if size > LARGE:
        return await _to_its_end(asyncio.to_thread(_read, b"".join(kept), encoding, dialect))
    return _read(b"".join(kept), encoding, dialect)


async def _to_its_end(reading: Coroutine[None, None, Tally]) -> Tally:
    """The caller has all of the answer: one who leaves now is still charged what the answer says, not an estimate."""
    work = asyncio.ensure_future(reading)
    while not work.done():
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.shield(work)
    return work.result()


def _read(body: bytes, encoding: str, dialect: Dialect) -> Tally:
    """Where an answer tells no usage, all of it counts as generated: what cannot be read is not free."""
    try:
        plain = inflate(body, encoding, MOST_READ)
    except CallerError:
        return Tally(generated_bytes=len(body))
    tally = dialect.read_whole(plain)
    if tally.usage is None:
        tally.generated_bytes = len(plain)
    return tally
