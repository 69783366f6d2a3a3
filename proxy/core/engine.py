"""Facts + policy → decision. Pure: the same records give the same decision, live and in a replay.

The order is fixed: routes → identity and lists → quotas → inline signals → standing's rung → capacity. The most restrictive wins:
block, then verify, then what the request itself is refused for. `Decision.advised` says what the policy wants; `enforcement` what is
done: in shadow (of the policy, or of a rung's rule) the two differ.
"""

from dataclasses import dataclass, field, replace

from proxy.core import refusals, shaping
from proxy.core.claims import GRACE, Squeeze, squeezed
from proxy.core.enforcement import Challenge, Enforcement, Fault, Forward, Reason, Refuse
from proxy.core.facts import GENERATES, RUNS_A_MODEL, Account, Ask, Operation
from proxy.core.ladder import Rung, Standing
from proxy.core.logits import LogitGuard, cap_on, forbidden
from proxy.core.policy import Policy
from proxy.core.quota import Denial, Grant, Meter
from proxy.core.rules import Rule
from proxy.core.shaping import Logprobs, Notice, Plan
from proxy.core.terms import Terms

SHAPED = GENERATES | {Operation.FETCH_RESPONSE, Operation.COUNT_TOKENS}
"""Operations whose request or answer may hold reasoning."""


@dataclass(frozen=True, slots=True)
class Case:
    """A request at the moment when it is decided."""

    ask: Ask
    account: Account
    verdict: Grant | Denial
    at: float
    reference: str
    link: str = ""
    """Where the account's owner can verify."""
    share: float = 1.0
    """Of each quota, under which the verdict was given."""
    unfit: Fault | None = None
    """What `admissible` found."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where an account stands, and what that means."""

    rung: Rung = Rung.CLEAR
    since: float = 0.0
    rule: Rule = field(default_factory=Rule)

    def terms(self, policy: Policy) -> Terms:
        """What is demanded in earnest."""
        return _earnest(self.rule, policy)


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


def place(account: Account, standing: str, at: float, policy: Policy) -> Place:
    """Where the account stands. Lists outrank the score; a human's hold outranks them."""
    found = Standing.parse(standing)
    rung = found.place(at, policy.ladder.steps)
    if found.hold is None or not found.hold.alive(at):
        rung = Rung.CLEAR if account.id in policy.trusted else max(rung, Rung.WATCH) if account.id in policy.watch else rung
    return Place(rung, found.entered(at), policy.ladder.rule(rung)) if rung is not Rung.CLEAR else CLEAR


CLEAR = Place()


def squeeze(stands: Place, policy: Policy) -> Squeeze:
    """What the place takes of the tier's quotas."""
    terms = stands.terms(policy)
    return Squeeze(terms.share, terms.verify, stands.since)


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
    elif not (stands.rule.enforce and (policy.logit_guard is None or policy.logit_guard.enforce)):
        done = _judged(case, stands, policy, shadow=False)
    notice = _notice(case, stands, shaped_as, policy) if isinstance(done, Forward) else None
    return Decision(done, advised, stands.rung, shaped_as, case.verdict.meters, notice)


def _judged(case: Case, stands: Place, policy: Policy, *, shadow: bool) -> Enforcement:
    """What is to be done; with what stands in `shadow` in force too, or not."""
    terms = stands.rule.terms if shadow else stands.terms(policy)
    if terms.block:
        return Refuse(refusals.blocked(policy, case.reference))
    if terms.verify is not None and _grace_is_over(case, stands, terms):
        return Challenge(refusals.must_verify(policy, case.reference, case.link, bearer=case.account.source == "jwt"))
    guard = policy.logit_guard if shadow or (policy.logit_guard and policy.logit_guard.enforce) else None
    fault = case.unfit or _forbidden(case, guard, policy) or _closed(case, terms, policy) or _no_room(case, terms, policy)
    if fault is not None:
        return Refuse(fault)
    shaped, limited = _shaping(case, stands, terms, policy), _limited(case.ask, guard)
    if limited:
        shaped = shaping.strictest(shaped, limited)
    return Forward(_plan(case, stands, shaped, policy), terms.pace, terms.delay)


def _forbidden(case: Case, guard: LogitGuard | None, policy: Policy) -> Fault | None:
    found = forbidden(case.ask, guard) if guard is not None and case.ask.logits is not None else None
    return refusals.guarded(found.message, found.param, policy, case.reference) if found is not None else None


def _limited(ask: Ask, guard: LogitGuard | None) -> Plan:
    """What a guard lowers of what a request asks for."""
    if guard is not None and ask.operation is Operation.FETCH_RESPONSE:
        return Plan(logprobs=Logprobs(guard.top_logprobs, guard.decimals))  # whatever was asked for when it was made, or is now
    if guard is None or ask.logits is None or not (ask.logits.logprobs or ask.logits.prompt):
        return _NOTHING
    return Plan(logprobs=Logprobs(cap_on(ask, guard), guard.decimals))


def _grace_is_over(case: Case, stands: Place, terms: Terms) -> bool:
    used_up = isinstance(case.verdict, Denial) and case.verdict.binding.quota.window.name.startswith(GRACE)
    return terms.verify is not None and (used_up or case.at >= stands.since + terms.verify.seconds)


def _no_room(case: Case, terms: Terms, policy: Policy) -> Fault | None:
    """Over a quota; or over the share of one that its account has since a moment ago, of which the reservation did not know."""
    verdict = case.verdict
    if isinstance(verdict, Denial):
        return refusals.over_quota(verdict, policy, case.reference, min(case.share, terms.share))
    if terms.share >= case.share:
        return None
    now = [replace(meter, quota=squeezed(meter.quota, terms.share / case.share)) for meter in verdict.meters]
    over = max((meter for meter in now if meter.used > meter.quota.burst), key=lambda meter: meter.frees_in, default=None)
    denial = Denial(over, 0, verdict.meters, verdict.standing) if over is not None else None
    return refusals.over_quota(denial, policy, case.reference, terms.share) if denial is not None else None


def _closed(case: Case, terms: Terms, policy: Policy) -> Fault | None:
    """What would bring an answer by a way on which it cannot be shaped, or that was made for somebody else."""
    ask, verdict = case.ask, case.verdict
    if ask.operation is Operation.TUNNEL and ask.unshaped and terms.plan:
        return refusals.side_door(policy, case.reference)
    asked_here = policy.binding.on and ask.follows and case.account.source != "upstream"
    if asked_here and isinstance(verdict, Grant) and not verdict.local and verdict.note is None:
        param = None if ask.operation is Operation.FETCH_RESPONSE else "previous_response_id"
        return refusals.not_yours(param, policy, case.reference)
    return None


def _plan(case: Case, stands: Place, shaped: Plan, policy: Policy) -> Plan:
    """What every account's requests undergo, and what this one's do (`shaped`)."""
    ask = case.ask
    asked = _asking(ask, policy)
    if ask.operation not in SHAPED:
        return asked
    plan = shaping.strictest(asked, shaped) if shaped else asked
    if policy.binding.on:
        plan = replace(plan, bind=True)
    if not plan:
        return plan
    notice = _notice(case, stands, began(case, stands.rung, policy), policy) if shaped else None
    return replace(plan, notice=notice, knobs=policy.knobs_of(plan.model or ask.model))


def _shaping(case: Case, stands: Place, terms: Terms, policy: Policy) -> Plan:
    """Of the rung that holds for this conversation."""
    rung = began(case, stands.rung, policy)
    return terms.plan if rung is stands.rung else _earnest(policy.ladder.rule(rung), policy).plan


_NOTHING, _BOUND, _ASKING = Plan(), Plan(bind=True), Plan(ask_for_usage=True)


def _asking(ask: Ask, policy: Policy) -> Plan:
    return _ASKING if asks_for_usage(ask, policy) else _NOTHING


def began(case: Case, rung: Rung, policy: Policy) -> Rung:
    """The rung whose shaping holds. A conversation keeps the one that it began with, unless its account stands better now; a response
    that is fetched is shaped as it was when it was made, whoever fetches it."""
    note = case.verdict.note
    if note is None:
        return rung
    if case.ask.operation is Operation.FETCH_RESPONSE:
        return pinned_rung(note)
    return min(pinned_rung(note), rung) if policy.ladder.pins else rung


def pinned_rung(note: str) -> Rung:
    """The rung that a note of the store begins with; CLEAR where it cannot be read."""
    digit = note[:1]
    return Rung(int(digit)) if digit.isdecimal() and int(digit) < len(Rung) else Rung.CLEAR


def _notice(case: Case, stands: Place, shaped_as: Rung, policy: Policy) -> Notice | None:
    """What a caller is told: whatever is done. On `watch` nothing is, unless the policy says so."""
    rung = max(stands.rung, shaped_as)
    if rung is Rung.CLEAR:
        return _told_of_guard(case, policy)
    shaped = _measures(policy.ladder.rule(shaped_as), policy, shaped=True)
    coming = _measures(stands.rule, policy, shaped=True) if shaped_as < stands.rung else ()
    measures = tuple(sorted({*_measures(stands.rule, policy, shaped=False), *shaped}))
    if not (measures or coming):
        return _told_of_guard(case, policy)
    now = f"so {_joined(measures)}" if measures else "so its next answers will be changed"
    later = f" From your next conversation on, {_joined(coming)}." if coming else ""
    asked = f" Please verify who you are: {case.link}." if stands.terms(policy).verify is not None and case.link else ""
    sentence = f"{refusals.WHY[0].upper()}{refusals.WHY[1:]}, {now}.{later}{asked} "
    return Notice(rung.word, measures, sentence + refusals.ask_whom(policy, case.reference), case.reference)


def _told_of_guard(case: Case, policy: Policy) -> Notice | None:
    """A limit that holds for everybody."""
    guard = policy.logit_guard if policy.enforce else None
    if guard is None or not guard.enforce or case.ask.logits is None:
        return None
    wanted = _limited(case.ask, guard).logprobs
    if wanted == _NOTHING.logprobs:
        return None
    most = () if wanted.most is None else (f"at most {wanted.most} alternatives per token are shown",)
    measures = (*most, *(() if wanted.decimals is None else (f"log probabilities are rounded to {wanted.decimals} decimals",)))
    sentence = f"Here, for every account, {_joined(measures)}. {refusals.ask_whom(policy, case.reference)}"
    return Notice(Rung.CLEAR.word, measures, sentence, case.reference)


def _measures(rule: Rule, policy: Policy, *, shaped: bool) -> tuple[str, ...]:
    """Of the sanctions that are in force: those that shape a conversation, or those that bite at once."""
    if not (policy.enforce and rule.enforce):
        return ()
    return tuple(sorted({sanction.measure() for sanction in rule.sanctions if bool(sanction.terms().plan) is shaped}))


def _earnest(rule: Rule, policy: Policy) -> Terms:
    return rule.terms if policy.enforce and rule.enforce else Terms()


def _joined(measures: tuple[str, ...]) -> str:
    return " and ".join(part for part in (", ".join(measures[:-1]), measures[-1]) if part)


def asks_for_usage(ask: Ask, policy: Policy) -> bool:
    """Must the request be changed so that its stream tells its usage?"""
    return ask.stream and not ask.reports_usage and policy.accounting.include_usage
