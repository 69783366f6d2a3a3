"""`risk`, `ladder` and `guards`: checked as strictly as the rest, and reported as not yet in force."""

from itertools import pairwise
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from proxy.config.fields import Duration, Exchanges, Name, Score, Share, Strict, TokenLimits, Weight

SIGNALS = frozenset({
    "reasoning_harvest", "template_sweep", "linked_accounts", "logit_probing", "answer_then_explain", "rubric_grading",
    "coverage_without_conversation", "forced_reasoning_tools", "foreign_reasoning", "cap_seeking", "steady_rhythm",
})  # fmt: skip
"""Signals that the design names; another one is noted, not refused, for the catalogue is still open."""

Mode = Literal["enforce", "shadow"]


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


class Verify(Strict):
    """Ask the account's owner to verify."""

    grace: Duration | None = None


class Sanction(Strict):
    """One thing done on a rung: `block`, or one of these keys with its value."""

    throttle: Share | None = None
    verify: Verify | None = None
    reasoning: Literal["omit", "summary"] | None = None
    logprobs: Literal["none"] | None = None
    block: Literal[True] | None = None

    @model_validator(mode="after")
    def _one(self) -> "Sanction":
        if len(self.model_fields_set) != 1:
            raise ValueError("each item of the list is one sanction")
        return self


def _as_mapping(value: object) -> object:
    return {value: True} if isinstance(value, str) else value


class Rung(Strict):
    """A rung of the ladder."""

    at: Score
    """Score from which an account stands here."""
    sanctions: tuple[Annotated[Sanction, BeforeValidator(_as_mapping, json_schema_input_type=Literal["block"] | Sanction)], ...] = ()
    review: Literal["required"] | None = None
    expires: Duration | None = None
    mode: Mode = "enforce"


class StepDown(Strict):
    """When an account comes down one rung."""

    below: Score = 10.0
    """Points below the rung."""
    after: Duration = 1800.0


class Verified(Strict):
    """What verification gives."""

    clear_for: Duration


class Ladder(Strict):
    """What follows from a score, mildest first."""

    watch: Rung | None = None
    throttled: Rung | None = None
    challenged: Rung | None = None
    degraded: Rung | None = None
    blocked: Rung | None = None
    step_down: StepDown = StepDown()
    verified: Verified | None = None

    @model_validator(mode="after")
    def _rising(self) -> "Ladder":
        rungs = [(name, rung.at) for name in RUNGS if (rung := getattr(self, name)) is not None]
        for (lower, least), (higher, most) in pairwise(rungs):
            if least >= most:
                raise ValueError(f"'{higher}' must be reached later than '{lower}': {most:g} is not above {least:g}")
        return self


RUNGS = ("watch", "throttled", "challenged", "degraded", "blocked")


class ReasoningBinding(Strict):
    """Opaque reasoning is bound to whom it was issued to."""

    scope: Literal["key", "account", "organization"] = "organization"
    foreign: Literal["drop", "refuse"] = "drop"


class LogitProbing(Strict):
    """Bounds on what reveals the model's distribution."""

    never_together: tuple[Literal["logit_bias", "logprobs", "top_logprobs", "n"], ...] = ()
    top_logprobs: Annotated[int, Field(strict=True, ge=0, le=20)] | None = None
    biased_tokens: TokenLimits = ()


class Guards(Strict):
    """What holds whatever the score says."""

    reasoning_binding: ReasoningBinding | None = None
    logit_probing: LogitProbing | None = None
