"""The masters of a cluster: one that is lost must not cost those who need another.

Each call that fails on a dead master makes redis-py learn the whole cluster anew and reconnect everywhere. So after a failure
its master is left alone for a moment, and who needs it is told at once.
"""

import asyncio
from typing import Any

from redis.asyncio import RedisCluster
from redis.exceptions import ConnectionError as LostError
from redis.exceptions import RedisClusterException

PAUSE = 0.5
"""Seconds that a master is left alone after it failed."""


class Masters:
    """What is known of them."""

    def __init__(self, client: RedisCluster) -> None:
        self._client: Any = client
        self._resting: dict[str, float] = {}

    async def ready(self, key: str) -> None:
        """Raises where the master of `key` failed a moment ago. A client that knows nothing yet would ask any node."""
        await self._client.initialize()
        if self._resting and self._resting.get(self._name(key), 0.0) > asyncio.get_running_loop().time():
            raise LostError("it failed a moment ago")

    def failed(self, key: str, error: BaseException) -> None:
        if name := self._name(key) if isinstance(error, LostError | TimeoutError) else "":
            now = asyncio.get_running_loop().time()
            self._resting = {each: until for each, until in self._resting.items() if until > now}
            self._resting.setdefault(name, now + PAUSE)

    def _name(self, key: str) -> str:
        try:
            node = self._client.get_node_from_key(key) if key else None
        except RedisClusterException:
            return ""
        return node.name if node is not None else ""
