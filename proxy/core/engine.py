"""Facts + policy → decision. Pure: the same records give the same decision, live and in a replay.

The order is fixed: routes → identity and lists → quotas → inline signals → standing's rung → capacity. The most
restrictive wins. `advise` says what the policy wants; `decide` turns it into what is done (in shadow: Forward).
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace

from proxy.core.enforcement import Enforcement, Fault, Forward, Plan, Reason, Refuse
from proxy.core.facts import RUNS_A_MODEL, Account, Ask, Usage
from proxy.core.ladder import Rung, Standing
from proxy.core.policy import Policy
from proxy.core.quota import Accounting, Claim, Denial, Grant, Meter, Quota, Unit, amount_words, applies, charges, subject

WORTH_WAITING = 60.0
"""Seconds. An SDK that retries by itself sleeps through Retry-After; past this we ask it not to."""

GROWING = frozenset({Unit.OUTPUT, Unit.TOKENS, Unit.SPEND})
"""What an answer costs more of, the longer it gets."""

JITTER = 0.1
"""Largest share by which Retry-After is lengthened, so that refused callers do not all come back at once."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What is done with a request, and what the policy advised."""

    enforcement: Enforcement
    advised: Enforcement
    """Differs from `enforcement` in shadow only."""
    rung: Rung
    meters: tuple[Meter, ...] = ()


def holdable(ask: Ask, account: Account, expected: Usage, policy: Policy) -> Usage:
    """`expected`, with no more output than every quota could hold when empty, and no less than one token.

    The output is a guess: a guess must not refuse for ever what may well fit. Input that never fits still is refused.
    """
    quotas = [quota for quota in policy.tier(account).quotas if applies(quota, ask, account)]
    return replace(expected, output=room_for(quotas, expected, ask.model, policy.accounting)) if expected.output else expected


def room_for(quotas: Sequence[Quota], usage: Usage, model: str, accounting: Accounting) -> int:
    """Output tokens, from one to `usage.output`, that fit beside `usage.input` under every one of `quotas` when empty."""
    growing = (quota for quota in quotas if quota.unit in GROWING)
    return max(1, min((affordable(quota, quota.burst, usage, model, accounting) for quota in growing), default=usage.output))


def affordable(quota: Quota, room: float, usage: Usage, model: str, accounting: Accounting) -> int:
    """Most output tokens, up to `usage.output`, with which `usage` costs at most `room` of the quota's unit."""

    def cost(made: int) -> int:
        return charges(replace(usage, output=made), model, accounting)[quota.unit]

    if cost(usage.output) <= room:
        return usage.output
    return bisect_right(range(1, usage.output + 1), room, key=cost)


def wanted(ask: Ask, account: Account, expected: Usage, policy: Policy, *, requests: int = 1) -> tuple[Claim, ...]:
    """What must be reserved for this exchange, one claim per quota that counts it."""
    costs = charges(expected, ask.model, policy.accounting, requests=requests)
    quotas = (quota for quota in policy.tier(account).quotas if applies(quota, ask, account))
    return tuple(Claim(quota, subject(quota.scope, account), costs[quota.unit]) for quota in quotas)


def more(claims: tuple[Claim, ...], output: int, model: str, policy: Policy) -> tuple[Claim, ...]:
    """The claims that `output` more tokens of a running stream touch."""
    costs = charges(Usage(output=output), model, policy.accounting)
    return tuple(Claim(claim.quota, claim.subject, costs[claim.quota.unit]) for claim in claims if claim.quota.unit in GROWING)


def admissible(ask: Ask, account: Account, policy: Policy, reference: str) -> Fault | None:
    """What can be refused before anything is reserved: a model that the tier does not serve."""
    tier = policy.tier(account)
    if ask.operation not in RUNS_A_MODEL or tier.serves(ask.model):
        return None
    if not ask.model:
        message = f"Name a model in this request: your plan ({tier.name}) includes certain models only. " + _ask_whom(policy, reference)
        return Fault(Reason.MODEL_NOT_ALLOWED, 404, message, reference, param="model", retry=False)
    message = f"The model '{ask.model[:120]}' does not exist, or your plan ({tier.name}) does not include it. "
    message += _ask_whom(policy, reference)
    return Fault(Reason.MODEL_NOT_ALLOWED, 404, message, reference, param="model", retry=False)


def decide(ask: Ask, verdict: Grant | Denial, policy: Policy, reference: str, unfit: Fault | None = None) -> Decision:
    """The decision on a request whose reservation was answered. `unfit`: what `admissible` found, in shadow."""
    forward = Forward(_plan(ask, policy))
    rung = Standing.parse(verdict.standing).rung
    fault = unfit or (over_quota(verdict, policy, reference) if isinstance(verdict, Denial) else None)
    if fault is None:
        return Decision(forward, forward, rung, verdict.meters)
    advised = Refuse(fault)
    return Decision(advised if policy.enforce else forward, advised, rung, verdict.meters)


def _plan(ask: Ask, policy: Policy) -> Plan:
    return Plan(ask_for_usage=asks_for_usage(ask, policy))


def asks_for_usage(ask: Ask, policy: Policy) -> bool:
    """Must the request be changed so that its stream tells its usage?"""
    return ask.stream and not ask.reports_usage and policy.accounting.include_usage


def over_quota(denial: Denial, policy: Policy, reference: str) -> Fault:
    """A refusal that names the quota that binds, what is used, and when it frees."""
    quota = denial.binding.quota
    if denial.never:
        message = (
            f"This request needs {amount_words(quota.unit, denial.cost)} at once, "
            f"but its limit is {quota.words()}, so it can never be served. "
            f"Send a smaller request or a lower output cap, or ask for a higher limit. " + _ask_whom(policy, reference)
        )
        return Fault(Reason.NEVER_FITS, 400, message, reference, retry=False, denial=denial, meters=denial.meters)
    wait = denial.binding.frees_in * (1 + JITTER * _share(reference))
    reason = Reason.BUDGET if quota.unit is Unit.SPEND else Reason.QUOTA
    message = _ask_whom(policy, reference)
    retry = None if wait <= WORTH_WAITING else False
    return Fault(reason, 429, message, reference, retry_after=wait, retry=retry, denial=denial, meters=denial.meters)


def store_lost(policy: Policy, reference: str) -> Fault:
    """The store does not answer and the policy no longer lets the gateway serve alone."""
    message = (
        "The service that checks keys and counts usage does not answer, so this request was not served and cost nothing. "
        "Please try again in a few seconds. " + _ask_whom(policy, reference)
    )
    return Fault(Reason.STORE_LOST, 503, message, reference, retry_after=5.0)


def upstream_full(policy: Policy, reference: str) -> Fault:
    """The upstream's capacity is taken and the wait for a place was too long."""
    message = "All capacity is in use right now; this request was not served and cost nothing. Please try again. "
    return Fault(Reason.CAPACITY, 503, message + _ask_whom(policy, reference), reference, retry_after=2.0)


def _ask_whom(policy: Policy, reference: str) -> str:
    contact = f" If this seems wrong, write to {policy.contact}." if policy.contact else ""
    return f"Reference: {reference}.{contact}"


def _share(reference: str) -> float:
    """A number in 0–1 from the request's own id: jitter without chance."""
    return sum(reference.encode()) % 97 / 96
