"""All accounts that are remembered, and what is counted over them. Popularity is measured here, not listed by hand.

Rule 1: bounded. The quietest account is forgotten first; an account of a campaign is quiet only when it has long been silent too.
Rule 2: everything but the profiles themselves can be counted again from them, so a restart changes nothing.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from proxy.learning.observation import Observation
from proxy.learning.profile import MOST_GRAMS, Grams, Profile

SLOTS = 64
"""Slots of the table of holders per account that is kept at most: at a hundred grams an account, few share one."""

FULL = np.iinfo(np.uint16).max - MOST_GRAMS
"""Holders from which a slot is full; one account more can always be added to one that is not."""

ONE = np.uint16(1)


class Population:
    """Profiles by account, and how many accounts hold each gram."""

    def __init__(self, most: int) -> None:
        """`most`: accounts that are kept."""
        self.most = most
        self.profiles: dict[str, Profile] = {}
        """In the order of their last exchange: the quietest first."""
        size = 1 << (max(1024, most * SLOTS) - 1).bit_length()
        self._mask = np.uint32(min(size, 1 << 32) - 1)
        self._holders: NDArray[np.uint16] = np.zeros(size, np.uint16)
        self._users: dict[int, int] = {}
        self._turn = 0

    def __len__(self) -> int:
        return len(self.profiles)

    def __iter__(self) -> Iterator[Profile]:
        return iter(self.profiles.values())

    def meet(self, seen: Observation, *, vouched: bool) -> Profile:
        """The account's profile, moved to the end of the quiet ones."""
        profile = self.profiles.pop(seen.account, None) or Profile.of(seen, vouched=vouched)
        before = profile.addresses
        profile.learn(seen)
        self._turn += 1
        profile.turn = self._turn
        for address in profile.addresses[len(before) :]:
            self._users[address] = self._users.get(address, 0) + 1
        self.profiles[seen.account] = profile
        return profile

    def opening(self, profile: Profile, sketch: tuple[int, ...]) -> Grams:
        """Counts a conversation's beginning."""
        found: Grams = np.array(sorted({*sketch}), np.uint32)
        profile.openings += 1
        profile.known += bool(sketch) and bool(self._holders[found & self._mask].all())
        self._hold(profile.add(found))
        if len(profile.grams) > MOST_GRAMS:
            self._let_go(profile.shrink(self._holders[profile.grams & self._mask] > 1))
        return found

    def users(self, address: int) -> int:
        """Accounts that came from it."""
        return self._users.get(address, 0)

    def quietest(self) -> str | None:
        """The account to forget next; None while there is room."""
        return next(iter(self.profiles)) if len(self.profiles) > self.most else None

    def forget(self, account: str) -> None:
        profile = self.profiles.pop(account, None)
        if profile is None:
            return
        self._let_go(profile.grams)
        for address in profile.addresses:
            self._users[address] -= 1
            if not self._users[address]:
                del self._users[address]

    def restore(self, profile: Profile) -> None:
        """Puts a saved profile back; in the order of their turns."""
        self.profiles[profile.account] = profile
        self._turn = max(self._turn, profile.turn)
        self._hold(profile.grams)
        for address in profile.addresses:
            self._users[address] = self._users.get(address, 0) + 1

    def _hold(self, grams: Grams) -> None:
        """One account more for each."""
        np.add.at(self._holders, self._counted(grams), ONE)

    def _let_go(self, grams: Grams) -> None:
        np.subtract.at(self._holders, self._counted(grams), ONE)

    def _counted(self, grams: Grams) -> NDArray[np.uint32]:
        """Their slots. One that is full stays full: so many hold it that one more or less says nothing."""
        slots: NDArray[np.uint32] = grams & self._mask
        return slots.compress(self._holders[slots] < FULL)
