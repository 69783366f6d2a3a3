"""The policy's ladder and guards: which sanctions stand on which rung, and what holds whatever the score says."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from proxy.core.ladder import Rung, Steps
from proxy.core.quota import Scope
from proxy.core.sanctions.base import Sanction
from proxy.core.sanctions.block import Block
from proxy.core.sanctions.logprobs import Logprobs
from proxy.core.sanctions.reasoning import Reasoning
from proxy.core.sanctions.throttle import Throttle
from proxy.core.sanctions.verify import Verify
from proxy.core.shaping import NO_LOGPROBS, Show
from proxy.core.shaping import Logprobs as NoLogprobs
from proxy.core.shaping import Reasoning as NoReasoning
from proxy.core.terms import Terms, strictest

DAY = 86400.0

REVIEWED = frozenset({Rung.BLOCKED})
"""Rungs that a person must look at, where the policy does not describe them."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What stands on one rung."""

    sanctions: tuple[Sanction, ...] = ()
    enforce: bool = True
    """False: shadow, recorded and not done."""
    terms: Terms = field(init=False)
    """What they demand together."""
    measures: tuple[str, ...] = field(init=False)
    """What they do, in words."""
    shaping: tuple[str, ...] = field(init=False)
    """Those among them that shape a conversation; the others bite at once."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "terms", strictest(*(sanction.terms() for sanction in self.sanctions)))
        object.__setattr__(self, "measures", tuple(sorted({sanction.measure() for sanction in self.sanctions})))
        shaping = {sanction.measure() for sanction in self.sanctions if sanction.terms().plan}
        object.__setattr__(self, "shaping", tuple(sorted(shaping)))


USUAL: Mapping[Rung, Rule] = {
    Rung.THROTTLED: Rule((Throttle(0.5),)),
    Rung.CHALLENGED: Rule((Verify(grace=3600.0),)),
    Rung.DEGRADED: Rule((Reasoning(NoReasoning(Show.OMIT)), Logprobs(NoLogprobs(NO_LOGPROBS)))),
    Rung.BLOCKED: Rule((Block(),)),
}
"""What a rung means that the policy does not describe, for accounts that are set on it by hand."""

_NOTHING = Rule()


@dataclass(frozen=True, slots=True)
class Ladder:
    """`ladder:`."""

    rules: Mapping[Rung, Rule] = field(default_factory=dict)
    steps: Steps = field(default_factory=lambda: Steps(review=REVIEWED))
    clear_for: float = 30 * DAY
    """Seconds that a verification holds."""
    pin: float = 3600.0
    """Seconds that a conversation keeps the shaping it began with; 0: a new rung bites at once."""
    shapes: bool = field(init=False)
    """Does a rung change requests or answers?"""

    def __post_init__(self) -> None:
        object.__setattr__(self, "shapes", any(self.rule(rung).terms.plan for rung in Rung))

    def rule(self, rung: Rung) -> Rule:
        return self.rules.get(rung) or USUAL.get(rung) or _NOTHING

    @property
    def pins(self) -> bool:
        """Must conversations be remembered?"""
        return self.pin > 0 and self.shapes


@dataclass(frozen=True, slots=True)
class Binding:
    """`guards.reasoning_binding`, and how hidden reasoning finds its way back."""

    on: bool = False
    """False: only what was hidden is sealed, so that it can be put back."""
    scope: Scope = Scope.ORGANIZATION
    conversation: bool = True
    """Bound to what the block answers."""
    model: bool = True
    refuse: bool = False
    """Foreign blocks are refused; else they are dropped."""
    unsealed: str = "drop"
    """What becomes of opaque reasoning that is no token of ours: drop | pass | refuse."""
    lasts: float = 30 * DAY
    """Seconds until a block expires."""
    restore: str = "sealed"
    """Where reasoning that was hidden stays until it comes back: sealed (in the token) | store | never."""
    enforce: bool = True
