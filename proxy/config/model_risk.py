"""`risk`: checked as strictly as the rest, and reported as not yet in force."""

from pydantic import Field

from proxy.config.fields import Duration, Exchanges, Mode, Name, Strict, Weight

SIGNALS = frozenset({
    "reasoning_harvest", "template_sweep", "linked_accounts", "logit_probing", "answer_then_explain", "rubric_grading",
    "coverage_without_conversation", "forced_reasoning_tools", "foreign_reasoning", "cap_seeking", "steady_rhythm",
})  # fmt: skip
"""Signals that the design names; another one is noted, not refused, for the catalogue is still open."""


class Signal(Strict):
    """One suspicion."""

    weight: Weight
    mode: Mode = "enforce"


class Risk(Strict):
    """How evidence becomes a score."""

    half_life: Duration = 604800.0
    """How fast evidence fades: 7d."""
    minimum_evidence: Exchanges = 50
    """Below it the score is "not enough to say"."""
    signals: dict[Name, Signal] = Field(default={})
