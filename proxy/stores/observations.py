"""The stream of observations, from the reading side. Gateways append to it with their settlements (`stores/redis_store.py`).

  sg:{analyst}:obs:<partition>   stream of entries with one field, an observation as `learning.codec` writes it

Rule 1: nothing is taken out here. What a checkpoint holds is trimmed with it (`stores/analyst_memory.py`).
Rule 2: an entry's own id says when the store received it; what a gateway says of the time is believed within that.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

from proxy.analyst.records import START, Entry
from proxy.learning.codec import decode
from proxy.learning.observation import Observation
from proxy.stores.connect import Connection

PATIENCE = 5.0
"""Deadline of a trip beside what it waits for, seconds."""


def stream(partition: int) -> str:
    return f"sg:{{analyst}}:obs:{partition}"


class RedisObservations:
    """The `Observations` port. Everything raises `StoreError`."""

    def __init__(self, connection: Connection, partition: int) -> None:
        self._connection = connection
        self._stream = stream(partition)

    async def read(self, after: str, most: int, wait: float) -> Sequence[Entry]:
        words = ("COUNT", most, "BLOCK", max(1, round(wait * 1000)), "STREAMS", self._stream, after)
        found = await self._ask("XREAD", words, PATIENCE + wait)
        return [] if not found else [_entry(row) for row in _rows(found)]

    async def before(self, mark: str, most: int) -> Sequence[Entry]:
        if mark == START:
            return []
        found = await self._ask("XREVRANGE", (self._stream, mark, "-", "COUNT", most), PATIENCE)
        return [_entry(row) for row in reversed(found)]

    async def last(self) -> str:
        """The mark of the newest; `START` where there is none."""
        found = await self._ask("XREVRANGE", (self._stream, "+", "-", "COUNT", 1), PATIENCE)
        return found[0][0].decode() if found else START

    async def _ask(self, command: str, words: tuple[object, ...], deadline: float) -> Any:
        return await self._connection.run(partial(_raw, command, words), deadline, self._stream)


def _raw(command: str, words: tuple[object, ...], client: Any) -> Any:
    """Observations are no text: they come as they are."""
    return client.execute_command(command, *words, NEVER_DECODE=True)


def _rows(found: Any) -> Any:
    """Of the one stream that was asked for."""
    return found[0][1]


def _entry(row: tuple[bytes, dict[bytes, bytes] | None]) -> Entry:
    mark, fields = row
    return Entry(mark.decode(), _seen(next(iter((fields or {}).values()), b""), int(mark.partition(b"-")[0]) / 1000))


def _seen(data: bytes, received: float) -> Observation | None:
    try:
        return decode(data).received(received)
    except ValueError:
        return None
