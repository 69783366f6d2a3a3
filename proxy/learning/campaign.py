"""A campaign: accounts that act as one, with the links that say so."""

from dataclasses import dataclass, field
from enum import StrEnum

from proxy.learning.score import Reading


class Verdict(StrEnum):
    """What a person says of a campaign or an account. It is evidence too."""

    CONFIRMED = "confirmed"
    HONEST = "honest"


@dataclass(frozen=True, slots=True)
class Member:
    """An account of a campaign."""

    account: str
    organization: str
    since: float
    """When it was found to be one, epoch seconds."""
    how: str
    """linked: by the links between accounts; skeleton: it sent what only this campaign sends."""
    exchanges: int
    strength: float
    """Share of its links that lead to other members, 0–1."""


@dataclass(frozen=True, slots=True)
class Campaign:
    """Accounts that act as one, as seen at `seen`."""

    id: str
    first_seen: float
    """When it was formed, epoch seconds."""
    seen: float
    """When it was last renewed by evidence, epoch seconds."""
    evidence: float
    """Nats that its accounts are one hand, faded by half-life."""
    score: float
    readings: tuple[Reading, ...] = ()
    """The links, strongest first."""
    members: tuple[Member, ...] = ()
    exchanges: int = 0
    """Of its members, all together."""
    output: int = 0
    """Tokens that were made for its members."""
    models: tuple[tuple[str, int], ...] = ()
    """Targets: models and how many exchanges, most first."""
    skeleton: tuple[int, ...] = ()
    """Sketch hashes that its members share and hardly anybody else has (at most 64)."""
    addresses: tuple[int, ...] = ()
    """Keyed hashes of addresses that several members used (at most 64)."""
    payments: tuple[int, ...] = ()
    software: tuple[int, ...] = ()
    verdict: Verdict | None = None
    before: tuple[str, ...] = field(default=())
    """Campaigns that merged into it, or that it was split from."""

    @property
    def words(self) -> str:
        """One line for people."""
        strongest = "; ".join(reading.why for reading in self.readings[:3] if reading.counted)
        return f"{len(self.members)} accounts act as one: {strongest}"
