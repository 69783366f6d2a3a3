"""What only a campaign sends: pieces that several of its members have, and hardly anybody else. A newcomer that sends them belongs to it.

So a campaign's evidence reaches a new account within its first few exchanges, long before the account has shown anything by itself.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from proxy.learning.census import Census
from proxy.learning.profile import Grams, Profile

FEWEST = 4
"""Members that must have a piece."""

OWN = 0.7
"""Share of a piece's holders that must be members."""

STRONG = (5, 0.85)
"""The same, for a piece that nearly nobody else has."""

HITS = 3
"""Openings with such pieces that make a newcomer a member ..."""

OFTEN_STRONG = 0.1
"""... where they are this share of its openings, for strong pieces, ..."""

OFTEN = 0.5
"""... and this share for others."""

KITS = 2
"""A campaign's toolkits that make a newcomer a member."""

YOUNG = 6
"""Openings below which an account's pieces have not had time to recur."""

TRIES = 20_000
"""Accounts whose hits are remembered."""

MOST = 4096
"""Pieces of one campaign."""


@dataclass(slots=True)
class Skeletons:
    """Pieces by campaign, and how often accounts hit them."""

    pieces: dict[int, tuple[str, bool]] = field(default_factory=dict)
    """Piece → campaign, and is it strong?"""
    hits: dict[str, tuple[str, int, int]] = field(default_factory=dict)
    """Account → campaign, openings that hit it, those that hit strong pieces."""

    kits: dict[int, str] = field(default_factory=dict)
    """Toolkit → campaign."""

    def learn(self, census: Census, campaigns: Mapping[str, Iterable[str]]) -> None:
        """Anew at each look."""
        self.pieces, self.kits = {}, {}
        offered = Counter(kit for profile in census.everybody if not profile.vouched for kit in profile.toolkits)
        for name, members in campaigns.items():
            profiles = [profile for one in sorted(members) if (profile := census.population.profiles.get(one)) is not None]
            shared = Counter(kit for profile in profiles for kit in profile.toolkits)
            self.kits |= {kit: name for kit, times in shared.items() if times >= FEWEST and times >= STRONG[1] * offered[kit]}
            pieces, times = _shared(profiles)
            others = census.strangers_to(pieces)
            own = (times >= FEWEST) & (times >= OWN * others)
            strong = own & (times >= STRONG[0]) & (times >= STRONG[1] * others)
            best = np.lexsort((pieces[own], -times[own]))[:MOST]
            for piece, is_strong in zip(pieces[own][best].tolist(), strong[own][best].tolist(), strict=True):
                self.pieces[piece] = (name, is_strong)

    def of(self, campaign: str, most: int = 64) -> tuple[int, ...]:
        """Its pieces, strong ones first."""
        found = [(not strong, piece) for piece, (name, strong) in self.pieces.items() if name == campaign]
        return tuple(piece for _, piece in sorted(found)[:most])

    def offers(self, profile: Profile) -> str | None:
        """The campaign two of whose toolkits it offers."""
        names = Counter(name for kit in profile.toolkits if (name := self.kits.get(kit)) is not None)
        name, times = max(names.items(), key=lambda pair: (pair[1], pair[0]), default=("", 0))
        return name if times >= KITS else None

    def hit(self, profile: Profile, sketch: Grams) -> str | None:
        """The campaign that this opening makes the account a member of."""
        found = [each for piece in sketch.tolist() if (each := self.pieces.get(piece)) is not None]
        if not found:
            return None
        strong = [name for name, is_strong in found if is_strong]
        name = Counter(strong or [name for name, _ in found]).most_common(1)[0][0]
        before = self.hits.pop(profile.account, ("", 0, 0))
        times, strongly = (before[1], before[2]) if before[0] == name else (0, 0)
        times, strongly = times + 1, strongly + bool(strong)
        self.hits[profile.account] = (name, times, strongly)
        if len(self.hits) > TRIES:
            del self.hits[next(iter(self.hits))]
        if strongly >= max(HITS, OFTEN_STRONG * profile.openings) or times >= max(HITS, OFTEN * profile.openings):
            return name
        return None


def _shared(profiles: list[Profile]) -> tuple[Grams, NDArray[np.int64]]:
    """Pieces that recur in the accounts, or stand in one that is young, and in how many."""
    held = [profile.grams[(profile.counts > 1) | (profile.openings < YOUNG)] for profile in profiles]
    pieces, times = np.unique(np.concatenate([np.zeros(0, np.uint32), *held]), return_counts=True)
    return pieces, times
