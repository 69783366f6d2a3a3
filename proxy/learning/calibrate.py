"""From a population's own evidence to what is rare there. The log that it is read from may be infested.

Most accounts show nothing. Of those that show something, campaigns show much; so the rest, below what forms a campaign, is taken for
honest, and the tail behind it is extended as it falls there: an exponential law, which evidence in nats follows where it is what it
claims to be. A campaign too faint to be one makes that tail heavier, and the scores more careful; a loud one does not touch it.

Rule: a calibration is never bolder than the one that ships. Too little was seen: it is the one that ships.
"""

import math
from collections.abc import Sequence

from proxy.core.risk import Calibration
from proxy.learning.findings import FORMS

LEAST = 1.0
"""Nats from which an account shows something."""

FEWEST = 500
"""Accounts below which nothing is learned: one in a thousand of fewer is nobody."""

SHRINK = 20.0
"""Accounts that show something, at which half is believed of what they say."""

WIDEST = 3.0
"""Most nats that make evidence e times rarer. Where it would be more, it does not tell anybody from anybody."""


def calibrated(evidence: Sequence[float]) -> Calibration:
    """What a score takes in the population whose accounts have this `evidence`, in nats."""
    shipped = Calibration()
    honest = [nats for nats in evidence if nats < FORMS]
    shown = [nats - LEAST for nats in honest if nats >= LEAST]
    if len(evidence) < FEWEST or not shown:
        return Calibration(shipped.start, shipped.scale, len(evidence), "learned: nothing speaks against the shipped one")
    believed = len(shown) / (len(shown) + SHRINK)
    scale = max(shipped.scale, (1 - believed) * shipped.scale + believed * _falls(shown))
    start = LEAST + scale * math.log(len(shown) / len(honest))
    return Calibration(max(start, shipped.start), scale, len(evidence), f"learned from {len(shown)} accounts of {len(evidence)}")


def _falls(shown: Sequence[float]) -> float:
    """Nats in which the tail falls by e, below `FORMS`: the maximum-likelihood scale of an exponential that is cut off there."""
    width = FORMS - LEAST
    mean = sum(shown) / len(shown)
    low, high = 0.01, WIDEST
    if _mean(high, width) <= mean:
        return WIDEST
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _mean(middle, width) < mean else (low, middle)
    return low


def _mean(scale: float, width: float) -> float:
    """Of an exponential that is cut off at `width`."""
    return scale - width / math.expm1(min(700.0, width / scale))
