"""Which analysts there are, and how far they are behind: for people."""

from typing import Any

import msgspec

from proxy.stores.analyst_memory import RedisMemory
from proxy.stores.connect import Connection
from proxy.stores.leases import OWNERSHIPS, owner_key, signs
from proxy.stores.observations import RedisObservations

PATIENCE = 2.0


class Analysts:
    """Everything raises `StoreError`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def all(self) -> list[dict[str, Any]]:
        """Each that lives, and what it says of itself."""
        found = await signs(self._connection)
        return [{"id": name, **msgspec.json.decode(says)} for name, says in sorted(found.items())]

    async def partitions(self) -> list[dict[str, Any]]:
        """Each that was ever owned: its owner, "" for none, and by how many seconds its checkpoint is behind its newest observation."""
        known: list[str] = await self._connection.run(lambda client: client.hkeys(OWNERSHIPS), PATIENCE, OWNERSHIPS)
        return [await self._partition(number) for number in sorted(map(int, known))]

    async def _partition(self, number: int) -> dict[str, Any]:
        key = owner_key(number)
        owner: str | None = await self._connection.run(lambda client: client.get(key), PATIENCE, key)
        newest = _seconds(await RedisObservations(self._connection, number).last())
        behind = newest - _seconds(await RedisMemory(self._connection, number, 0).mark())
        return {"partition": number, "owner": owner or "", "lag": round(max(0.0, behind), 3)}


def _seconds(mark: str) -> float:
    return int(mark.partition("-")[0]) / 1000
