"""What an exchange must reserve, before it and while its stream grows: one claim per quota that counts it."""

import math
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from proxy.core.facts import Account, Ask, Usage
from proxy.core.policy import Policy
from proxy.core.quota import Accounting, Claim, Quota, Unit, Window, applies, charges, claimed
from proxy.core.terms import Grace

GROWING = frozenset({Unit.OUTPUT, Unit.TOKENS, Unit.SPEND})
"""What an answer costs more of, the longer it gets."""

GRACE = "grace-"
"""How the window of a grace is named; what it counts is one challenge's, and a later one begins anew."""

CENTURY = 36_500 * 86_400
"""Seconds in which a grace's requests would drain: not while anybody waits."""


@dataclass(frozen=True, slots=True)
class Squeeze:
    """What an account's standing takes of its tier."""

    share: float = 1.0
    """Of each quota."""
    grace: Grace | None = None
    """The account is asked to verify: what it may still do."""
    since: float = 0.0
    """When it was asked, epoch seconds."""


def holdable(ask: Ask, account: Account, expected: Usage, policy: Policy, share: float = 1.0) -> Usage:
    """`expected`, with no more output than every quota could hold when empty, and no less than one token.

    The output is a guess: a guess must not refuse for ever what may well fit. Input that never fits still is refused.
    """
    quotas = [squeezed(quota, share) for quota in policy.tier(account).quotas if applies(quota, ask, account)]
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


def wanted(
    ask: Ask, account: Account, expected: Usage, policy: Policy, *, requests: int = 1, squeeze: Squeeze | None = None
) -> tuple[Claim, ...]:
    """What must be reserved for this exchange, one claim per quota that counts it."""
    costs = charges(expected, ask.model, policy.accounting, requests=requests)
    quotas = _quotas(ask, account, policy, squeeze or Squeeze())
    return tuple(claimed(quota, ask, account, costs) for quota in quotas)


def _quotas(ask: Ask, account: Account, policy: Policy, squeeze: Squeeze) -> Iterator[Quota]:
    for quota in policy.tier(account).quotas:
        if applies(quota, ask, account):
            yield squeezed(quota, squeeze.share)
    guard = policy.logit_guard
    if guard is not None and guard.enforce and ask.logits is not None:
        yield from (quota for quota in guard.quotas if applies(quota, ask, account))
    if squeeze.grace is not None and squeeze.grace.exchanges is not None:
        window = Window("rate", f"{GRACE}{int(squeeze.since)}", CENTURY)
        yield Quota(Unit.REQUESTS, squeeze.grace.exchanges, window, squeeze.grace.exchanges)


def squeezed(quota: Quota, share: float) -> Quota:
    """That share of a quota, and no less than one of it. Its usage is the same: it is keyed by no amount."""
    if share >= 1:
        return quota
    return replace(quota, amount=max(1, math.floor(quota.amount * share)), burst=max(1, math.floor(quota.burst * share)))


def more(claims: tuple[Claim, ...], output: int, model: str, policy: Policy) -> tuple[Claim, ...]:
    """The claims that `output` more tokens of a running stream touch."""
    costs = charges(Usage(output=output), model, policy.accounting)
    return tuple(Claim(claim.quota, claim.subject, costs[claim.quota.unit]) for claim in claims if claim.quota.unit in GROWING)
