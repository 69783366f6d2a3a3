import math
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.core.risk import Calibration
from proxy.learning.calibrate import calibrated
from proxy.learning.campaigns import FORMS

SHIPPED = Calibration()
NATS = st.lists(st.floats(0, 40), max_size=800)


def crowd(scale: float, share: float, accounts: int = 20_000, seed: int = 1) -> list[float]:
    """Honest accounts, of which a share shows something, ever more rarely."""
    chance = Random(seed)
    return [1 + chance.expovariate(1 / scale) if chance.random() < share else 0.0 for _ in range(accounts)]


@settings(max_examples=60)
@given(NATS)
def test_it_is_never_bolder_than_the_shipped_one(evidence: list[float]) -> None:
    found = calibrated(evidence)
    assert all(found.score(nats) <= SHIPPED.score(nats) + 1e-9 for nats in (1, 3, 6.5, 10, 20))
    assert math.isfinite(found.start)
    assert 0 < found.scale <= 3


@pytest.mark.parametrize(("scale", "share"), [(1.2, 0.2), (2.0, 0.1), (2.5, 0.05)])
def test_a_threshold_keeps_its_promise_where_evidence_is_heavier(scale: float, share: float) -> None:
    found = calibrated(crowd(scale, share))
    fresh = crowd(scale, share, 200_000, seed=2)
    reached = sum(found.score(nats) >= 60 for nats in fresh) / len(fresh)
    assert reached <= 1.5 / 1000


def test_a_loud_campaign_in_the_log_changes_little() -> None:
    clean = crowd(1.5, 0.1)
    infested = clean + [FORMS + 6.0] * 3000
    assert calibrated(infested).evidence(60) == pytest.approx(calibrated(clean).evidence(60), rel=0.02)


def test_too_few_accounts_say_nothing() -> None:
    assert calibrated([5.0] * 100).evidence(60) == SHIPPED.evidence(60)
    assert calibrated([]).accounts == 0
    assert calibrated([0.0] * 1000).evidence(60) == SHIPPED.evidence(60)
