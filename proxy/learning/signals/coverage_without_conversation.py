"""Ever new questions, and never a second turn. Look-alikes: search, translation, batch classification: very many."""

from typing import ClassVar

from proxy.learning.observation import Observation
from proxy.learning.profile import Profile

FEWEST = 20
"""Conversations begun."""

SINGLE = 0.98
"""Share of exchanges that begin anew."""

NEW = 0.95
"""Share of openings that nobody had sent before."""


class CoverageWithoutConversation:
    """It asks and never talks."""

    name: ClassVar[str] = "coverage_without_conversation"
    weight: ClassVar[float] = 2.0
    shadow: ClassVar[bool] = True

    def learn(self, kept: list[int], seen: Observation) -> None:
        """The profile tells all of it."""

    def measure(self, kept: list[int], profile: Profile) -> tuple[float, str]:
        never_talks = profile.openings >= FEWEST and profile.single >= SINGLE and profile.reused <= 1 - NEW
        return (2.0 if never_talks else 0.0), f"{profile.openings} conversations begun with something new, and hardly any went on"
