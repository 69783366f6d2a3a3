"""How often accounts were verified, and what else came of attempts: the supervisor's own metric, for its pages serve all workers.

Rule: labels are words of the code only: the names of ways, and what may come of an attempt. Nothing of whoever tried is in them.
"""

from collections import Counter

NAME = "stillgate_verifications_total"


class Tally:
    """Counts attempts by way and result."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()

    def __call__(self, way: str, result: str) -> None:
        self._counts[way, result] += 1

    def text(self) -> bytes:
        """In Prometheus's text format."""
        lines = [f"# HELP {NAME} Attempts to verify an account, by way and result.", f"# TYPE {NAME} counter"]
        lines += [f'{NAME}{{way="{way}",result="{result}"}} {count}' for (way, result), count in sorted(self._counts.items())]
        return "\n".join([*lines, ""]).encode()
