"""Key records as this gateway knows them: the key table behind a bounded cache that follows its changes.

Rule 1: a change is known here about a second after it was announced, through `catch_up`; at the latest after `FRESH` seconds.
Rule 2: while the store is lost a known record serves on, up to `STALE` seconds; a key never seen here cannot be judged.
So a record in use that changed is asked for again at once: a new key's own announcement must not make it a stranger.
Rule 3: unknown digests are remembered apart, so that trying many keys pushes no real one out.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

from proxy.core.keys import KeyRecord
from proxy.errors import StoreError
from proxy.gateway.ports import KeyTable
from proxy.identity.flights import Flights

FRESH = 60.0
"""Seconds that a record is used without asking."""

STALE = 3600.0
"""Seconds that a record is used while the store does not answer."""

UNKNOWN = 5.0
"""Seconds that a digest is held for unknown."""

ROOM = 10_000
"""Most entries of either kind."""

V = TypeVar("V")


class Recent(Generic[V]):
    """The `room` entries used last, each with the time it was put."""

    def __init__(self, room: int) -> None:
        self._room = room
        self._entries: OrderedDict[str, tuple[V, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, name: str) -> tuple[V, float] | None:
        if (entry := self._entries.get(name)) is not None:
            self._entries.move_to_end(name)
        return entry

    def put(self, name: str, value: V, at: float) -> None:
        self._entries[name] = (value, at)
        self._entries.move_to_end(name)
        if len(self._entries) > self._room:
            self._entries.popitem(last=False)

    def drop(self, name: str) -> bool:
        """Was it there?"""
        return self._entries.pop(name, None) is not None

    def clear(self) -> None:
        self._entries.clear()


class Records:
    """Finds key records, mostly from memory."""

    def __init__(self, table: KeyTable, clock: Callable[[], float], room: int = ROOM) -> None:
        self._table = table
        self._clock = clock
        self._known: Recent[KeyRecord] = Recent(room)
        self._unknown: Recent[None] = Recent(room)
        self._flights: Flights[KeyRecord | None] = Flights()
        self._dropped = 0

    async def find(self, digest: str) -> KeyRecord | None:
        """The record of that digest. Raises `StoreError` where neither the store nor the cache can tell."""
        now = self._clock()
        known, unknown = self._known.get(digest), self._unknown.get(digest)
        if known is not None and now - known[1] < FRESH:
            return known[0]
        if unknown is not None and now - unknown[1] < UNKNOWN:
            return None
        try:
            return await self._flights.fly(digest, lambda: self._ask(digest))
        except StoreError:
            known = self._known.get(digest)  # once more: a change may have dropped it meanwhile
            if known is not None and now - known[1] < STALE:
                return known[0]
            raise

    async def _ask(self, digest: str) -> KeyRecord | None:
        asked_at, dropped = self._clock(), self._dropped
        record = await self._table.find(digest)
        if dropped != self._dropped:
            return record  # something changed meanwhile, perhaps this: do not remember what may be old already
        if record is None:
            self._known.drop(digest)
            self._unknown.put(digest, None, asked_at)
        else:
            self._unknown.drop(digest)
            self._known.put(digest, record, asked_at)
        return record

    async def catch_up(self, mark: str) -> str:
        """Learns anew what changed since `mark`, forgets everything where that cannot be told; the new mark. Raises `StoreError`."""
        following, digests = await self._table.changes(mark)
        if digests is None or not mark:
            self._known.clear()
            self._unknown.clear()
            self._dropped += 1
            return following
        for digest in self._forget(digests):
            await self._ask(digest)
        return following

    def _forget(self, digests: Iterable[str]) -> list[str]:
        """Those whose records were in use."""
        used = []
        for digest in digests:
            self._dropped += 1
            self._unknown.drop(digest)
            if self._known.drop(digest):
                used.append(digest)
        return used
