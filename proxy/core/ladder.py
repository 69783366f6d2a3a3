"""Where an account stands: `clear → watch → throttled → challenged → degraded → blocked`.

Standings travel with every reservation already; the moves between rungs and the sanctions on them come with the ladder's
own issue, so the policy's `ladder:` parses and is reported as not yet in force.
"""

from dataclasses import dataclass
from enum import IntEnum


class Rung(IntEnum):
    """A rung of the ladder, mildest first."""

    CLEAR = 0
    WATCH = 1
    THROTTLED = 2
    CHALLENGED = 3
    DEGRADED = 4
    BLOCKED = 5


@dataclass(frozen=True, slots=True)
class Standing:
    """An account's place on the ladder."""

    rung: Rung = Rung.CLEAR

    @classmethod
    def parse(cls, text: str) -> "Standing":
        """From the store's text; what is not understood is CLEAR, for a torn record must not punish anybody."""
        name = text.partition(" ")[0].upper()
        return cls(Rung[name]) if name in Rung.__members__ else cls()
