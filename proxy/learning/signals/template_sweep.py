"""One template with ever new fillings. Look-alikes: every batch job, classifier and evaluation."""

from typing import ClassVar

import numpy as np

from proxy.learning.observation import Observation
from proxy.learning.profile import Profile

FEWEST = 20
"""Conversations begun."""

RECURS = 0.5
"""Share of its openings that a piece of its template is in."""

PIECES = 4
"""Pieces of a template."""

NEW = 0.9
"""Share of openings that nobody had sent before."""


class TemplateSweep:
    """A few pieces recur in most of its openings, and what fills them is new."""

    name: ClassVar[str] = "template_sweep"
    weight: ClassVar[float] = 2.0
    shadow: ClassVar[bool] = True

    def learn(self, kept: list[int], seen: Observation) -> None:
        """The profile's grams tell all of it."""

    def measure(self, kept: list[int], profile: Profile) -> tuple[float, str]:
        if profile.openings < FEWEST or profile.reused > 1 - NEW:
            return 0.0, ""
        pieces = int(np.count_nonzero(profile.counts >= RECURS * profile.openings))
        why = f"{profile.openings} openings share {pieces} pieces of one template, filled anew each time"
        return (2.0 if pieces >= PIECES else 0.0), why
