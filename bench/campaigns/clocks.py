"""When things are asked: parametric clocks, in seconds since the epoch, ascending. People by day and in bursts, programs at any hour.

Every clock draws its own activity; none knows what is asked.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

DAY = 86_400.0
HOUR = 3_600.0
START = 1_798_761_600.0
"""2027-01-01 00:00 UTC, a Friday."""


@dataclass(frozen=True, slots=True)
class Window:
    """From when until when."""

    start: float
    end: float

    @property
    def days(self) -> float:
        return (self.end - self.start) / DAY

    def part(self, since: float, until: float) -> "Window":
        """A part of it, by shares of its length."""
        length = self.end - self.start
        return Window(self.start + since * length, self.start + until * length)

    def inside(self, times: list[float]) -> list[float]:
        return sorted(at for at in times if self.start <= at < self.end)


Clock = Callable[[Random, Window, float], list[float]]
"""Times within a window at so many a day on average."""


def poisson(rng: Random, mean: float) -> int:
    if mean > 50:
        return max(0, round(rng.gauss(mean, math.sqrt(mean))))
    count, left = 0, math.exp(-mean)
    while (left := left / max(rng.random(), 1e-12)) < 1.0:
        count += 1
    return count


def _days(window: Window) -> list[float]:
    first = window.start // DAY * DAY
    return [first + n * DAY for n in range(math.ceil((window.end - first) / DAY))]


def human(rng: Random, window: Window, per_day: float) -> list[float]:
    """Sittings around two hours of the day in the person's own time zone; a lull at the week's end for some."""
    burst = rng.uniform(1.2, 5.0)
    zone, rest = rng.choice((-8, -7, -5, -3, 0, 1, 1, 2, 3, 5.5, 8, 9)), rng.choice((0.15, 0.4, 1.0))
    peaks, times = (rng.gauss(10.5, 1.5), rng.gauss(17.5, 3.0)), list[float]()
    for day in _days(window):
        weekend = int((day + zone * HOUR) // DAY + 4) % 7 in (0, 6)
        for _ in range(poisson(rng, per_day / burst * (rest if weekend else (7 - 2 * rest) / 5))):
            at = day + (rng.gauss(rng.choice(peaks), 1.8) - zone) * HOUR
            times += _sitting(rng, at, burst)
    return window.inside(times)


def _sitting(rng: Random, at: float, burst: float) -> list[float]:
    times = [at]
    while rng.random() > 1 / burst:
        at += rng.lognormvariate(math.log(240), 1.0)
        times.append(at)
    return times


def batch(rng: Random, window: Window, per_day: float) -> list[float]:
    """Runs of many requests, minutes or seconds apart, at any hour."""
    size, apart, times = rng.lognormvariate(math.log(12), 0.6), rng.lognormvariate(math.log(20), 1.0), list[float]()
    for _ in range(poisson(rng, max(per_day * window.days / size, 0.9))):
        at = rng.uniform(window.start, window.end)
        for _ in range(max(1, round(rng.gauss(size, size / 4)))):
            times.append(at)
            at += rng.expovariate(1 / apart)
    return window.inside(times)


def nightly(rng: Random, window: Window, per_day: float) -> list[float]:
    """One run a night at the same minute, as cron starts it; some nights fail."""
    minute, times = rng.choice((0, 0, 1, 2, 3, 4)) * HOUR + rng.choice((0, 0, 5, 15, 30, 45)) * 60, list[float]()
    for day in _days(window):
        at = day + minute + rng.uniform(1, 40)
        for _ in range(poisson(rng, per_day) if rng.random() < 0.93 else 0):
            times.append(at)
            at += rng.expovariate(1 / 8.0)
    return window.inside(times)


def regular(rng: Random, window: Window, per_day: float) -> list[float]:
    """Every so many minutes, day and night."""
    every = DAY / max(per_day, 0.2)
    at, times = window.start + rng.uniform(0, every), list[float]()
    while at < window.end:
        times.append(at + rng.uniform(0, 20))
        at += every
    return window.inside(times)


def spread(rng: Random, window: Window, per_day: float) -> list[float]:
    """Evenly over the day, with nothing that recurs: what a patient program does."""
    return window.inside([rng.uniform(window.start, window.end) for _ in range(poisson(rng, per_day * window.days))])


def scheduler(rng: Random, window: Window) -> Clock:
    """A few hours a day, the same for all accounts that it serves; each has its own minutes in them."""
    hours, length = sorted(rng.sample(range(24), 3)), rng.uniform(1.0, 2.5) * HOUR
    began = [day + hour * HOUR + rng.gauss(0, 600) for day in _days(window) for hour in (hours if rng.random() < 0.9 else hours[:1])]

    def clock(rng: Random, window: Window, per_day: float) -> list[float]:
        return window.inside([at + rng.uniform(0, length) for at in began for _ in range(poisson(rng, per_day / len(hours)))])

    return clock
