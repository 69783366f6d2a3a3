"""A link: one way in which accounts can be seen to act as one. One file each, and one line in the catalogue (`links/__init__.py`).

A link is measured over a group: accounts whose questions are closer to each other than to anybody else's. It says in nats how
unlikely what it sees is by chance, given what is usual in the population, and in words what it saw.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from proxy.learning.census import Census
from proxy.learning.profile import Profile


class View(StrEnum):
    """What closeness looks at."""

    ITEMS = "items"
    """What is asked: campaigns whose accounts ask the same list."""
    TEMPLATES = "templates"
    """What recurs: campaigns that deal one list out over their accounts."""
    TOOLKITS = "toolkits"
    """Which tools are offered: campaigns that run one harness."""
    SWEEPS = "sweeps"
    """Who reads out a vocabulary."""


@dataclass(frozen=True)
class Group:
    """Accounts that are close to each other. Vouched-for ones are left out."""

    view: View
    census: Census
    places: tuple[int, ...]
    """Places in the census, ascending."""
    close: NDArray[np.float64]
    """How close each is to its five nearest within reach, on average; by place in the group. Of toolkits in nats, else 0–1."""

    usual: float = 0.0
    """How close the members of most groups of this view are."""

    @cached_property
    def members(self) -> list[Profile]:
        return [self.census.profiles[place] for place in self.places]

    @cached_property
    def party(self) -> list[int]:
        """Of each member: who is openly the same customer or place."""
        return [int(self.census.party[place]) for place in self.places]

    @cached_property
    def parties(self) -> int:
        """Strangers in it."""
        return len(set(self.party))

    @cached_property
    def single(self) -> float:
        """Share of exchanges that begin a conversation; mean over members."""
        return float(np.mean([profile.single for profile in self.members]))

    @cached_property
    def reused(self) -> float:
        """Share of its openings that somebody had sent before."""
        return sum(profile.known for profile in self.members) / max(1, sum(profile.openings for profile in self.members))

    def strangers(self, having: Iterable[tuple[int, int]]) -> dict[int, set[int]]:
        """Parties by what they have; `having`: (place in the group, what)."""
        found: dict[int, set[int]] = defaultdict(set)
        for place, what in having:
            found[what].add(self.party[place])
        return found

    def payments(self) -> dict[int, set[int]]:
        """Parties by means of payment."""
        return self.strangers((place, profile.payment) for place, profile in enumerate(self.members) if profile.payment)

    def addresses(self) -> dict[int, set[int]]:
        """Parties by address; fronts that hide addresses are none."""
        census = self.census
        return self.strangers(
            (place, address)
            for place, profile in enumerate(self.members)
            for address in profile.addresses
            if census.population.users(address) <= census.most_in_a_place
        )


class Link(Protocol):
    """One way in which accounts can be seen to act as one."""

    name: ClassVar[str]
    """In the policy, in explanations and in metrics."""
    weight: ClassVar[float]
    """The most nats that it adds, unless the policy says otherwise."""
    shadow: ClassVar[bool]
    """Measured and shown, and adds nothing, unless the policy says otherwise."""
    sufficient: ClassVar[bool]
    """Enough on its own to make a campaign; the others only corroborate."""

    def measure(self, group: Group) -> tuple[float, str]:
        """Nats (0: nothing to see), and what was seen in plain words."""


def repeats(parties: Iterable[set[int]]) -> int:
    """How often strangers met at something they should not share."""
    return sum(len(each) - 1 for each in parties)
