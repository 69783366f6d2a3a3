"""What the analyst has learned of one partition, as of its last checkpoint.

  sg:{analyst}:head:<partition>      hash  number, mark, words, policy, rest
  sg:{analyst}:profiles:<partition>  hash  account -> its profile, packed
  sg:{analyst}:places:<partition>    hash  account -> its `Place`, as JSON

Rule 1: a checkpoint is written by one script: all of it, and the trimming of the stream, or nothing.
Rule 2: it is written by the newest owner only, and upon the checkpoint that it was made from; so what a failover has taken back is
        noticed. Checkpoints are numbered for that.
Rule 3: the same checkpoint once more changes nothing: whoever heard no answer sends it again.
"""

from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import msgspec

from proxy.analyst.ports import TakenError
from proxy.analyst.records import START, Checkpoint, Place
from proxy.stores.connect import Connection
from proxy.stores.leases import OWNERSHIPS
from proxy.stores.observations import stream

PATIENCE = 30.0
"""Deadline of a trip, seconds: a checkpoint of many accounts is megabytes."""

MOST_AT_ONCE = 500
"""Profiles read in one trip, two kilobytes each."""

MOVED = -1

SAVE = """
local ownerships, head, profiles, places, stream = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local partition, ownership, number, keep, sets = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4], tonumber(ARGV[5])
if redis.call('HGET', ownerships, partition) ~= ownership then return -1 end
local before = tonumber(redis.call('HGET', head, 'number') or '0')
if before == number then return redis.call('HLEN', profiles) end
if before ~= number - 1 then return -1 end
local at = 6
local function take(count, most, into, command)
  while count > 0 do
    local some = math.min(count, most)
    redis.call(command, into, unpack(ARGV, at, at + some - 1))
    at, count = at + some, count - some
  end
end
for _, key in ipairs({profiles, places}) do
  local set, gone = tonumber(ARGV[at]), tonumber(ARGV[at + 1])
  at = at + 2
  take(set * 2, 2000, key, 'HSET')
  take(gone, 2000, key, 'HDEL')
end
take(sets * 2, 2000, head, 'HSET')
redis.call('XTRIM', stream, 'MINID', keep)
return redis.call('HLEN', profiles)
"""

_place = msgspec.json.Decoder(Place)


class RedisMemory:
    """The `Memory` port for one ownership. Everything raises `StoreError`."""

    def __init__(self, connection: Connection, partition: int, ownership: int) -> None:
        self._connection = connection
        self._partition = partition
        self._ownership = ownership
        self._number = 0
        names = ("head", "profiles", "places")
        self._head, self._profiles, self._places = (f"sg:{{analyst}}:{name}:{partition}" for name in names)

    async def load(self) -> Checkpoint:
        found = {name.decode(): value async for name, value in self._fields(self._head)}
        self._number = int(found.get("number", 0))
        profiles = {name.decode(): value async for name, value in self._fields(self._profiles)}
        places = {name.decode(): place async for name, value in self._fields(self._places) if (place := _read(value)) is not None}
        mark, words, policy = (found.get(name, b"").decode() for name in ("mark", "words", "policy"))
        return Checkpoint(mark or START, int(words or 0), found.get("rest", b""), profiles, places, policy)

    async def mark(self) -> str:
        """The last observation that is in the last checkpoint."""
        found: str | None = await self._connection.run(lambda client: client.hget(self._head, "mark"), PATIENCE, self._head)
        return found or START

    async def save(self, checkpoint: Checkpoint) -> int:
        number = self._number + 1
        head = {"number": number, "mark": checkpoint.mark, "words": checkpoint.words, "policy": checkpoint.policy, "rest": checkpoint.rest}
        places = {name: None if place is None else msgspec.json.encode(place) for name, place in checkpoint.places.items()}
        args = (
            self._partition, self._ownership, number, checkpoint.keep, len(head),
            *_changes(checkpoint.profiles), *_changes(places), *(part for field in head.items() for part in field),
        )  # fmt: skip
        keys = (OWNERSHIPS, self._head, self._profiles, self._places, stream(self._partition))
        kept: int = await self._connection.run(lambda client: client.eval(SAVE, len(keys), *keys, *args), PATIENCE, self._head)
        if kept == MOVED:
            raise TakenError(
                "another analyst is its owner now, or the store lost what was written; it is learned from the last checkpoint on"
            )
        self._number = number
        return kept

    async def _fields(self, key: str) -> AsyncIterator[tuple[bytes, bytes]]:
        """A hash, a part at a time; nobody else writes it meanwhile. A scan may show a field twice."""
        cursor: Any = 0
        while True:
            words = (key, cursor, "COUNT", MOST_AT_ONCE)
            cursor, found = await self._connection.run(partial(_scan, words), PATIENCE, key)
            for name, value in found.items():
                yield name, value
            if not int(cursor):
                return


def _scan(words: tuple[object, ...], client: Any) -> Any:
    """Profiles are no text: they come as they are."""
    return client.execute_command("HSCAN", *words, NEVER_DECODE=True)


def _changes(fields: Any) -> list[Any]:
    """How many are set, how many are gone; those that are set, each with its value; those that are gone."""
    kept = [part for name, value in fields.items() if value is not None for part in (name, value)]
    gone = [name for name, value in fields.items() if value is None]
    return [len(kept) // 2, len(gone), *kept, *gone]


def _read(value: bytes) -> Place | None:
    try:
        return _place.decode(value)
    except msgspec.DecodeError:
        return None
