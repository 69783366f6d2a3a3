"""The terms on which an account is served: what the sanctions of its rung demand together.

Sanctions add up by `strictest`, which knows no order: a lattice, held by laws.
"""

from dataclasses import dataclass, field
from functools import reduce

from proxy.core import shaping
from proxy.core.shaping import Plan


@dataclass(frozen=True, slots=True)
class Grace:
    """How far an account that is asked to verify is still served, so that what runs can finish."""

    seconds: float = 0.0
    exchanges: int | None = None
    """Requests served meanwhile; None: any number."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What sanctions demand. The empty terms demand nothing."""

    plan: Plan = field(default_factory=Plan)
    """Pinned to a conversation while it lasts; everything else bites at once."""
    share: float = 1.0
    """Of each of the tier's quotas."""
    pace: float | None = None
    """Most tokens per second of a stream."""
    delay: float = 0.0
    """Seconds by which each request waits."""
    verify: Grace | None = None
    """The account's owner must verify, after this grace."""
    block: bool = False


def strictest(*terms: Terms) -> Terms:
    """What several sanctions demand together: whatever their order, and twice is once."""
    return reduce(_both, terms, Terms())


def _both(one: Terms, other: Terms) -> Terms:
    paces = [each.pace for each in (one, other) if each.pace is not None]
    graces = [each.verify for each in (one, other) if each.verify is not None]
    return Terms(
        plan=shaping.strictest(one.plan, other.plan),
        share=min(one.share, other.share),
        pace=min(paces, default=None),
        delay=max(one.delay, other.delay),
        verify=_shortest(graces) if graces else None,
        block=one.block or other.block,
    )


def _shortest(graces: list[Grace]) -> Grace:
    counted = [grace.exchanges for grace in graces if grace.exchanges is not None]
    return Grace(min(grace.seconds for grace in graces), min(counted, default=None))
