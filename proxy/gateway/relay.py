"""The answer's way back: upstream → reader and shaper → caller, one chunk at a time.

Nothing is held back that is not changed. What is compressed is read from a decompressed copy; where it must be shaped, it is sent
decompressed.
"""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine

from proxy.core.facts import GENERATES, RUNS_A_MODEL, Ask
from proxy.core.quota import Denial
from proxy.core.shaping import Plan
from proxy.dialects.base import Dialect, Tally
from proxy.errors import CallerError
from proxy.gateway.course import Course
from proxy.gateway.headers import value_of
from proxy.gateway.inflate import BROKEN, Inflater, inflate, inflater
from proxy.gateway.meter import Meter
from proxy.gateway.ports import Answer, Caller
from proxy.shaping.base import AnswerShaper, Held, Shaped, ShapingError
from proxy.shaping.stream import Shaper

LARGE = 1 << 17
"""Answers past this many bytes are read off the event loop, which must never stand still."""

MOST_READ = 64 * 1024 * 1024
"""Bytes of an unstreamed answer that are kept to read its usage, or to shape it; past it usage is estimated, and nothing is shaped."""

_AFTER_EVENT = re.compile(rb"(?<=\n\n)|(?<=\r\n\r\n)|(?<=\r\r)")

Rewriter = Callable[[str], Awaitable[str]]
"""Puts reasoning in other words; "" where it cannot."""

Seen = Callable[[], Awaitable[None]]

Due = Callable[[Tally], Awaitable[None]]
"""Waits until an answer may be sent."""


def is_event_stream(answer: Answer) -> bool:
    """RFC 9110 8.3 and WHATWG server-sent events: the media type decides, not what the request wished for."""
    return value_of(answer.headers, "content-type").lower().startswith("text/event-stream")


def plan_for(plan: Plan, answer: Answer, *, streamed: bool) -> Plan:
    """What of a plan concerns this answer. An error is passed as it came; usage is only hidden in streams that can be read."""
    if answer.status >= 400:  # noqa: PLR2004
        return Plan()
    if plan.reshapes or (streamed and not value_of(answer.headers, "content-encoding")):
        return plan
    return Plan()


class StreamRelay:
    """Passes an event stream on, and keeps its meter."""

    def __init__(self, course: Course, plan: Plan, answer: AnswerShaper | None, tokens: Callable[[int], int]) -> None:
        self._tally = course.tally
        self._caller = course.caller
        self._tokens = tokens
        self._shapes = answer is not None
        self.shaper = Shaper(course.dialect, plan, course.tally, answer)
        self._encoding = ""
        self._copy: Inflater | None = None
        self._paced = False

    def open(self, encoding: str, *, paced: bool) -> None:
        """`paced`: it goes event by event, for the meter can only wait between two writes.

        Raises `ShapingError` where the stream must be shaped and its coding is not one of ours.
        """
        self._encoding = encoding
        self._paced = paced and not encoding
        self._copy = inflater(encoding) if encoding else None
        if self._shapes and encoding and self._copy is None:
            raise ShapingError("the answer's content coding is not known")

    @property
    def readable(self) -> bool:
        """May an event of ours follow what was sent? One would tear a compressed stream."""
        return (self._shapes or not self._encoding) and self.shaper.at_boundary

    async def run(self, chunks: AsyncIterator[bytes], meter: Meter, rewrite: Rewriter, seen: Seen) -> Denial | None:
        """A `Denial` means that the policy stopped the stream, at an event boundary. `seen` is called before what was read is sent.
        Raises `UpstreamError`, `ConnectionError`, `ShapingError`."""
        async for chunk in chunks:
            for piece in _events(chunk) if self._paced else (chunk,):
                denial = await self._pass(piece, meter, rewrite, seen)
                if denial is not None and (self._encoding or self.shaper.at_boundary):
                    return denial
        if (not self._encoding or self._shapes) and (rest := await self._finished(self.shaper.close(), rewrite, seen)):
            await seen()
            await self._caller.write(rest)
        if self.shaper.failed is not None:
            raise self.shaper.failed
        return None

    async def _pass(self, chunk: bytes, meter: Meter, rewrite: Rewriter, seen: Seen) -> Denial | None:
        out = await self._out(chunk, rewrite, seen)
        await seen()
        if out:
            await self._caller.write(out)
        if self.shaper.failed is not None:
            raise self.shaper.failed
        if self._tally.finished:
            return None  # it is all there: nothing more to reserve, and nothing left to stop
        return await meter.flow(self._produced())

    async def _out(self, chunk: bytes, rewrite: Rewriter, seen: Seen) -> bytes:
        if not self._encoding:
            out = self.shaper.feed(chunk)
            return out if self.shaper.held is None else await self._finished(out, rewrite, seen)
        if self._shapes:
            return await self._finished(self.shaper.feed(self._inflated(chunk)), rewrite, seen)
        return self._read_copy(chunk)

    async def _finished(self, out: bytes, rewrite: Rewriter, seen: Seen) -> bytes:
        while self.shaper.held is not None:
            if out:
                await seen()
                await self._caller.write(out)
            out = self.shaper.resume(await rewrite(self.shaper.held.text))
        return out

    def _inflated(self, chunk: bytes) -> bytes:
        try:
            return self._copy.feed(chunk) if self._copy is not None else chunk
        except BROKEN:
            raise ShapingError("the answer is not compressed as it says") from None

    def _read_copy(self, chunk: bytes) -> bytes:
        """Reads a decompressed copy, and passes each chunk on as it is."""
        try:
            if self._copy is not None:
                self.shaper.feed(self._copy.feed(chunk))
        except BROKEN:
            self._copy = None
        if self._copy is None:
            self._tally.generated_bytes += len(chunk)  # what cannot be read is not free
        return chunk

    def _produced(self) -> int:
        reported = self._tally.usage.output if self._tally.usage else 0
        return max(reported, self._tokens(self._tally.generated_bytes))


def _events(chunk: bytes) -> list[bytes]:
    """A chunk cut behind the events in it."""
    return _AFTER_EVENT.split(chunk)


async def relay_whole(
    answer: Answer, chunks: AsyncIterator[bytes], caller: Caller, dialect: Dialect, ask: Ask, due: Due | None = None
) -> Tally:
    """Passes an unstreamed answer on; reads it when it has gone, so that reading never delays it. With `due` it is sent when it is."""
    kept: list[bytes] | None = [] if ask.operation in RUNS_A_MODEL else None
    size = 0
    async for chunk in chunks:
        size += len(chunk)
        if kept is not None:
            kept.append(chunk)
        if due is None or kept is None:
            await caller.write(chunk)
        elif size > MOST_READ:
            await caller.write(b"".join(kept))
        kept = None if size > MOST_READ else kept
    if not kept:
        return Tally(generated_bytes=size if ask.operation in GENERATES else 0)
    body, encoding = b"".join(kept), value_of(answer.headers, "content-encoding")
    if size > LARGE:
        reading = asyncio.to_thread(_read, body, encoding, dialect)
        tally = await (_to_its_end(reading) if due is None else reading)
    else:
        tally = _read(body, encoding, dialect)
    if due is not None:
        await due(tally)
        await caller.write(body)
    return tally


async def relay_shaped(answer: Answer, chunks: AsyncIterator[bytes], course: Course, shaper: AnswerShaper, rewrite: Rewriter) -> bytes:
    """An unstreamed answer, shaped; nothing of it is sent before. Raises `ShapingError`."""
    kept: list[bytes] = []
    size = 0
    async for chunk in chunks:
        kept.append(chunk)
        size += len(chunk)
        if size > MOST_READ:
            course.tally.generated_bytes = size
            raise ShapingError("the answer is too large to be shaped")
    body, encoding = b"".join(kept), value_of(answer.headers, "content-encoding")

    def opened() -> Shaped:
        try:
            plain = inflate(body, encoding, MOST_READ)
        except CallerError:
            course.tally.generated_bytes = size
            raise ShapingError("the answer is not compressed as it says") from None
        if course.ask.operation in RUNS_A_MODEL:
            course.tally = _read(plain, "", course.dialect)
        return shaper.whole(plain)

    step = await asyncio.to_thread(opened) if size > LARGE else opened()
    sent: str | None = None
    while True:
        done = await asyncio.to_thread(_advanced, step, sent) if size > LARGE else _advanced(step, sent)
        if isinstance(done, bytes):
            return done
        sent = await rewrite(done.text)


def _advanced(step: Shaped, sent: str | None) -> Held | bytes:
    """What a step asks for, or what it gives in the end."""
    try:
        return step.send(sent)  # type: ignore[arg-type]  # a generator is started with None
    except StopIteration as done:
        return bytes(done.value)


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
