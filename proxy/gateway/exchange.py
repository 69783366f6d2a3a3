"""One exchange, from its first byte to its settlement. Read it top to bottom: that is the line.

Whatever ends it (an answer, a refusal, a caller who hangs up, a worker told to stop), what was reserved is settled once,
in `_settle`, without an `await` that a cancellation could tear.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import assert_never

from proxy.core.enforcement import Challenge, Fault, Forward, Plan, Refuse
from proxy.core.engine import admissible, decide, holdable, over_quota, store_lost, upstream_full, wanted
from proxy.core.facts import Account, Ask, Ending, Operation, Outcome, Usage
from proxy.core.policy import OpenRoute
from proxy.core.quota import Claim, Denial, Grant, charges
from proxy.dialects import routing
from proxy.dialects.base import Dialect, Headers, Route, Tally
from proxy.errors import CallerError, StoreError, UpstreamError
from proxy.gateway import faults
from proxy.gateway.headers import downward, length_of, upward, value_of
from proxy.gateway.meter import Meter
from proxy.gateway.ports import Answer, Arrival, Body, Caller, Dispatch
from proxy.gateway.reading import Reading, read
from proxy.gateway.relay import StreamRelay, is_event_stream, relay_whole
from proxy.gateway.rooms import Rooms
from proxy.gateway.routes import opened
from proxy.gateway.settlement import true_usage
from proxy.gateway.tunnel import tunnel

log = logging.getLogger(__name__)

NOT_KEPT = 2
"""Times its cap: an answer that looks so much longer has passed it (an upstream may know other names for a cap)."""


class Exchange:
    """One request and its answer."""

    def __init__(self, rooms: Rooms, arrival: Arrival, body: Body, caller: Caller) -> None:
        self._rooms = rooms
        self._policy = rooms.policy
        self._arrival = arrival
        self._body = body
        self._caller = caller
        self._trace = rooms.telemetry.begin(arrival)
        self._dialect: Dialect = routing.dialect_for_error(arrival.path, arrival.headers)
        self._account: Account | None = None
        self._ask = Ask(Operation.TUNNEL)
        self._reading = Reading(self._ask)
        self._expected = Usage()
        self._tally = Tally()
        self._claims: tuple[Claim, ...] = ()
        self._granted = False
        self._own: Headers = ()
        self._status = 0
        self._sent = False
        self._ending = Ending.FAILED
        """Until something else is known: what nobody foresaw is our fault."""
        self._first_byte_at: float | None = None

    async def run(self) -> None:
        """Serves the exchange. What nobody foresaw is settled, then raised: the server's door answers for it."""
        reference = self._arrival.id
        try:
            await self._line()
        except CallerError as error:
            await self._refuse(faults.of_caller(error, reference))
        except StoreError:
            await self._refuse(store_lost(self._policy, reference))
        except UpstreamError as error:
            await self._upstream_failed(error)
        except ConnectionError:
            self._ending = Ending.CALLER_LEFT
        except asyncio.CancelledError:
            self._ending = Ending.CALLER_LEFT
            raise
        finally:
            self._settle()

    async def _line(self) -> None:
        arrival, policy, rooms = self._arrival, self._policy, self._rooms

        route = self._find_route()
        if route is None:
            return await self._refuse(faults.no_route(arrival.method, arrival.path, arrival.id))

        account = await self._identify()
        self._reading = await read(arrival, self._body, route, self._dialect, policy, rooms.max_body)
        ask = self._ask = self._reading.ask
        self._trace.read(self._dialect.name, self._dialect.provider, route.path, ask, account)
        unfit = admissible(ask, account, policy, arrival.id)
        if unfit is not None and policy.enforce:
            return await self._refuse(unfit)

        verdict = await self._reserve(ask, account, route)
        decision = decide(ask, verdict, policy, arrival.id, unfit)
        self._trace.decided(decision.enforcement, decision.advised, policy, decision.rung.name.lower())
        self._own = self._dialect.limit_headers(decision.meters, arrival.at)

        match decision.enforcement:
            case Refuse(fault) | Challenge(fault):
                self._claims = self._claims if self._granted else ()  # a denial has reserved nothing
                return await self._refuse(fault)
            case Forward(plan):
                pass
            case _:
                assert_never(decision.enforcement)

        if not policy.enforce:
            rooms.places.join()
        elif not await rooms.places.enter(account.id, policy.tier(account).priority, self._expected.total):
            return await self._refuse(upstream_full(policy, arrival.id))
        try:
            await self._forward(plan, account)
        finally:
            rooms.places.leave()
        return None

    def _find_route(self) -> Route | OpenRoute | None:
        """The dialects' own routes, then those that the policy opens; everything else is refused."""
        arrival = self._arrival
        if (found := routing.find(arrival.method, arrival.path, arrival.headers)) is not None:
            self._dialect, route = found
            return route
        return opened(self._policy, arrival.method, arrival.path)

    async def _identify(self) -> Account:
        """A valid credential always gets in; an address that keeps failing is told to slow down."""
        door, arrival = self._rooms.door, self._arrival
        try:
            self._account = await self._rooms.identity.identify(arrival, self._policy)
        except CallerError:
            await door.failed(arrival.peer)
            if door.shut(arrival.peer):
                raise faults.TooManyFailuresError from None
            raise
        return self._account

    async def _reserve(self, ask: Ask, account: Account, route: Route | OpenRoute) -> Grant | Denial:
        """The one round trip before forwarding: every quota or none, a lease, and the account's standing."""
        rooms, policy = self._rooms, self._policy
        self._expected = holdable(ask, account, rooms.estimator.before(ask, account.id, policy.accounting), policy)
        requests = route.requests if isinstance(route, OpenRoute) else 1
        self._claims = wanted(ask, account, self._expected, policy, requests=requests)
        verdict = await rooms.store.reserve(self._arrival.id, account, self._claims)
        self._granted = isinstance(verdict, Grant)
        return verdict

    async def _forward(self, plan: Plan, account: Account) -> None:
        headers = self._rooms.identity.strip(self._arrival.headers, account, self._policy)
        query = self._rooms.identity.strip_query(self._arrival.query, account)
        if plan:
            self._reading.body = self._reading.asking
            headers = (*upward(headers, drop=frozenset({"content-encoding", "accept-encoding"})), ("Accept-Encoding", "identity"))
        elif isinstance(self._reading.body, bytes | None):
            headers = upward(headers)
        else:
            headers = upward(headers) + length_of(self._arrival.headers)
        dispatch = Dispatch(
            self._arrival.method, self._arrival.path, query, self._trace.upstream_headers(headers), self._reading.body,
            model=self._ask.model, dialect=self._dialect.name, idle=self._policy.idle_seconds,
            own_credential=account.source == "upstream",
        )  # fmt: skip
        self._sent = True
        if self._reading.websocket:
            self._status, self._ending = await tunnel(self._rooms.upstream, dispatch, self._caller)
            return
        answer = await self._rooms.upstream.send(dispatch)
        del dispatch
        self._reading.let_go()
        try:
            await self._answer(answer, plan, account)
        finally:
            answer.close()

    async def _answer(self, answer: Answer, plan: Plan, account: Account) -> None:
        streamed = is_event_stream(answer) and self._ask.operation is not Operation.TUNNEL
        plan = plan if streamed and not value_of(answer.headers, "content-encoding") else Plan()
        passed = downward(answer.headers, own_credential=account.source == "upstream", reshaped=bool(plan))
        extra = (*self._own, ("stillgate-request-id", self._arrival.id), *((("X-Accel-Buffering", "no"),) if streamed else ()))
        self._status = answer.status
        await self._caller.start(answer.status, passed + extra)
        if streamed:
            await self._stream(answer, plan, account)
        else:
            self._tally = await relay_whole(answer, self._timed(answer), self._caller, self._dialect, self._ask)
            self._ending = Ending.COMPLETE
            await self._caller.finish()

    async def _stream(self, answer: Answer, plan: Plan, account: Account) -> None:
        rooms, reference = self._rooms, self._arrival.id
        meter = Meter(rooms.store, reference, account, self._policy, self._ask)
        meter.begin(self._claims if self._granted else (), self._expected.output)
        relay = StreamRelay(self._dialect, plan, self._tally, meter, self._tokens)
        readable = not value_of(answer.headers, "content-encoding")  # an event of ours would tear a compressed stream
        try:
            denial = await relay.run(answer, self._timed(answer), self._caller)
        except UpstreamError:
            self._ending = Ending.UPSTREAM_BROKE
            if readable and relay.shaper.at_boundary:
                await self._caller.write(self._dialect.error_event(faults.broke_off(reference)))
            return self._caller.abort()
        if denial is not None:
            self._ending = Ending.OVER_QUOTA
            if not readable:
                return self._caller.abort()
            await self._caller.write(self._dialect.error_event(over_quota(denial, self._policy, reference)))
            return await self._caller.finish()
        if not answer.framed and not self._tally.finished:
            self._ending = Ending.UPSTREAM_BROKE
            return self._caller.abort()
        self._ending = Ending.COMPLETE
        return await self._caller.finish()

    def _tokens(self, text_bytes: int) -> int:
        """By estimate, in an answer's text. The caller's own cap corrects it, unless that is evidently not kept."""
        account = self._account.id if self._account is not None else ""
        made = self._rooms.estimator.tokens(self._ask, account, text_bytes, self._policy.accounting)
        cap = self._ask.output_cap
        return made if cap is None or made > NOT_KEPT * cap else min(made, cap)

    async def _timed(self, answer: Answer) -> AsyncIterator[bytes]:
        """The answer's chunks; notes when the first one came."""
        async for chunk in answer.chunks():
            if self._first_byte_at is None:
                self._first_byte_at = self._rooms.clock()
                self._trace.first_byte(self._first_byte_at)
            yield chunk

    async def _upstream_failed(self, error: UpstreamError) -> None:
        """Before the answer began: 502 or 504. After it began: nothing polite, the connection is cut."""
        self._sent = error.sent
        log.warning("upstream failed: %s (reference %s)", error, self._arrival.id)
        if not self._status:
            return await self._refuse(faults.of_upstream(error, self._arrival.id), Ending.UPSTREAM_BROKE)
        self._ending = Ending.UPSTREAM_BROKE
        return self._caller.abort()

    async def _refuse(self, fault: Fault, ending: Ending = Ending.REFUSED) -> None:
        """Answers in the caller's dialect."""
        self._ending = ending
        self._status = fault.status
        headers, body = self._dialect.error(fault)
        own = (*headers, *(self._own or self._dialect.limit_headers(fault.meters, self._arrival.at)))
        self._trace.refused(fault)
        try:
            await self._caller.start(fault.status, (*own, ("stillgate-request-id", fault.reference)))
            await self._caller.write(body)
            await self._caller.finish()
        except ConnectionError:
            self._ending = Ending.CALLER_LEFT

    def _settle(self) -> None:
        """Trues up what was reserved: once, whatever happened, and without waiting."""
        at = self._rooms.clock()
        usage, reported = self._usage()
        if self._claims and self._account is not None:
            self._account_for(self._account, usage, reported=reported)
        outcome = Outcome(
            self._status or (500 if self._ending is Ending.FAILED else 0), self._ending, usage, reported, at, self._first_byte_at,
            self._tally.model, self._tally.response_id, self._tally.finish_reasons,
        )  # fmt: skip
        self._trace.end(outcome)

    def _usage(self) -> tuple[Usage, bool]:
        if not self._sent:
            return Usage(), False
        flowed = self._tokens(self._tally.generated_bytes)
        complete = self._ending is Ending.COMPLETE or self._tally.finished  # many callers close right after the last event
        if complete and self._status >= HTTPStatus.BAD_REQUEST:
            return Usage(), False  # providers do not charge for an answer that is an error
        hidden = self._rooms.estimator.hidden(self._ask)
        return true_usage(self._ask, self._expected, self._tally, flowed, hidden=hidden, complete=complete)

    def _account_for(self, account: Account, usage: Usage, *, reported: bool) -> None:
        rooms, accounting = self._rooms, self._policy.accounting
        if not self._sent:
            rooms.store.release(self._arrival.id, account, self._claims)
            return
        requests = next((claim.cost for claim in self._claims if claim.quota.unit == "requests"), 1)
        rooms.store.settle(
            self._arrival.id, account, self._claims, charges(usage, self._ask.model or self._tally.model, accounting, requests=requests)
        )
        if reported:
            rooms.estimator.learn(self._ask, account.id, usage, self._tally.generated_bytes)
