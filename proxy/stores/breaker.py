"""A circuit breaker: after a few failures in a row nobody waits for a dead store; one tries now and then.

Rule: one log line per change of state, never one per request.
"""

import logging
from collections.abc import Callable

log = logging.getLogger(__name__)

FAILURES = 3
"""In a row, until it opens."""

PAUSE = 0.5
"""Seconds between two tries while it is open."""


class Breaker:
    """Closed: calls go through. Open: one call in `PAUSE` seconds goes through, to see whether it heals."""

    def __init__(self, clock: Callable[[], float], changed: Callable[[str], None]) -> None:
        self._clock = clock
        self._changed = changed
        self._failures = 0
        self._next_try = 0.0
        self._opened = 0.0
        self.open = False

    def allows(self) -> bool:
        if not self.open:
            return True
        if self._clock() < self._next_try:
            return False
        self._next_try = self._clock() + PAUSE
        return True

    def open_for(self) -> float:
        """Seconds since it opened; 0 while it is closed."""
        return self._clock() - self._opened if self.open else 0.0

    def succeeded(self) -> None:
        self._failures = 0
        if self.open:
            self.open = False
            log.warning("the store answers again")
            self._changed("closed")

    def failed(self, why: str) -> None:
        self._failures += 1
        if not self.open and self._failures >= FAILURES:
            self.lost(why)

    def lost(self, why: str) -> None:
        """Opens it at once: something that had much more patience than a request has failed."""
        if not self.open:
            self.open = True
            self._opened = self._clock()
            self._next_try = self._opened + PAUSE
            log.error("the store is lost: %s; the policy's failure.store_lost holds", why)
            self._changed("open")
