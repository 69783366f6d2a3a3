"""Much reasoning, asked for again and again without a conversation. Look-alikes: evaluations, batch jobs, tutoring: very many."""

from typing import ClassVar

from proxy.learning.observation import Observation
from proxy.learning.profile import Profile
from proxy.learning.signals.base import count

FEWEST = 20
"""Conversations begun."""

MOSTLY = 0.9
"""Share of exchanges that begin anew and bring reasoning."""


class ReasoningHarvest:
    """Openings that bring reasoning, and nothing after them."""

    name: ClassVar[str] = "reasoning_harvest"
    weight: ClassVar[float] = 2.0
    shadow: ClassVar[bool] = True

    def learn(self, kept: list[int], seen: Observation) -> None:
        if seen.opening and seen.reasoning:
            count(kept, 2)
            kept[0] += 1
            kept[1] += seen.reasoning

    def measure(self, kept: list[int], profile: Profile) -> tuple[float, str]:
        openings, tokens = count(kept, 2)[:2]
        if openings < FEWEST or openings < MOSTLY * profile.exchanges:
            return 0.0, ""
        return 2.0, f"{openings} of {profile.exchanges} requests begin anew and bring reasoning, {tokens} tokens of it"
