"""What an exchange cost in the end. The provider's word where it gave one; else an estimate from bytes, never zero."""

from dataclasses import replace
from http import HTTPStatus

from proxy.core.facts import Ask, Ending, Usage
from proxy.core.quota import charges
from proxy.dialects.base import Tally
from proxy.gateway.course import Course
from proxy.gateway.rooms import Rooms

NOT_KEPT = 2
"""Times its cap: an answer that looks so much longer has passed it (an upstream may know other names for a cap)."""


def settle(rooms: Rooms, course: Course) -> tuple[Usage, bool]:
    """Trues up what was reserved: once, whatever happened, and without waiting. What it used, and whether the provider said so."""
    usage, reported = used(rooms, course)
    account = course.account
    if not course.claims or account is None:
        return usage, reported
    if not course.sent:
        rooms.store.release(course.arrival.id, account, course.claims)
        return usage, reported
    requests = next((claim.cost for claim in course.claims if claim.quota.unit == "requests"), 1)
    model = course.ask.model or course.tally.model
    costs = charges(usage, model, course.policy.accounting, requests=requests)
    rooms.store.settle(course.arrival.id, account, course.claims, costs)
    if reported:
        rooms.estimator.learn(course.ask, account.id, usage, course.tally.generated_bytes)
    return usage, reported


def used(rooms: Rooms, course: Course) -> tuple[Usage, bool]:
    """What an exchange used in the end, and whether the provider said so."""
    if not course.sent:
        return Usage(), False
    flowed = made(rooms, course, course.tally.generated_bytes)
    complete = course.ending is Ending.COMPLETE or course.tally.finished  # many callers close right after the last event
    if complete and course.status >= HTTPStatus.BAD_REQUEST:
        return Usage(), False  # providers do not charge for an answer that is an error
    hidden = rooms.estimator.hidden(course.ask)
    return true_usage(course.ask, course.expected, course.tally, flowed, hidden=hidden, complete=complete)


def made(rooms: Rooms, course: Course, text_bytes: int) -> int:
    """Tokens in an answer's text, by estimate. The caller's own cap corrects it, unless that is evidently not kept."""
    account = course.account.id if course.account is not None else ""
    tokens = rooms.estimator.tokens(course.ask, account, text_bytes, course.policy.accounting)
    cap = course.ask.output_cap
    return tokens if cap is None or tokens > NOT_KEPT * cap else min(tokens, cap)


def true_usage(ask: Ask, expected: Usage, tally: Tally, flowed: int, *, hidden: int = 0, complete: bool) -> tuple[Usage, bool]:
    """What to charge an exchange that reached the upstream, and whether the provider said so.

    `flowed`: tokens in the bytes that were generated, by estimate. Of a stream that ended early the provider's figure is
    the one from before the end, so the larger counts. An unstreamed answer that never came may have been generated in
    full all the same: it costs what was expected, or hanging up early would be free. A report of nothing at all (empty, or in
    another dialect's words) is none; nor is a report of no output beside a text that was seen. `hidden`: reasoning that the
    model usually makes and does not show, so that leaving before the report does not make it free; a guess, so no more of it
    than was expected. What is detached goes on unseen: it costs what was expected.
    """
    told = tally.usage if tally.usage is not None and (tally.usage.total or not expected.total) else None
    if told is not None and complete and (told.output or not flowed):
        return told, True
    made = max(1, flowed, min(flowed + hidden, expected.output)) if expected.output else 0
    if told is not None:
        return replace(told, output=max(told.output, made if hidden else flowed)), False
    if ask.detached or (flowed == 0 and not ask.stream):
        return expected, False
    return Usage(input=expected.input, output=made), False
