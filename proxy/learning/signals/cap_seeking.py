"""Answers as long as the cap allows, again and again. Look-alikes: long-form writing, code generation."""

from typing import ClassVar

from proxy.learning.observation import Observation
from proxy.learning.profile import Profile
from proxy.learning.signals.base import count

FEWEST = 20
NEAR = 0.95
"""Of the cap."""

MOSTLY = 0.5
"""Share of exchanges."""


class CapSeeking:
    """Its answers end at the cap."""

    name: ClassVar[str] = "cap_seeking"
    weight: ClassVar[float] = 1.0
    shadow: ClassVar[bool] = True

    def learn(self, kept: list[int], seen: Observation) -> None:
        if seen.cap and seen.output >= NEAR * seen.cap:
            count(kept, 1)[0] += 1

    def measure(self, kept: list[int], profile: Profile) -> tuple[float, str]:
        full = count(kept, 1)[0]
        often = full >= max(FEWEST, MOSTLY * profile.exchanges)
        return (1.0 if often else 0.0), f"{full} of {profile.exchanges} answers were as long as their cap allowed"
