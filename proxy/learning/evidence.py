"""From evidence to a score with its shares."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from proxy.core.risk import Risk
from proxy.learning.campaign import Verdict
from proxy.learning.score import NOT_ENOUGH, Reading, Score, Share

CERTAIN = 14.0
"""Nats of a person's word: a campaign that was confirmed reaches any rung."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What speaks against an account."""

    own: tuple[Reading, ...] = ()
    """Of its own signals, those that count at least."""
    linked: float = 0.0
    """Nats that its campaign, or its group, is one hand; faded."""
    links: tuple[Reading, ...] = ()
    campaign: str = ""
    size: int = 0
    """Accounts of the campaign."""
    verdict: Verdict | None = None
    enough: bool = False
    """It has shown enough to be told apart at all."""


def scored(found: Evidence, risk: Risk) -> Score:
    """The score. `found.own` and `found.links` are strongest first."""
    if found.verdict is Verdict.HONEST:
        return Score(0.0, 0.0, (), found.campaign, "a person has looked at it, and it is honest")
    own = [reading for reading in found.own if reading.counted]
    linked = max(found.linked, CERTAIN) if found.verdict is Verdict.CONFIRMED else found.linked
    evidence = sum(reading.nats for reading in own) + linked
    if not evidence and not found.enough:
        return NOT_ENOUGH
    value = risk.calibration.score(evidence)
    shares = tuple(_shares(own, found, linked, value)) if evidence else ()
    return Score(value, evidence, shares, found.campaign, _because(found, shares))


def _shares(own: Iterable[Reading], found: Evidence, linked: float, value: float) -> list[Share]:
    """Each reading's part of the score, by its part of the evidence; largest first."""
    told = sum(reading.nats for reading in found.links if reading.counted)
    fade = linked / told if told else 0.0
    parts = [(reading.name, reading.nats, reading.why) for reading in own]
    parts += [(reading.name, reading.nats * fade, reading.why) for reading in found.links if reading.counted]
    if linked and not told:
        parts.append(("verdict", linked, "a person has looked at its campaign, and confirmed it"))
    whole = math.fsum(nats for _, nats, _ in parts)
    shares = [Share(name, value * nats / whole, why) for name, nats, why in parts if whole and nats > 0]
    return sorted(shares, key=lambda share: (-share.points, share.name))


def _because(found: Evidence, shares: tuple[Share, ...]) -> str:
    strongest = "; ".join(share.why for share in shares[:3])
    if found.campaign:
        return f"one of {found.size} accounts of campaign {found.campaign}: {strongest}"
    return strongest or "nothing speaks against it"
