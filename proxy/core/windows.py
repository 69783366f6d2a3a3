"""Calendar windows: UTC days, ISO weeks (from Monday) and months, numbered so that a later one has a larger number."""

from datetime import UTC, datetime

DAY = 86400


def moment(at: float) -> str:
    """A time as people read it: `2026-11-25 14:03 UTC`."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")


def number(name: str, at: float) -> int:
    """Number of the window called `name` (day, week, month) that holds `at`."""
    days = int(at // DAY)
    if name == "day":
        return days
    if name == "week":
        return (days + 3) // 7  # 1 January 1970 was a Thursday
    moment = datetime.fromtimestamp(at, UTC)
    return moment.year * 12 + moment.month - 1


def ends_in(name: str, at: float) -> float:
    """Seconds from `at` until its window is over."""
    nth = number(name, at) + 1
    if name == "day":
        return nth * DAY - at
    if name == "week":
        return (nth * 7 - 3) * DAY - at
    return datetime(nth // 12, nth % 12 + 1, 1, tzinfo=UTC).timestamp() - at
