"""Facts + policy → decision. Pure: the same records give the same decision, live and in a replay.

The order is fixed: routes → identity and lists → quotas → inline signals → standing's rung → capacity. The most restrictive wins:
block, then verify, then what the request itself is refused for. `Decision.advised` says what the policy wants; `enforcement` what is
done: in shadow (of the policy, or of a rung's rule) the two differ.
"""

from dataclasses import dataclass, replace

from proxy.core import disclosure, refusals, shaping
from proxy.core.case import Case, Place, answering, began, earnest, place
from proxy.core.claims import GRACE, squeezed
from proxy.core.enforcement import Challenge, Enforcement, Fault, Forward, Reason, Refuse
from proxy.core.facts import GENERATES, RUNS_A_MODEL, Account, Ask, Operation
from proxy.core.ladder import Rung
from proxy.core.logits import LogitGuard, forbidden, limits
from proxy.core.policy import Policy
from proxy.core.quota import Denial, Grant, Meter
from proxy.core.shaping import Notice, Plan
from proxy.core.terms import Terms

SHAPED = GENERATES | {Operation.FETCH_RESPONSE, Operation.COUNT_TOKENS}
"""Operations whose request or answer may hold reasoning."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What is done with a request, and what the policy advised."""

    enforcement: Enforcement
    advised: Enforcement
    """Differs from `enforcement` in shadow only."""
    rung: Rung
    began: Rung = Rung.CLEAR
    """The rung under whose shaping the conversation stands."""
    meters: tuple[Meter, ...] = ()
    notice: Notice | None = None
    """What the caller is told of its standing; None where there is nothing to tell."""


def admissible(ask: Ask, account: Account, policy: Policy, reference: str) -> Fault | None:
    """What can be refused before anything is reserved: a model that the tier does not serve."""
    tier = policy.tier(account)
    if ask.operation not in RUNS_A_MODEL or tier.serves(ask.model):
        return None
    if not ask.model:
        message = f"Name a model in this request: your plan ({tier.name}) includes certain models only. "
    else:
        message = f"The model '{ask.model[:120]}' does not exist, or your plan ({tier.name}) does not include it. "
    message += refusals.ask_whom(policy, reference)
    return Fault(Reason.MODEL_NOT_ALLOWED, 404, message, reference, param="model", retry=False)


def decide(case: Case, policy: Policy) -> Decision:
    """The decision on a request whose reservation was answered."""
    stands = place(case.account, case.verdict.standing, case.at, policy)
    shaped_as = began(case, stands.rung, policy)
    advised = _judged(case, stands, policy, shadow=True)
    done: Enforcement = advised
    if not policy.enforce:
        done = Forward(_asking(case.ask, policy))
    elif not stands.rule.enforce or _guard(case.ask, policy, shadow=True) is not _guard(case.ask, policy, shadow=False):
        done = _judged(case, stands, policy, shadow=False)
    notice = disclosure.notice(case, stands, shaped_as, policy) if isinstance(done, Forward) else None
    meters = _squeezed(case, stands.terms(policy).share) if policy.enforce else case.verdict.meters
    return Decision(done, advised, stands.rung, shaped_as, meters, notice)


def _judged(case: Case, stands: Place, policy: Policy, *, shadow: bool) -> Enforcement:
    """What is to be done; with what stands in `shadow` in force too, or not."""
    terms = stands.rule.terms if shadow else stands.terms(policy)
    if terms.block:
        return Refuse(refusals.blocked(policy, case.reference, stands.ground))
    if terms.verify is not None and _grace_is_over(case, stands, terms):
        return Challenge(refusals.must_verify(policy, case.reference, case.link, stands.ground, bearer=case.account.source == "jwt"))
    guard = _guard(case.ask, policy, shadow=shadow)
    fault = case.unfit or _forbidden(case, guard, policy) or _closed(case, stands, terms, policy) or _no_room(case, stands, terms, policy)
    if fault is not None:
        return Refuse(fault)
    shaped = _shaping(case, stands, terms, policy)
    if guard is not None and (limited := limits(case.ask, guard)):
        shaped = shaping.strictest(shaped, limited)
    return Forward(_plan(case, stands, shaped, policy), terms.pace, terms.delay)


def _guard(ask: Ask, policy: Policy, *, shadow: bool) -> LogitGuard | None:
    """Where it can have anything to say of the request."""
    guard = policy.logit_guard
    if guard is None or (ask.logits is None and ask.operation is not Operation.FETCH_RESPONSE):
        return None
    return guard if shadow or guard.enforce else None


def _forbidden(case: Case, guard: LogitGuard | None, policy: Policy) -> Fault | None:
    found = forbidden(case.ask, guard) if guard is not None else None
    return refusals.guarded(found.message, found.param, policy, case.reference) if found is not None else None


def _grace_is_over(case: Case, stands: Place, terms: Terms) -> bool:
    used_up = isinstance(case.verdict, Denial) and case.verdict.binding.quota.window.name.startswith(GRACE)
    return terms.verify is not None and (used_up or case.at >= stands.since + terms.verify.seconds)


def _no_room(case: Case, stands: Place, terms: Terms, policy: Policy) -> Fault | None:
    """Over a quota; or over the share of one that its account has since a moment ago, of which the reservation did not know."""
    verdict = case.verdict
    if isinstance(verdict, Denial):
        return refusals.over_quota(verdict, policy, case.reference, min(case.share, terms.share), stands.ground)
    if terms.share >= case.share:
        return None
    meters = _squeezed(case, terms.share)
    over = max((meter for meter in meters if meter.used > meter.quota.burst), key=lambda meter: meter.frees_in, default=None)
    denial = Denial(over, 0, meters, verdict.standing) if over is not None else None
    return refusals.over_quota(denial, policy, case.reference, terms.share, stands.ground) if denial is not None else None


def _squeezed(case: Case, share: float) -> tuple[Meter, ...]:
    """The meters at the share that the account has by now."""
    meters = case.verdict.meters
    return meters if share >= case.share else tuple(replace(meter, quota=squeezed(meter.quota, share / case.share)) for meter in meters)


def _closed(case: Case, stands: Place, terms: Terms, policy: Policy) -> Fault | None:
    """What would bring an answer by a way on which it cannot be shaped, that was made for somebody else, or of which nobody knows how to
    read it."""
    ask, verdict = case.ask, case.verdict
    if ask.operation is Operation.TUNNEL and ask.unshaped and terms.plan:
        return refusals.side_door(policy, case.reference, stands.ground)
    bound = policy.binding.on and ask.follows and case.account.source != "upstream"
    unread = ask.operation is Operation.FETCH_RESPONSE and policy.peculiar and terms.plan.hides
    asked_here = (bound or unread) and isinstance(verdict, Grant)
    if asked_here and verdict.local:
        return refusals.store_lost(policy, case.reference)  # nobody can say whose it is
    if asked_here and verdict.note is None:
        param = None if ask.operation is Operation.FETCH_RESPONSE else "previous_response_id"
        return refusals.not_yours(param, policy, case.reference)
    return None


def _plan(case: Case, stands: Place, shaped: Plan, policy: Policy) -> Plan:
    """What every account's requests undergo, and what this one's do (`shaped`)."""
    ask = case.ask
    asked = _asking(ask, policy)
    if ask.operation not in SHAPED:
        return asked
    shapes = bool(shaped)
    plan = shaping.strictest(asked, shaped) if shapes else asked
    if policy.binding.on:
        plan = replace(plan, bind=True)
    tell = shapes or stands.terms(policy).verify is not None
    if plan is _NOTHING and not tell:
        return plan
    notice = disclosure.notice(case, stands, began(case, stands.rung, policy), policy) if tell else None
    return replace(plan, notice=notice, knobs=policy.knobs_of(plan.model or answering(ask, case.verdict.note)))


def _shaping(case: Case, stands: Place, terms: Terms, policy: Policy) -> Plan:
    """Of the rung that holds for this conversation."""
    rung = began(case, stands.rung, policy)
    return terms.plan if rung is stands.rung else earnest(policy.ladder.rule(rung), policy).plan


_NOTHING, _ASKING = Plan(), Plan(ask_for_usage=True)


def _asking(ask: Ask, policy: Policy) -> Plan:
    return _ASKING if asks_for_usage(ask, policy) else _NOTHING


def asks_for_usage(ask: Ask, policy: Policy) -> bool:
    """Must the request be changed so that its stream tells its usage?"""
    return ask.stream and not ask.reports_usage and policy.accounting.include_usage
