"""Who serves on a store: each worker signs in again every few seconds, and is forgotten when it stops.

Times are the server's: gateways whose clocks differ count each other all the same.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from proxy.stores.connect import Connection
from proxy.stores.scripts import Call, run

SEEN = "sg:{gateways}:seen"
SAYS = "sg:{gateways}:says"
GONE = 10.0
"""Seconds without a sign of life until a worker is forgotten."""

PATIENCE = 2.0


class Registry:
    """Workers on one store. Every method raises `StoreError`; `at` is the server's own time unless given (epoch seconds)."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def sign(self, worker: str, says: Mapping[str, Any], at: float | None = None) -> list[str]:
        """One more sign of life; the names of all workers that live, in order."""
        return sorted(await self._ask(at, worker, msgspec.json.encode(says).decode()))

    async def leave(self, worker: str) -> None:
        await self._connection.together([lambda client: client.zrem(SEEN, worker), lambda client: client.hdel(SAYS, worker)], PATIENCE)

    async def workers(self, at: float | None = None) -> list[dict[str, Any]]:
        """Each live worker and what it says of itself."""
        return [{"id": name, **msgspec.json.decode(says)} for name, says in sorted((await self._ask(at)).items())]

    async def _ask(self, at: float | None, *sign: str) -> dict[str, str]:
        call = Call("sign", (SEEN, SAYS), ("" if at is None else repr(at), "", GONE, *sign))
        answer: list[str] = await run(self._connection, call, PATIENCE)
        return dict(zip(answer[::2], answer[1::2], strict=True))
