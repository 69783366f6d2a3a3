"""A key table in memory, a clock that is set by hand, and arrivals: what the tests of identity work with."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from proxy.core.keys import KeyRecord
from proxy.errors import StoreError
from proxy.gateway.ports import Arrival
from proxy.identity import Identities

AT = 1_800_000_000.0


def arrival(*headers: tuple[str, str], query: str = "", peer: str = "203.0.113.9", at: float = AT) -> Arrival:
    return Arrival(at, "sg_1", "POST", "/v1/chat/completions", query, headers, peer)


class Clock:
    """Moves only when told."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class MemoryKeys:
    """A key table that counts questions, can be lost, and can be made to wait (`gate`)."""

    def __init__(self, *records: KeyRecord) -> None:
        self.records = {record.digest: record for record in records}
        self.log: list[str] = []
        self.forgotten = 0
        self.asked: list[str] = []
        self.lost = False
        self.gate = asyncio.Event()
        self.gate.set()

    async def find(self, digest: str) -> KeyRecord | None:
        self.asked.append(digest)
        record = self.records.get(digest)
        await self.gate.wait()
        self._answer()
        return record

    async def put(self, record: KeyRecord) -> None:
        self._answer()
        self.records[record.digest] = record
        self.log.append(record.digest)

    async def all(self) -> AsyncIterator[KeyRecord]:
        for record in self.records.values():
            yield record

    async def changes(self, since: str) -> tuple[str, tuple[str, ...] | None]:
        self._answer()
        mark = str(len(self.log))
        if not since:
            return mark, ()
        return mark, tuple(self.log[int(since) :]) if int(since) >= self.forgotten else None

    def _answer(self) -> None:
        if self.lost:
            raise StoreError("lost")


async def no_fetch(url: str) -> bytes:
    raise AssertionError(f"nothing is fetched here, {url} was")


def identities(keys: MemoryKeys | None = None, **parts: Any) -> Identities:
    whole: dict[str, Any] = {"keys": keys or MemoryKeys(), "fetch": no_fetch, "secret": b"a secret", "clock": Clock()}
    return Identities(**(whole | parts))
