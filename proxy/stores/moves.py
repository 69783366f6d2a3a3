"""Many standings changed in few trips: when a campaign is found, thousands move at once.

Rule: as in `stores/standings.py`, a change replaces exactly what it was made from; who was slower tries again.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from proxy.analyst.records import Change
from proxy.core.ladder import Standing
from proxy.stores.connect import Connection
from proxy.stores.standings import UNLESS_CHANGED

MOST_AT_ONCE = 500
"""Standings in one trip."""

PATIENCE = 5.0
"""Deadline of a trip, seconds."""


class RedisMoves:
    """The analyst's `Standings` port. Raises `StoreError`; the same changes again come to the same."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def change(self, changes: Sequence[Change], how: Callable[[Standing, Change], Standing]) -> Mapping[str, Standing]:
        found: dict[str, Standing] = {}
        left = list(changes)
        while left:
            some, left = left[:MOST_AT_ONCE], left[MOST_AT_ONCE:]
            left += await self._once(some, how, found)
        return found

    async def _once(
        self, changes: Sequence[Change], how: Callable[[Standing, Change], Standing], found: dict[str, Standing]
    ) -> list[Change]:
        """Those that somebody else has changed meanwhile."""
        names = [_name(change) for change in changes]
        old = [text or "" for text in await self._connection.together([partial(_get, name) for name in names], PATIENCE)]
        new = [how(Standing.parse(text), change) for text, change in zip(old, changes, strict=True)]
        found |= {change.account: standing for change, standing in zip(changes, new, strict=True)}
        made = [
            (name, was, text, change)
            for name, was, change in zip(names, old, changes, strict=True)
            if (text := found[change.account].text()) != was
        ]
        if not made:
            return []
        done = await self._connection.together([partial(_swap, name, was, text) for name, was, text, _ in made], PATIENCE)
        return [change for (*_, change), swapped in zip(made, done, strict=True) if not swapped]


def _name(change: Change) -> str:
    return f"sg:{{{change.organization}}}:s:{change.account}"


def _get(name: str, client: Any) -> Any:
    return client.get(name)


def _swap(name: str, old: str, new: str, client: Any) -> Any:
    return client.eval(UNLESS_CHANGED, 1, name, old, new)
