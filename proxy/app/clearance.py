"""What the policy in force says of verification, for the pages on the admin port.

The supervisor serves no exchange and follows no policy; a page is opened now and then. So the files are read when somebody opens one,
and what was read stands for a moment: nobody can keep the supervisor busy by opening pages.
"""

import time
from collections.abc import Callable
from pathlib import Path

from proxy.config.policy import compile_policy
from proxy.core.ladder import Rung
from proxy.core.policy import Policy
from proxy.errors import ConfigError
from proxy.verification.rules import Clearance

STANDS = 5.0
"""Seconds that what was read stands."""


class PolicyClearance:
    """Call it for the terms that hold now. A policy that is bad at the moment leaves the last good one's."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._clock = clock
        self._until = float("-inf")
        self._last = Clearance()

    def __call__(self) -> Clearance:
        if self._clock() >= self._until:
            self._until = self._clock() + STANDS
            try:
                self._last = of_policy(compile_policy(self._path))
            except ConfigError:
                return self._last  # every worker says so, with its reasons
        return self._last


def of_policy(policy: Policy) -> Clearance:
    """Verification clears every rung that asks for it, and those between: what is stricter than asking is not left standing by it.
    A human's hold it answers on the rungs that ask for it, only."""
    ladder = policy.ladder
    asking = [rung for rung in Rung if rung is not Rung.CLEAR and ladder.rule(rung).terms.verify is not None]
    lowest = min(asking, default=Rung.CHALLENGED)
    cleared = frozenset(rung for rung in Rung if rung >= lowest and rung not in ladder.steps.review)
    return Clearance(ladder.clear_for, cleared, frozenset(asking) & cleared, ladder.steps, policy.contact)
