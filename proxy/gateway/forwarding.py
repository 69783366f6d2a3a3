"""The part of the line behind the decision: the request as the plan wants it, to the upstream, and its answer back."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

from proxy.core import refusals
from proxy.core.enforcement import Forward
from proxy.core.facts import GENERATES, Account, Ending, Operation
from proxy.core.sealing import Finding
from proxy.dialects.base import Headers, Tally
from proxy.errors import UpstreamError
from proxy.gateway import faults, observing
from proxy.gateway.course import Course
from proxy.gateway.disclosure import dropped
from proxy.gateway.headers import downward, length_of, upward, value_of
from proxy.gateway.meter import Meter
from proxy.gateway.ports import Answer, Dispatch
from proxy.gateway.preparing import Prepared, binder_for, prepare
from proxy.gateway.relay import StreamRelay, is_event_stream, plan_for, relay_shaped, relay_whole
from proxy.gateway.remembering import Memory
from proxy.gateway.rewriting import rewritten
from proxy.gateway.rooms import Rooms
from proxy.gateway.settlement import made
from proxy.gateway.tunnel import tunnel
from proxy.shaping.answers import CATALOGUE as ANSWERS
from proxy.shaping.base import AnswerShaper, ShapingError

RECODED = frozenset({"content-encoding", "accept-encoding", "content-md5", "digest", "content-digest", "repr-digest"})
"""What no longer holds of a request whose body was changed, and whose answer will be."""

QUOTING = frozenset({400, 404, 409, 413, 422, 500})
"""Statuses of an error that may quote the request."""

IDENTITY = (("Accept-Encoding", "identity"),)

LONGEST = 540.0
"""Seconds after its request by which a whole answer is sent, whatever the pace: after 600 the SDKs give up, and ask anew."""


class ForeignReasoningError(Exception):
    """The request brings blocks that the policy refuses."""


class Forwarding:
    """Serves one exchange that may be served. Writes what happens into its course."""

    def __init__(self, rooms: Rooms, course: Course, account: Account, forward: Forward) -> None:
        self._rooms = rooms
        self._course = course
        self._account = account
        self._forward = forward
        self._plan = forward.plan
        self._binder = binder_for(course, account, forward.plan, rooms)
        self._memory = Memory(course, account, self._binder, rooms.store)
        self._sent_at = course.arrival.at
        self._rewrites = True
        """Until the model that rewrites has failed once: each of an answer's texts would wait for it anew."""

    async def run(self) -> None:
        """Raises `UpstreamError`, `ForeignReasoningError`, `ShapingError` (before the answer began), `ConnectionError`."""
        course = self._course
        prepared = await prepare(course, self._plan, self._binder, self._rooms)
        if prepared.findings:
            course.trace.found(prepared.findings)
            course.foreign = observing.foreign(prepared.findings, self._account)
            course.own += dropped(prepared.findings) if self._binder.rules.enforce else ()
            rules = self._binder.rules
            if rules.refuse and rules.enforce and any(finding is not Finding.LOST for finding, _ in prepared.findings):
                raise ForeignReasoningError
        dispatch, anchor, revealing = self._dispatch(prepared), prepared.anchor, prepared.revealing
        if prepared.inside is not self._plan.knobs.preopened:
            self._plan = replace(self._plan, knobs=replace(self._plan.knobs, preopened=prepared.inside))
        del prepared
        course.sent = True
        self._sent_at = self._rooms.clock()
        if course.reading.websocket:
            course.status, course.ending = await tunnel(self._rooms.upstream, dispatch, course.caller)
            return
        if course.reading.said is not None:
            asyncio.get_running_loop().call_soon(observing.sketch, self._rooms, course)  # while the model works
        answer = await self._rooms.upstream.send(dispatch)
        del dispatch
        course.reading.let_go()
        try:
            await (self._withheld(answer.status) if revealing and answer.status in QUOTING else self._answer(answer, anchor))
        finally:
            answer.close()

    def _dispatch(self, prepared: Prepared) -> Dispatch:
        course, arrival = self._course, self._course.arrival
        headers = self._rooms.identity.strip(arrival.headers, self._account, course.policy)
        query = self._rooms.identity.strip_query(arrival.query, self._account)
        body = prepared.body if prepared.changed else course.reading.body
        return Dispatch(
            arrival.method, arrival.path, query, course.trace.upstream_headers(self._fields(headers, changed=prepared.changed)), body,
            model=self._plan.model or course.ask.model, dialect=course.dialect.name, idle=course.policy.idle_seconds,
            own_credential=self._account.source == "upstream",
        )  # fmt: skip

    def _fields(self, headers: Headers, *, changed: bool) -> Headers:
        if changed or self._plan.edits_answer:
            dropped = RECODED if changed else frozenset({"accept-encoding"})
            return (*upward(headers, drop=dropped), *IDENTITY)
        if isinstance(self._course.reading.body, bytes | None):
            return upward(headers)
        return upward(headers) + length_of(self._course.arrival.headers)

    async def _answer(self, answer: Answer, anchor: str) -> None:
        course = self._course
        streamed = is_event_stream(answer) and course.ask.operation is not Operation.TUNNEL
        plan = plan_for(self._plan, answer, streamed=streamed)
        make = ANSWERS.get(course.dialect.name) if plan.reshapes else None
        shaper = make(plan, self._binder, anchor) if make is not None else None
        passed = downward(answer.headers, own_credential=self._account.source == "upstream", reshaped=plan.edits_answer)
        headers = (*passed, *course.own, ("stillgate-request-id", course.arrival.id))
        self._memory.anchor, self._memory.inside = anchor, self._plan.knobs.preopened
        if streamed:
            await self._stream(answer, headers, StreamRelay(course, plan, shaper, lambda size: made(self._rooms, course, size)))
        elif shaper is not None:
            await self._whole(answer, headers, shaper)
        else:
            await self._begin(answer.status, headers)
            due = self._due if self._forward.pace is not None and answer.status < 400 else None  # noqa: PLR2004
            course.tally = await relay_whole(answer, self._timed(answer), course.caller, course.dialect, course.ask, due)
            await self._memory.seen()
            course.ending = Ending.COMPLETE
            await course.caller.finish()

    async def _due(self, tally: Tally) -> None:
        """When a stream of the same answer would have ended: to ask for it whole is no way around the pace."""
        course = self._course
        course.tally = tally  # who leaves while it waits is charged what was made
        if self._forward.pace is None or course.ask.operation not in GENERATES or course.ask.detached:
            return  # what makes no text, or makes it later, tells none of it yet
        tokens = tally.usage.output if tally.usage else made(self._rooms, course, tally.generated_bytes)
        early = min(tokens / self._forward.pace, LONGEST) - (self._rooms.clock() - self._sent_at)
        if early > 0:
            course.placed = False
            self._rooms.places.leave()  # the upstream is done: nobody need wait for it
            await asyncio.sleep(early)

    async def _withheld(self, status: int) -> None:
        course = self._course
        headers, body = course.dialect.error(faults.withheld(status, course.arrival.id))
        await self._begin(status, (*headers, *course.own, ("stillgate-request-id", course.arrival.id)))
        await course.caller.write(body)
        course.ending = Ending.COMPLETE
        await course.caller.finish()

    async def _begin(self, status: int, headers: Headers) -> None:
        self._course.status = status
        await self._course.caller.start(status, headers)

    async def _whole(self, answer: Answer, headers: Headers, shaper: AnswerShaper) -> None:
        course = self._course
        body = await relay_shaped(answer, self._timed(answer), course, shaper, self._rewrite)
        await self._due(course.tally)
        await self._memory.seen()
        await self._begin(answer.status, (*headers, ("Content-Length", str(len(body)))))
        await course.caller.write(body)
        course.ending = Ending.COMPLETE
        await course.caller.finish()

    async def _stream(self, answer: Answer, headers: Headers, relay: StreamRelay) -> None:
        course, policy, reference = self._course, self._course.policy, self._course.arrival.id
        relay.open(value_of(answer.headers, "content-encoding"), paced=self._forward.pace is not None)
        await self._begin(answer.status, (*headers, ("X-Accel-Buffering", "no")))
        meter = Meter(self._rooms.store, reference, self._account, policy, course.ask)
        meter.begin(course.claims if course.granted else (), course.expected.output, pace=self._forward.pace)
        try:
            denial = await relay.run(self._timed(answer), meter, self._rewrite, self._memory.seen)
        except UpstreamError:
            return await self._cut(relay, Ending.UPSTREAM_BROKE, course.dialect.error_event(faults.broke_off(reference)))
        except ShapingError:
            return await self._cut(relay, Ending.FAILED, course.dialect.error_event(refusals.unshapeable(policy, reference)))
        if denial is not None:
            course.ending = Ending.OVER_QUOTA
            if not relay.readable:
                return course.caller.abort()
            await course.caller.write(course.dialect.error_event(refusals.over_quota(denial, policy, reference)))
            return await course.caller.finish()
        if not answer.framed and not course.tally.finished:
            course.ending = Ending.UPSTREAM_BROKE
            return course.caller.abort()
        course.ending = Ending.COMPLETE
        return await course.caller.finish()

    async def _cut(self, relay: StreamRelay, ending: Ending, event: bytes) -> None:
        """Never a polite end: the dialect's error, where one can be sent, and then the connection is cut."""
        self._course.ending = ending
        if relay.readable:
            await self._course.caller.write(event)
        self._course.caller.abort()

    async def _rewrite(self, text: str) -> str:
        if not self._rewrites:
            return ""
        told = await rewritten(text, self._plan.reasoning.via, self._course.policy, self._rooms.upstream)
        self._rewrites = bool(told)
        return told

    async def _timed(self, answer: Answer) -> AsyncIterator[bytes]:
        """The answer's chunks; notes when the first one came."""
        async for chunk in answer.chunks():
            if self._course.first_byte_at is None:
                self._course.first_byte_at = self._rooms.clock()
                self._course.trace.first_byte(self._course.first_byte_at)
            yield chunk
