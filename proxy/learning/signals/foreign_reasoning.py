"""Reasoning blocks that were issued to somebody else (Panfilov et al. 2026: replaying them makes a model write the reasoning down).

Honest look-alikes: a key rotation, a session handed over between a customer's own accounts (`guards.reasoning_binding.scope`).
"""

from typing import ClassVar

from proxy.learning.observation import Observation
from proxy.learning.profile import Profile
from proxy.learning.signals.base import count

FEWEST = 3
"""Exchanges; one or two may be an import of old histories."""

EACH = 1.5
"""Nats of each exchange."""


class ForeignReasoning:
    """It brings what others were given."""

    name: ClassVar[str] = "foreign_reasoning"
    weight: ClassVar[float] = 10.0
    shadow: ClassVar[bool] = False

    def learn(self, kept: list[int], seen: Observation) -> None:
        if seen.foreign:
            count(kept, 2)
            kept[0] += 1
            kept[1] += seen.foreign

    def measure(self, kept: list[int], profile: Profile) -> tuple[float, str]:
        exchanges, blocks = count(kept, 2)[:2]
        nats = EACH * exchanges if exchanges >= FEWEST else 0.0
        return nats, f"{exchanges} requests brought {blocks} reasoning blocks that were issued to somebody else"
