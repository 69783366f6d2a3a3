"""Hypothesis profiles: the usual one, and `--hypothesis-profile=deep` for laws at length (hours: choose the tests).

No deadline for one example: on a busy machine that says more about the machine.
"""

from hypothesis import HealthCheck, settings

settings.register_profile("usual", deadline=None)
settings.register_profile("deep", max_examples=100_000, deadline=None, suppress_health_check=list(HealthCheck))
settings.load_profile("usual")
