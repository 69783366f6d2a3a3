"""A vocabulary that is read out: token ids that never repeat, lie densely and progress (Carlini et al. 2024; Finlayson et al. 2024).

Honest look-alikes: classifiers bias the same few labels again and again; monitors and evaluations jump about the vocabulary.
"""

from typing import ClassVar

from proxy.learning.observation import Observation
from proxy.learning.profile import Profile
from proxy.learning.signals.base import count

FEWEST = 8
"""Distinct sets of ids."""

DISTINCT = 0.9
"""Share of requests with a set of their own."""

SETS = 64
"""Sets that are remembered."""

DENSE = (1 / 30, 1.1)
"""Ids asked for, as a share of the range they lie in."""

ONWARD = 0.9
"""Share of requests whose ids lie beyond the last one's ..."""

NARROW = 30_000
"""... unless the whole range is narrower than this."""

BEGINS = 12.0
"""Nats where all of it holds; every further set adds a little."""

ASKED, UPWARD, LAST, LEAST, MOST, IDS = range(6)


class LogitSweep:
    """A vocabulary that is read out."""

    name: ClassVar[str] = "logit_sweep"
    weight: ClassVar[float] = 20.0
    shadow: ClassVar[bool] = False

    def learn(self, kept: list[int], seen: Observation) -> None:
        bias = seen.bias
        if bias is None:
            return
        if not kept:
            kept.extend([0, 0, 1 << 40, 1 << 40, 0, 0])
        kept[ASKED] += 1
        kept[UPWARD] += bias.first > kept[LAST]
        kept[LAST] = bias.first
        kept[LEAST], kept[MOST] = min(kept[LEAST], bias.first), max(kept[MOST], bias.second)
        kept[IDS] += bias.count
        ids = bias.first << 32 | bias.second
        if len(kept) < IDS + 1 + SETS and ids not in kept[IDS + 1 :]:
            kept.append(ids)

    def measure(self, kept: list[int], profile: Profile) -> tuple[float, str]:
        sets = len(count(kept, IDS + 1)) - IDS - 1
        if sets < max(FEWEST, DISTINCT * min(SETS, kept[ASKED])):
            return 0.0, ""
        width = kept[MOST] - kept[LEAST] + 1
        dense = DENSE[0] <= kept[IDS] / width <= DENSE[1]
        if not dense or (kept[UPWARD] < ONWARD * kept[ASKED] and width >= NARROW):
            return 0.0, ""
        return BEGINS + 0.1 * (sets - FEWEST), (
            f"{kept[ASKED]} requests single out token ids that never repeat, one after the other, from {kept[LEAST]} to {kept[MOST]}: "
            "a vocabulary is being read out"
        )
