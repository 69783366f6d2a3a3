"""A tool is forced whose only argument is free text: models write real working into it (arXiv 2609.26637). Look-alikes: "think" tools."""

from typing import ClassVar

from proxy.learning.observation import Observation
from proxy.learning.profile import Profile
from proxy.learning.signals.base import count

FEWEST = 5
MOSTLY = 0.5
"""Share of exchanges."""


class ForcedReasoningTools:
    """It forces a tool that takes nothing but text."""

    name: ClassVar[str] = "forced_reasoning_tools"
    weight: ClassVar[float] = 2.0
    shadow: ClassVar[bool] = True

    def learn(self, kept: list[int], seen: Observation) -> None:
        if seen.forced:
            count(kept, 1)[0] += 1

    def measure(self, kept: list[int], profile: Profile) -> tuple[float, str]:
        forced = count(kept, 1)[0]
        often = forced >= max(FEWEST, MOSTLY * profile.exchanges)
        return (2.0 if often else 0.0), f"{forced} of {profile.exchanges} requests force a tool whose only argument is free text"
