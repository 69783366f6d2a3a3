"""Complementary coverage: strangers with one tight, rare skeleton whose fillings hardly anybody repeats, without conversation.

Honest look-alikes: a class with one homework and a hackathon repeat each other's items (`reused`); users of one product talk on
(`single`); a company's jobs are one party, so the strangers among them are few.
"""

from typing import ClassVar

import numpy as np

from proxy.learning.links.base import Group, View

SCALE = 60.0
"""Nats of a group whose members are all alike."""

ENOUGH = 12
"""Parties from which it counts in full."""

TALKS = 0.6
"""Share of openings from which nobody can be said to hold a conversation."""


class Coverage:
    """One list, dealt out over strangers."""

    name: ClassVar[str] = "coverage"
    weight: ClassVar[float] = 20.0
    shadow: ClassVar[bool] = False
    sufficient: ClassVar[bool] = True

    def measure(self, group: Group) -> tuple[float, str]:
        if group.view is not View.TEMPLATES:
            return 0.0, ""
        alike = max(0.0, float(np.mean(group.close)) ** 2 - group.usual**2)
        new, apart = 1 - group.reused, (group.parties / len(group.members)) ** 2
        nats = SCALE * alike * new * apart * min(1.0, group.single / TALKS) * min(1.0, group.parties / ENOUGH)
        return nats, (
            f"{group.parties} strangers fill one rare template with items of which {new:.0%} were never sent before, "
            f"and {group.single:.0%} of their requests begin anew"
        )
