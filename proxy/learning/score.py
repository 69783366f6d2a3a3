"""A score and what it is made of."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reading:
    """What one signal or link found."""

    name: str
    """The signal's or link's name in the catalogue, and in the policy."""
    nats: float
    """Evidence: the logarithm of how unlikely it is by chance, within the term's weight."""
    why: str
    """In plain words, with the counts."""
    counted: bool = True
    """False: in shadow."""


@dataclass(frozen=True, slots=True)
class Share:
    """A reading's part of a score."""

    name: str
    points: float
    why: str


@dataclass(frozen=True, slots=True)
class Score:
    """How much an account's traffic looks like extraction."""

    value: float | None = None
    """0–99, `20 · log10(N)` where at most one in N honest accounts reaches it; None: not enough to say."""
    evidence: float = 0.0
    """Nats that it rests on."""
    shares: tuple[Share, ...] = ()
    """Largest first; their points add up to the value."""
    campaign: str = ""
    """The campaign that it is counted among; "" none."""
    because: str = ""
    """One line in plain words."""


NOT_ENOUGH = Score(because="not enough to say")
