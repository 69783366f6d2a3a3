"""Hypothesis profiles: the usual one, and `--hypothesis-profile=deep` for laws at length (hours: choose the tests).

No deadline for one example: on a busy machine that says more about the machine. Nor may the interpreter hold a test up.
"""

import gc

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("usual", deadline=None)
settings.register_profile("deep", max_examples=100_000, deadline=None, suppress_health_check=list(HealthCheck))
settings.load_profile("usual")


@pytest.fixture(autouse=True, scope="module")
def _nothing_old_is_collected() -> None:
    """What thousands of tests before these left in memory is not walked through while they run: it took seconds, in which every
    deadline of theirs passed. What is frozen stays so: to walk it once for each module would cost more than it frees."""
    gc.collect()
    gc.freeze()
