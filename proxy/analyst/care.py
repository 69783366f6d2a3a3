"""What could not be learned from, so that one fault does not end all learning.

Rule 1: after a fault nothing that it touched in memory is believed: the analyst begins again from its checkpoint, as after a crash, and
        leaves out what was at fault. So it comes to the same as if that had never been observed.
Rule 2: an observation that raises is set aside; a look that raises is put off by one interval; for anything else there is a pause.
Rule 3: each fault is told once, with its kind and its place in the code and never with a value: those come from callers.
Standings that are in force stay so meanwhile: gateways do not ask the analyst.
"""

import logging
import traceback
from collections import deque
from pathlib import Path

from proxy.analyst.records import Entry

log = logging.getLogger(__name__)

MOST_ASIDE = 1000
"""Marks that are kept; more than one round reads, so that each round gets past what it has found."""

FIRST_PAUSE = 1.0
LONGEST_PAUSE = 60.0
"""Seconds until everything is tried again, where it is not known what was at fault; twice as long each time."""


class Care:
    """One ownership's faults."""

    def __init__(self, every: float) -> None:
        """`every`: seconds between two looks."""
        self.every = every
        self.aside: deque[str] = deque(maxlen=MOST_ASIDE)
        """Marks of entries that are left out."""
        self.not_before = 0.0
        """No look at the whole population until then, epoch seconds."""
        self.count = 0
        """Faults so far."""
        self.trouble = ""
        """The last one in words; "" where there was none."""
        self._pause = FIRST_PAUSE

    def failed(self, error: Exception, at_fault: Entry | float | None) -> str:
        """`at_fault`: what was being learned from, or when the look was due that was being taken. In a word: observation | look | other."""
        self.count += 1
        if isinstance(at_fault, float):
            self.not_before = at_fault + self.every
            return self._tell("look", "a look at all accounts failed and is put off; known campaigns go on as they are", error)
        if at_fault is not None and at_fault.seen is not None:
            self.aside.append(at_fault.mark)
            said = f"an observation could not be learned from and is set aside (request {at_fault.seen.request})"
            return self._tell("observation", said, error)
        return self._tell("other", "learning fails and is tried again; standings stay as they are, and nobody new is found", error)

    def pause(self) -> float:
        """Seconds until the next try, where it is not known what was at fault."""
        self._pause, now = min(LONGEST_PAUSE, self._pause * 2), self._pause
        return now

    def went_well(self) -> None:
        """A checkpoint was written: whatever stood in its way does so no longer."""
        self._pause = FIRST_PAUSE

    def _tell(self, what: str, said: str, error: Exception) -> str:
        trouble = f"{said}: {_place(error)}"
        if trouble != self.trouble:
            log.error("%s", trouble)
        self.trouble = trouble
        return what


def _place(error: BaseException) -> str:
    """Its kind, and where it was raised."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{type(error).__name__} at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else type(error).__name__
