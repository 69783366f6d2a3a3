"""`risk`, compiled: how evidence becomes a score. Evidence is counted in nats: its logarithm's odds against chance.

A score is a promise about false positives: `score = 20 · log10(N)`, where at most one in N of the operator's own honest accounts
reaches it. So 40 is one in 100, 60 one in 1,000, 80 one in 10,000. The calibration says which evidence that takes in a population.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache

POINTS = 20.0
"""Points of a score for each tenth part of the accounts that still reach it."""

MOST = 99.0
"""A score is never certain."""

SIGNALS: Mapping[str, float] = {
    "logit_sweep": 20.0, "foreign_reasoning": 10.0, "reasoning_harvest": 2.0, "template_sweep": 2.0, "coverage_without_conversation": 2.0,
    "forced_reasoning_tools": 2.0, "cap_seeking": 1.0, "steady_rhythm": 1.0,
}  # fmt: skip
"""Signals and their weights as they ship. Each is a file in `learning.signals`; a policy may name these."""

LINKS: Mapping[str, float] = {
    "shared_payment": 12.0, "coverage": 20.0, "synchrony": 5.0, "shared_software": 3.0, "shared_address": 3.0, "succession": 3.0,
    "shared_toolkits": 16.0, "shared_sweep": 12.0, "new_model": 2.0,
}  # fmt: skip
"""Links and their weights as they ship. Each is a file in `learning.links`."""

WEIGHTS: Mapping[str, float] = {**SIGNALS, **LINKS}

IN_SHADOW = frozenset({
    "reasoning_harvest", "template_sweep", "coverage_without_conversation", "forced_reasoning_tools", "cap_seeking", "steady_rhythm",
    "new_model", "succession",
})  # fmt: skip
"""Those that ship in shadow: measured and shown, and adding nothing until a policy says `mode: enforce`."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """How rare evidence is among accounts that act for themselves: `P(evidence ≥ x) = exp(-(x - start) / scale)` for x ≥ start."""

    start: float = 0.6
    """Evidence that every account may show, nats."""
    scale: float = 0.95
    """Nats of evidence that make it e times rarer; about 1 where the evidence is what it claims to be."""
    accounts: int = 0
    """Accounts that it was learned from; 0: the one that ships."""
    said: str = "shipped"
    """Where it comes from, in words."""

    def score(self, evidence: float) -> float:
        """0–99 for `evidence` in nats."""
        points = POINTS / math.log(10) * (evidence - self.start) / self.scale
        return min(MOST, max(0.0, points))

    def evidence(self, score: float) -> float:
        """Nats that a score takes: the other way round."""
        return self.start + self.scale * score * math.log(10) / POINTS


@dataclass(frozen=True, slots=True)
class Term:
    """One signal or link as the policy wants it."""

    weight: float
    """The most nats that it can add."""
    enforce: bool = True
    """False, in shadow: measured and shown, and adds nothing."""


@dataclass(frozen=True, slots=True)
class Vouched:
    """Accounts that a contract speaks for (licensed synthetic-data customers, evaluation houses): they are learned from, and never
    counted among the members of a campaign."""

    tiers: frozenset[str] = frozenset()
    """Tiers of which a verified account is vouched for; empty: none."""

    def covers(self, tier: str, verified: bool) -> bool:  # noqa: FBT001  # a fact of the account
        return verified and tier in self.tiers


@dataclass(frozen=True, slots=True)
class Risk:
    """How evidence becomes a score."""

    on: bool = False
    """False: nothing is observed and nothing is scored."""
    half_life: float = 4 * 86400.0
    """Seconds in which a campaign's evidence loses half, where nothing renews it."""
    minimum: int = 3
    """Conversations begun, below which there is not enough to say."""
    every: float = 4 * 3600.0
    """Seconds between two looks at the whole population; a known campaign's newcomers are seen at once."""
    terms: Mapping[str, Term] = field(default_factory=dict)
    """Signals and links that the policy names; the others are as their files say."""
    calibration: Calibration = field(default_factory=Calibration)
    vouched: Vouched = field(default_factory=Vouched)

    def term(self, name: str, weight: float, *, enforce: bool = True) -> Term:
        """As the policy wants it, else as its file says."""
        return self.terms.get(name) or _shipped(weight, enforce)

    def named(self, name: str) -> Term:
        """A signal or link of the tables above, as it holds here."""
        return self.term(name, WEIGHTS[name], enforce=name not in IN_SHADOW)


@cache
def _shipped(weight: float, enforce: bool) -> Term:  # noqa: FBT001  # a term's two fields
    """It is asked for at every score."""
    return Term(weight, enforce)


def rarity(score: float) -> str:
    """What a score promises, in words: `at most 1 in 1,000`."""
    one_in = 10 ** (score / POINTS)
    figures = max(0, math.floor(math.log10(one_in)) - 1)
    return f"at most 1 in {round(one_in, -figures):,.0f}" if one_in >= 1.5 else "every one"  # noqa: PLR2004
