"""One exchange, from its first byte to its settlement. Read it top to bottom: that is the line.

Whatever ends it (an answer, a refusal, a caller who hangs up, a worker told to stop), what was reserved is settled once,
in `_settle`, without an `await` that a cancellation could tear.
"""

import asyncio
import logging
from typing import assert_never

from proxy.core import refusals
from proxy.core.case import Case, place, squeeze
from proxy.core.claims import Squeeze, holdable, wanted
from proxy.core.enforcement import Challenge, Fault, Forward, Refuse
from proxy.core.engine import Decision, admissible, decide
from proxy.core.facts import Account, Ask, Ending, Outcome
from proxy.core.ladder import Standing
from proxy.core.policy import OpenRoute
from proxy.core.quota import Denial, Grant
from proxy.dialects import routing
from proxy.dialects.base import Route
from proxy.errors import CallerError, StoreError, UpstreamError
from proxy.gateway import faults, observing
from proxy.gateway.course import Course
from proxy.gateway.disclosure import disclosed
from proxy.gateway.forwarding import ForeignReasoningError, Forwarding
from proxy.gateway.ports import Arrival, Body, Caller
from proxy.gateway.reading import read
from proxy.gateway.remembering import note_for
from proxy.gateway.rooms import Rooms
from proxy.gateway.routes import opened
from proxy.gateway.settlement import settle
from proxy.shaping.base import ShapingError

log = logging.getLogger(__name__)


class Exchange:
    """One request and its answer."""

    def __init__(self, rooms: Rooms, arrival: Arrival, body: Body, caller: Caller) -> None:
        self._rooms = rooms
        self._policy = rooms.policy
        self._arrival = arrival
        self._body = body
        self._caller = caller
        dialect = routing.dialect_for_error(arrival.path, arrival.headers)
        self._course = Course(arrival, caller, rooms.policy, rooms.telemetry.begin(arrival), dialect)

    async def run(self) -> None:
        """Serves the exchange. What nobody foresaw is settled, then raised: the server's door answers for it."""
        reference, policy = self._arrival.id, self._policy
        try:
            await self._line()
        except CallerError as error:
            await self._refuse(faults.of_caller(error, reference))
        except StoreError:
            await self._refuse(refusals.store_lost(policy, reference))
        except ForeignReasoningError:
            await self._refuse(refusals.foreign(policy, reference))
        except ShapingError as error:
            log.error("an answer could not be shaped and was not sent: %s (reference %s)", error, reference)
            await self._refuse(refusals.unshapeable(policy, reference), Ending.FAILED)
        except UpstreamError as error:
            await self._upstream_failed(error)
        except ConnectionError:
            self._course.ending = Ending.CALLER_LEFT
        except asyncio.CancelledError:
            self._course.ending = Ending.CALLER_LEFT
            raise
        finally:
            self._settle()

    async def _line(self) -> None:
        arrival, policy, rooms, course = self._arrival, self._policy, self._rooms, self._course

        route = self._find_route()
        if route is None:
            return await self._refuse(faults.no_route(arrival.method, arrival.path, arrival.id))

        account = await self._identify()
        course.reading = await read(arrival, self._body, route, course.dialect, policy, rooms.max_body)
        ask = course.ask = course.reading.ask
        course.trace.read(course.dialect.name, course.dialect.provider, route.path, ask, account)
        unfit = admissible(ask, account, policy, arrival.id)
        if unfit is not None and policy.enforce:
            return await self._refuse(unfit)

        verdict = await self._reserve(ask, account, route)
        course.note = verdict.note
        link = rooms.links(account, arrival.at, Standing.parse(verdict.standing).cleared) if verdict.standing else ""
        decision = decide(Case(ask, account, verdict, arrival.at, arrival.id, link, course.squeeze.share, unfit), policy)
        course.trace.decided(decision.enforcement, decision.advised, policy, decision.rung.word)
        course.own = (*course.dialect.limit_headers(decision.meters, arrival.at), *disclosed(decision.notice))
        course.began = decision.began

        match decision.enforcement:
            case Refuse(fault) | Challenge(fault):
                course.claims = course.claims if course.granted else ()  # a denial has reserved nothing
                return await self._refuse(fault)
            case Forward():
                return await self._serve(decision.enforcement, decision, account)
            case _:
                assert_never(decision.enforcement)

    async def _serve(self, forward: Forward, decision: Decision, account: Account) -> None:
        rooms, policy, course = self._rooms, self._policy, self._course
        if decision.notice is not None:
            course.trace.told(decision.notice)
        if forward.delay:
            await rooms.sleep(forward.delay)
        if not policy.enforce:
            rooms.places.join()
        elif not await rooms.places.enter(account.id, policy.tier(account).priority, course.expected.total):
            return await self._refuse(refusals.upstream_full(policy, self._arrival.id))
        course.placed = True
        try:
            self._remember_beginning(decision, account)
            await Forwarding(rooms, course, account, forward).run()
        finally:
            if course.placed:
                rooms.places.leave()
        return None

    def _remember_beginning(self, decision: Decision, account: Account) -> None:
        """A conversation's first turn: what it begins with holds for its later ones."""
        opening = self._course.reading.opening
        if opening and self._course.note is None:
            self._rooms.store.note(account, note_for(self._course.ask, account, opening), str(int(decision.began)), self._policy.ladder.pin)

    def _find_route(self) -> Route | OpenRoute | None:
        """The dialects' own routes, then those that the policy opens; everything else is refused."""
        arrival = self._arrival
        if (found := routing.find(arrival.method, arrival.path, arrival.headers)) is not None:
            self._course.dialect, route = found
            return route
        return opened(self._policy, arrival.method, arrival.path)

    async def _identify(self) -> Account:
        """A valid credential always gets in; an address that keeps failing is told to slow down."""
        door, arrival = self._rooms.door, self._arrival
        try:
            account = self._course.account = await self._rooms.identity.identify(arrival, self._policy)
        except CallerError:
            await door.failed(arrival.address)
            if door.shut(arrival.address):
                raise faults.TooManyFailuresError from None
            raise
        return account

    async def _reserve(self, ask: Ask, account: Account, route: Route | OpenRoute) -> Grant | Denial:
        """The one round trip before forwarding: every quota or none, a lease, the account's standing and what its conversation began with.

        How much of its plan an account has, its standing says, which comes back with the answer. So the last one known is taken; where
        that was out of date and too strict, it is asked once more.
        """
        known = self._rooms.store.known(account)
        verdict = await self._claimed(ask, account, route, known)
        if isinstance(verdict, Denial) and verdict.standing != known and self._squeeze(account, verdict.standing) != self._course.squeeze:
            return await self._claimed(ask, account, route, verdict.standing)
        return verdict

    async def _claimed(self, ask: Ask, account: Account, route: Route | OpenRoute, standing: str) -> Grant | Denial:
        rooms, policy, course = self._rooms, self._policy, self._course
        course.squeeze = self._squeeze(account, standing)
        before = rooms.estimator.before(ask, account.id, policy.accounting)
        course.expected = holdable(ask, account, before, policy, course.squeeze.share)
        requests = route.requests if isinstance(route, OpenRoute) else 1
        course.claims = wanted(ask, account, course.expected, policy, requests=requests, squeeze=course.squeeze)
        note = note_for(ask, account, course.reading.opening)
        verdict = await rooms.store.reserve(self._arrival.id, account, course.claims, note)
        course.granted = isinstance(verdict, Grant)
        return verdict

    def _squeeze(self, account: Account, standing: str) -> Squeeze:
        return squeeze(place(account, standing, self._arrival.at, self._policy), self._policy) if standing else Squeeze()

    async def _upstream_failed(self, error: UpstreamError) -> None:
        """Before the answer began: 502 or 504. After it began: nothing polite, the connection is cut."""
        self._course.sent = error.sent
        log.warning("upstream failed: %s (reference %s)", error, self._arrival.id)
        if not self._course.status:
            return await self._refuse(faults.of_upstream(error, self._arrival.id), Ending.UPSTREAM_BROKE)
        self._course.ending = Ending.UPSTREAM_BROKE
        return self._caller.abort()

    async def _refuse(self, fault: Fault, ending: Ending = Ending.REFUSED) -> None:
        """Answers in the caller's dialect."""
        course = self._course
        course.ending = ending
        course.status = fault.status
        headers, body = course.dialect.error(fault)
        own = (*headers, *(course.own or course.dialect.limit_headers(fault.meters, self._arrival.at)))
        course.trace.refused(fault)
        try:
            await self._caller.start(fault.status, (*own, ("stillgate-request-id", fault.reference)))
            await self._caller.write(body)
            await self._caller.finish()
        except ConnectionError:
            course.ending = Ending.CALLER_LEFT

    def _settle(self) -> None:
        """Trues up what was reserved: once, whatever happened, and without waiting."""
        course = self._course
        usage, reported = settle(self._rooms, course)
        outcome = Outcome(
            course.status or (500 if course.ending is Ending.FAILED else 0), course.ending, usage, reported, self._rooms.clock(),
            course.first_byte_at, course.tally.model, course.tally.response_id, course.tally.finish_reasons,
        )  # fmt: skip
        course.trace.end(outcome)
        observing.observe(self._rooms, course, outcome)
