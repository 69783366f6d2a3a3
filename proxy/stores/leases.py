"""Who owns which partition of the stream, and which analysts there are.

  sg:{analyst}:owner:<partition>   string  the owner's name; ends by itself unless it is renewed
  sg:{analyst}:ownerships          hash    partition -> how often it was taken: the number of the last ownership
  sg:{analyst}:seen, …:says        zset, hash   the analysts that live, as of gateways (`stores/registry.py`)

Rule 1: an ownership has a number, higher than all before it. A checkpoint is written under the newest only.
Rule 2: an analyst that was started again under its name need not wait for its own lease to end.
"""

from collections.abc import Mapping

import msgspec

from proxy.stores.connect import Connection
from proxy.stores.scripts import Call, run

OWNERSHIPS = "sg:{analyst}:ownerships"
SEEN = "sg:{analyst}:seen"
SAYS = "sg:{analyst}:says"

LEASE = 6.0
"""Seconds that an ownership outlives its owner."""

GONE = 6.0
"""Seconds without a sign of life until an analyst is forgotten."""

PATIENCE = 2.0

ACQUIRE = """
local owner = redis.call('GET', KEYS[1])
if owner and owner ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return redis.call('HINCRBY', KEYS[2], ARGV[3], 1)
"""
RENEW = """
local owner = redis.call('GET', KEYS[1])
if (owner and owner ~= ARGV[1]) or redis.call('HGET', KEYS[2], ARGV[3]) ~= ARGV[4] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""
RELEASE = """
if redis.call('HGET', KEYS[2], ARGV[3]) == ARGV[4] then redis.call('DEL', KEYS[1]) end
return 0
"""


def owner_key(partition: int) -> str:
    return f"sg:{{analyst}}:owner:{partition}"


class RedisLeases:
    """The `Leases` port. Everything raises `StoreError`."""

    def __init__(self, connection: Connection, name: str, lease: float = LEASE) -> None:
        self._connection = connection
        self._name = name
        self._lease = max(1, round(lease * 1000))

    async def sign(self, says: Mapping[str, object]) -> int:
        found = await signs(self._connection, self._name, msgspec.json.encode(says).decode())
        await self._connection.follow()
        return len(found)

    async def leave(self) -> None:
        """At once forgotten."""
        await self._connection.together(
            [lambda client: client.zrem(SEEN, self._name), lambda client: client.hdel(SAYS, self._name)], PATIENCE
        )

    async def acquire(self, partition: int) -> int:
        return await self._do(ACQUIRE, partition)

    async def renew(self, partition: int, ownership: int) -> bool:
        """Also one whose lease has ended, as long as nobody has taken it."""
        return bool(await self._do(RENEW, partition, ownership))

    async def release(self, partition: int, ownership: int) -> None:
        await self._do(RELEASE, partition, ownership)

    async def _do(self, script: str, partition: int, ownership: int = 0) -> int:
        key, args = owner_key(partition), (self._name, self._lease, str(partition), str(ownership))
        found: int = await self._connection.run(lambda client: client.eval(script, 2, key, OWNERSHIPS, *args), PATIENCE, key)
        return found


async def signs(connection: Connection, *sign: str) -> dict[str, str]:
    """Each analyst that lives and what it says of itself, after one more sign of life (a name, what it says) where one is given."""
    answer: list[str] = await run(connection, Call("sign", (SEEN, SAYS), ("", "", GONE, *sign)), PATIENCE)
    return dict(zip(answer[::2], answer[1::2], strict=True))
