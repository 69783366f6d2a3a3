"""What a caller is told of what is done to its requests: why, until when, what to do, and whom to ask. Nothing is done silently."""

from proxy.core import refusals
from proxy.core.case import Case, Place
from proxy.core.ladder import Rung
from proxy.core.logits import limits
from proxy.core.policy import Policy
from proxy.core.rules import Rule
from proxy.core.shaping import Logprobs, Notice
from proxy.core.windows import moment


def notice(case: Case, stands: Place, shaped_as: Rung, policy: Policy) -> Notice | None:
    """What a caller is told: whatever is done. On `watch` nothing is, unless the policy says so."""
    rung = max(stands.rung, shaped_as)
    if rung is Rung.CLEAR:
        return _told_of_guard(case, policy)
    shaped = _measures(policy.ladder.rule(shaped_as), policy, shaped=True)
    coming = _measures(stands.rule, policy, shaped=True) if shaped_as < stands.rung else ()
    measures = tuple(sorted({*_measures(stands.rule, policy, shaped=False), *shaped}))
    if not (measures or coming):
        return _told_of_guard(case, policy)
    done = [f"for now{stands.ground.ending} {_joined(measures)}"] if measures else []
    done += [f"from your next conversation on, {_joined(coming)}"] if coming else []
    why = stands.ground.why
    sentence = f"{why[0].upper()}{why[1:]}: {'; '.join(done)}.{_asked(case, stands, policy)} {refusals.ask_whom(policy, case.reference)}"
    return Notice(rung.word, measures, sentence, case.reference)


def _asked(case: Case, stands: Place, policy: Policy) -> str:
    """What is to be done by when, of one who is asked to verify and still served."""
    grace = stands.terms(policy).verify
    if grace is None or not case.link:
        return ""
    counted = "" if grace.exchanges is None else f", and for {grace.exchanges} requests at most"
    return f" Please verify who you are: {case.link}. Without it requests are served until {moment(stands.since + grace.seconds)}{counted}."


def _told_of_guard(case: Case, policy: Policy) -> Notice | None:
    """A limit that holds for everybody."""
    guard = policy.logit_guard if policy.enforce else None
    if guard is None or not guard.enforce or case.ask.logits is None:
        return None
    wanted = limits(case.ask, guard).logprobs
    if wanted == Logprobs():
        return None
    most = () if wanted.most is None else (f"at most {wanted.most} alternatives per token are shown",)
    measures = (*most, *(() if wanted.decimals is None else (f"log probabilities are rounded to {wanted.decimals} decimals",)))
    sentence = f"Here, for every account, {_joined(measures)}. {refusals.ask_whom(policy, case.reference)}"
    return Notice(Rung.CLEAR.word, measures, sentence, case.reference)


def _measures(rule: Rule, policy: Policy, *, shaped: bool) -> tuple[str, ...]:
    """Of the sanctions that are in force: those that shape a conversation, or those that bite at once."""
    if not (policy.enforce and rule.enforce):
        return ()
    return rule.shaping if shaped else tuple(measure for measure in rule.measures if measure not in rule.shaping)


def _joined(measures: tuple[str, ...]) -> str:
    return " and ".join(part for part in (", ".join(measures[:-1]), measures[-1]) if part)
