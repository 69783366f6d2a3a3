"""Strangers who read out one model's vocabulary at the same time. Hardly anybody ever does, so several who do are hardly several."""

import math
from typing import ClassVar

from proxy.learning.links.base import Group, View


class SharedSweep:
    """Strangers who read out a vocabulary."""

    name: ClassVar[str] = "shared_sweep"
    weight: ClassVar[float] = 12.0
    shadow: ClassVar[bool] = False
    sufficient: ClassVar[bool] = True

    def measure(self, group: Group) -> tuple[float, str]:
        if group.view is not View.SWEEPS:
            return 0.0, ""
        chance = math.log(max(2.0, len(group.census) / len(group.members)))
        return (group.parties - 1) * chance, f"{group.parties} strangers each read out a part of the vocabulary"
