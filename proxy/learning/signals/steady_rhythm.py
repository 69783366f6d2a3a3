"""Up around the clock, day after day. Look-alikes: monitors, cron jobs, products with users everywhere."""

from typing import ClassVar

from proxy.learning.observation import Observation
from proxy.learning.profile import Profile

DAYS = 3
"""Days without a pause."""

SHARE = 0.9
"""Share of hours in which it was up."""


class SteadyRhythm:
    """It never sleeps."""

    name: ClassVar[str] = "steady_rhythm"
    weight: ClassVar[float] = 1.0
    shadow: ClassVar[bool] = True

    def learn(self, kept: list[int], seen: Observation) -> None:
        """The profile's hours tell all of it."""

    def measure(self, kept: list[int], profile: Profile) -> tuple[float, str]:
        since = max(profile.hour, int(profile.first // 3600))
        hours = int(profile.last // 3600) - since + 1
        up = profile.hours.bit_count()
        return (1.0 if hours >= 24 * DAYS and up >= SHARE * hours else 0.0), f"it was up in {up} of the last {hours} hours"
