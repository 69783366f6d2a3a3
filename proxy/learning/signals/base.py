"""A signal: one suspicion about one account. One file each, and one line in the catalogue (`signals/__init__.py`).

Alone, an account shows almost nothing: on other sources than it was made on, the best of these find 0 to 18 % of campaign accounts at one
honest account in a thousand. So all but two are in shadow as they ship: seen in explanations, and adding nothing until a policy says so.
"""

from typing import ClassVar, Protocol

from proxy.learning.observation import Observation
from proxy.learning.profile import Profile


class Signal(Protocol):
    """One suspicion."""

    name: ClassVar[str]
    """In the policy, in explanations and in metrics."""
    weight: ClassVar[float]
    """The most nats that it adds, unless the policy says otherwise."""
    shadow: ClassVar[bool]
    """Measured and shown, and adds nothing, unless the policy says otherwise."""

    def learn(self, kept: list[int], seen: Observation) -> None:
        """Adds one exchange to what it keeps of an account: a list that begins empty, and stays short."""

    def measure(self, kept: list[int], profile: Profile) -> tuple[float, str]:
        """Nats (0: nothing to see), and what was seen in plain words."""


def count(kept: list[int], size: int) -> list[int]:
    """`kept` with `size` counters."""
    if len(kept) < size:
        kept.extend([0] * (size - len(kept)))
    return kept
