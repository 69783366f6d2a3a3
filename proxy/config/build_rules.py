"""From the checked file to the core's score, ladder, guards and what models know."""

from collections.abc import Iterator

from proxy.config.model import PolicyFile
from proxy.config.model_guards import Budgets, GuardsPart
from proxy.config.model_ladder import LadderPart
from proxy.config.model_risk import RiskPart
from proxy.config.model_shaping import NO_TAG, ModelPart, RewritePart
from proxy.config.problems import Keys
from proxy.core.ladder import Rung, Steps
from proxy.core.logits import LogitGuard
from proxy.core.policy import Rewrite
from proxy.core.quota import Quota, Scope, Unit
from proxy.core.risk import Calibration, Risk, Term, Vouched
from proxy.core.rules import REVIEWED, Binding, Ladder, Rule
from proxy.core.shaping import Knobs


def ladder(part: LadderPart) -> Ladder:
    """What follows from a score."""
    found = {Rung[name.upper()]: step for name, step in part.steps().items()}
    return Ladder(
        rules={rung: Rule(step.chosen, step.mode == "enforce") for rung, step in found.items()},
        steps=Steps(
            {rung: step.at for rung, step in found.items()},
            part.step_down.below,
            part.step_down.after,
            {rung: step.expires for rung, step in found.items() if step.expires is not None},
            frozenset(rung for rung, step in found.items() if step.review is not None) | (REVIEWED - found.keys()),
        ),
        clear_for=part.verified.clear_for,
        pin=part.pin,
    )


def risk(part: RiskPart | None, calibration: Calibration | None) -> Risk:
    """How evidence becomes a score. `calibration`: what the part's file says, where it names one."""
    if part is None:
        return Risk()
    bare = Risk()
    terms = {}
    for name, term in (*part.signals.items(), *part.links.items()):
        shipped = bare.named(name)
        weight = shipped.weight if term.weight is None else term.weight
        terms[name] = Term(weight, shipped.enforce if term.mode is None else term.mode == "enforce")
    return Risk(
        on=True,
        half_life=part.half_life,
        minimum=part.minimum_evidence,
        every=part.look,
        terms=terms,
        calibration=calibration or bare.calibration,
        vouched=Vouched(frozenset(part.vouched.tiers)),
    )


def binding(part: GuardsPart) -> Binding:
    """To whom reasoning is bound."""
    bound = part.reasoning_binding
    if bound is None:
        return Binding()
    return Binding(
        on=bound.mode != "off",
        scope=Scope[bound.scope.upper()],
        conversation=bound.conversation,
        model=bound.model,
        refuse=bound.foreign == "refuse",
        unsealed=bound.unsealed,
        lasts=bound.lasts,
        restore=bound.restore,
        enforce=bound.mode != "shadow",
    )


def logit_guard(part: GuardsPart) -> LogitGuard | None:
    """What may be asked of single tokens."""
    found = part.logit_probing
    if found is None:
        return None
    return LogitGuard(
        never_together=frozenset(found.never_together),
        top_logprobs=found.top_logprobs,
        decimals=found.round,
        prompt_logprobs=found.prompt_logprobs,
        quotas=tuple(quota for _, quota in budgets(part)),
        enforce=found.mode == "enforce",
    )


def budgets(part: GuardsPart) -> Iterator[tuple[Keys, Quota]]:
    """The logit guard's budgets, each with where in the file it stands."""
    top: Keys = ("guards", "logit_probing")
    if part.logit_probing is not None:
        yield from _budgets(part.logit_probing, top, Scope.ACCOUNT)
        yield from _budgets(part.logit_probing.per.organization, (*top, "per", "organization"), Scope.ORGANIZATION)


def _budgets(part: Budgets, path: Keys, scope: Scope) -> Iterator[tuple[Keys, Quota]]:
    for name, unit, limits in (("biased_tokens", Unit.BIASED, part.biased_tokens), ("single_token", Unit.SINGLE, part.single_token)):
        for index, limit in enumerate(limits):
            yield (*path, name, index), Quota(unit, limit.amount, limit.window, limit.burst, scope)


def knobs(file: PolicyFile) -> tuple[tuple[str, Knobs], ...]:
    """What models know, in the file's order."""
    return tuple((pattern, _knobs(part)) for pattern, part in file.models.items())


def _knobs(part: ModelPart) -> Knobs:
    return Knobs(frozenset(part.knobs), "" if part.inline == NO_TAG else part.inline, part.preopened)


def rewrite(part: RewritePart) -> Rewrite:
    """How other words for reasoning are asked for."""
    return Rewrite(part.instruction.strip(), part.for_, part.tokens)
