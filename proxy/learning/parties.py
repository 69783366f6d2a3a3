"""Parties: accounts that are openly one customer or one place. That they act alike is no news; only strangers' agreement is evidence."""

from collections.abc import Hashable

import numpy as np
from numpy.typing import NDArray

from proxy.learning.population import Population

PLACE = 8
"""Accounts behind one address from which it is a place: an office, a school, a lab."""

FRONT = 0.02
"""Share of all accounts behind one address from which it is a front that hides addresses, and says nothing of who sits behind it."""

LEAST_FRONT = 60
"""Accounts, where there are few."""


def most_in_a_place(accounts: int) -> float:
    """Accounts past which an address is no place any more."""
    return max(LEAST_FRONT, FRONT * accounts)


class Parties:
    """Who belongs together: union-find over organization, payment with address, and place."""

    def __init__(self, population: Population) -> None:
        self._parent: dict[Hashable, Hashable] = {}
        most = most_in_a_place(len(population))
        for profile in population:
            own = ("a", profile.account)
            self._join(own, ("o", profile.organization))
            for address in profile.addresses:
                if profile.payment:
                    self._join(own, ("pa", profile.payment, address))
                if PLACE <= population.users(address) <= most:
                    self._join(own, ("p", address))

    def numbered(self, accounts: list[str]) -> NDArray[np.int64]:
        """The party of each account, as a number."""
        numbers: dict[Hashable, int] = {}
        return np.array([numbers.setdefault(self._find(("a", account)), len(numbers)) for account in accounts], np.int64)

    def _find(self, one: Hashable) -> Hashable:
        parent = self._parent
        while (above := parent.setdefault(one, one)) != one:
            parent[one] = parent[above]
            one = parent[above]
        return one

    def _join(self, one: Hashable, other: Hashable) -> None:
        self._parent[self._find(one)] = self._find(other)
