"""What goes upstream: the conversation with its blocks put back, then the request as the plan wants it.

Looking into a body is pure, and done off the event loop where the body is large. What is not changed goes as it came.
"""

import asyncio
from dataclasses import dataclass, replace

from proxy.core.case import Remembered, answering
from proxy.core.facts import Account
from proxy.core.quota import Scope
from proxy.core.rules import Binding
from proxy.core.sealing import Finding
from proxy.core.shaping import Plan
from proxy.gateway.course import Course
from proxy.gateway.reading import LARGE
from proxy.gateway.remembering import HIDDEN
from proxy.gateway.rooms import Rooms
from proxy.shaping.binding import Binder
from proxy.shaping.histories import CATALOGUE as HISTORIES
from proxy.shaping.requests import CATALOGUE as REQUESTS
from proxy.shaping.requests import opening

UNNAMED = "(unnamed)"


@dataclass(frozen=True, slots=True)
class Prepared:
    """A request, ready to go."""

    body: bytes
    changed: bool
    anchor: str
    """What its answer will be bound to."""
    findings: tuple[tuple[Finding, str], ...] = ()
    revealing: bool = False
    """It holds text that its sender was not shown."""
    inside: bool = False
    """The answer begins inside of reasoning: the model's template opened it, or the prompt left it open."""


def holder_of(account: Account, rules: Binding) -> str:
    """To whom blocks are bound, as the policy's scope says."""
    name = {Scope.KEY: account.key or account.id, Scope.ACCOUNT: account.id, Scope.ORGANIZATION: account.organization}[rules.scope]
    return f"{rules.scope.value}:{name}"


def binder_for(course: Course, account: Account, plan: Plan, rooms: Rooms) -> Binder:
    """Tokens of this exchange. In shadow nothing is bound or dropped; but what was hidden before still finds its way back."""
    rules, enforced = course.policy.binding, course.policy.enforce
    if not enforced:
        rules = replace(rules, on=False, enforce=False)
    knobs = course.policy.knobs_of(plan.model or answering(course.ask, course.note))
    return Binder(rooms.seal, rules, holder_of(account, rules), account.id, _model(course, plan), course.arrival.at, knobs=knobs)


def _model(course: Course, plan: Plan) -> str:
    """The one that answers, or that answered what is fetched. Where none is named it is the provider's to choose: that is no model's
    name, and a token of any must not open for it."""
    return plan.model or answering(course.ask, course.note) or UNNAMED


async def prepare(course: Course, plan: Plan, binder: Binder, rooms: Rooms) -> Prepared:
    """Raises `CallerError` for a conversation that cannot be read."""
    plain, account = course.reading.plain, course.account
    if not plain or course.dialect.name not in REQUESTS or account is None:
        said = Remembered.parse(course.note or "")
        return Prepared(plain, changed=False, anchor=said.anchor, inside=said.inside)
    large = len(plain) > LARGE
    names = await asyncio.to_thread(binder.wanted, plain) if large else binder.wanted(plain)
    if names:
        texts = await rooms.store.recall(account, [HIDDEN + name for name in names])
        binder.kept = {name: text.encode() for name, text in zip(names, texts, strict=True) if text is not None}
    if large:
        return await asyncio.to_thread(_prepared, plain, course.dialect.name, plan, binder)
    return _prepared(plain, course.dialect.name, plan, binder)


def _prepared(plain: bytes, dialect: str, plan: Plan, binder: Binder) -> Prepared:
    history = HISTORIES[dialect]
    restored = history.restore(plain, binder)
    binder.kept = {}
    body = REQUESTS[dialect].request(restored.body, plan) if plan.edits_request else restored.body
    anchor = history.anchor(plain) if plan.reshapes else ""
    inside = opening.opens(dialect, body, plan) if plan.hides else binder.knobs.preopened
    changed = body is not plain and body != plain
    return Prepared(body, changed, anchor, restored.findings, revealing=binder.revealed, inside=inside)
