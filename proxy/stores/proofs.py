"""What verification must remember: messages that were taken, and whom each identity has vouched for.

Both forget by themselves. An identity is known here by a keyed hash only.
"""

from functools import partial
from typing import Any

from proxy.stores.connect import Connection

PATIENCE = 2.0

VOUCH = """
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[2])
if not redis.call('ZSCORE', KEYS[1], ARGV[1]) and redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[4]) then return 0 end
redis.call('ZADD', KEYS[1], ARGV[3], ARGV[1])
redis.call('EXPIRE', KEYS[1], ARGV[5])
return 1
"""


class RedisProofs:
    """The `Proofs` port of verification. Everything raises `StoreError`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def first(self, message: str, lasts: float) -> bool:
        """True once for each message, for `lasts` seconds."""
        name = f"sg:once:{message}"
        put = await self._connection.run(lambda client: client.set(name, "1", nx=True, ex=max(1, int(lasts))), PATIENCE, name)
        return bool(put)

    async def forget(self, message: str) -> None:
        """It may come again: what it asked for could not be done."""
        name = f"sg:once:{message}"
        await self._connection.run(lambda client: client.delete(name), PATIENCE, name)

    async def vouch(self, identity: str, account: str, most: int, at: float, lasts: float) -> bool:
        """Adds an account to those that an identity has vouched for in the last `lasts` seconds; False where that were too many."""
        name = f"sg:vouches:{identity}"
        return bool(await self._connection.run(partial(_vouch, name, account, (at - lasts, at, most, int(lasts) + 1)), PATIENCE, name))


def _vouch(name: str, account: str, numbers: tuple[float, ...], client: Any) -> Any:
    return client.eval(VOUCH, 1, name, account, *(repr(number) for number in numbers))
