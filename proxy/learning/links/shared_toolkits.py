"""Several rare toolkits in common. Look-alikes: a small product with several sets of tools, and agent benchmarks; their users repeat each
other's conversations, which a list that is dealt out does not."""

import math
from collections import defaultdict
from typing import ClassVar

import numpy as np

from proxy.learning.links.base import Group, View


class SharedToolkits:
    """Strangers who offer several of the same rare toolkits."""

    name: ClassVar[str] = "shared_toolkits"
    weight: ClassVar[float] = 16.0
    shadow: ClassVar[bool] = False
    sufficient: ClassVar[bool] = True

    def measure(self, group: Group) -> tuple[float, str]:
        if group.view is not View.TOOLKITS:
            return 0.0, ""
        new = max(0.0, 1 - 2 * repeated(group))
        nats = float(np.mean(group.close)) * math.log(group.parties) * new * (group.parties / len(group.members)) ** 2
        kits = len({kit for profile in group.members for kit in profile.toolkits})
        return nats, f"{group.parties} strangers share toolkits, of {kits} in all, that hardly anybody else offers together"


def repeated(group: Group) -> float:
    """Share of their conversations that another of the strangers began with the very same words; of few, little can be said."""
    began: dict[int, set[int]] = defaultdict(set)
    for profile, party in zip(group.members, group.party, strict=True):
        for talk in profile.talks:
            began[talk].add(party)
    times = sum(len(parties) for parties in began.values())
    return (sum(len(parties) for parties in began.values() if len(parties) > 1) + 1) / (times + 10)
