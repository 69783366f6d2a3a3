"""Who serves on a store: each worker signs in again every few seconds, and is forgotten when it stops."""

from collections.abc import Mapping
from typing import Any

import msgspec

from proxy.stores.connect import Connection

SEEN = "sg:gateways"
SAYS = "sg:gatewayinfo"
GONE = 10.0
"""Seconds without a sign of life until a worker is forgotten."""

PATIENCE = 2.0


class Registry:
    """Workers on one store. Every method raises `StoreError`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def sign(self, worker: str, says: Mapping[str, Any], at: float) -> int:
        """One more sign of life; how many workers live."""
        text = msgspec.json.encode(says).decode()
        stale = await self._connection.run(lambda client: client.zrangebyscore(SEEN, "-inf", at), PATIENCE)
        calls = [
            lambda client: client.zadd(SEEN, {worker: at + GONE}),
            lambda client: client.hset(SAYS, worker, text),
            lambda client: client.zcard(SEEN),
        ]
        if stale:
            calls[:0] = [lambda client: client.zrem(SEEN, *stale), lambda client: client.hdel(SAYS, *stale)]
        return int((await self._connection.together(calls, PATIENCE))[-1])

    async def leave(self, worker: str) -> None:
        await self._connection.together([lambda client: client.zrem(SEEN, worker), lambda client: client.hdel(SAYS, worker)], PATIENCE)

    async def workers(self, at: float) -> list[dict[str, Any]]:
        """Each live worker and what it says of itself."""
        names = await self._connection.run(lambda client: client.zrangebyscore(SEEN, at, "+inf"), PATIENCE)
        says = await self._connection.run(lambda client: client.hgetall(SAYS), PATIENCE)
        return [{"id": name, **msgspec.json.decode(says[name])} for name in sorted(names) if name in says]
