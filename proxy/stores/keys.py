"""API keys in the store: `sg:key:<digest>` holds a record, `sg:keyids` finds it by id, `sg:keychanges` tells every gateway."""

from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any

import msgspec

from proxy.core.keys import KeyRecord
from proxy.errors import StoreError
from proxy.stores.connect import Connection

CHANGES = "sg:keychanges"
IDS = "sg:keyids"
KEPT = 10_000
"""Changes remembered; a gateway that was away for longer forgets all it had cached."""

NEVER = "0-0"
"""The mark of a history without changes."""

MOST_AT_ONCE = 1000
PATIENCE = 2.0

UNLESS_CHANGED = "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end redis.call('SET', KEYS[1], ARGV[2]) return 1"

_decoder = msgspec.json.Decoder(KeyRecord)


class RedisKeys:
    """The `KeyTable` port."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def find(self, digest: str) -> KeyRecord | None:
        return _record(await self._connection.run(partial(_get, digest)))

    async def by_id(self, key_id: str) -> KeyRecord | None:
        """For the command line. Raises `StoreError`."""
        digest = await self._connection.run(lambda client: client.hget(IDS, key_id), PATIENCE)
        return await self.find(digest) if digest else None

    async def put(self, record: KeyRecord) -> None:
        run = self._connection.run
        await run(lambda client: client.set(_name(record.digest), _text(record)), PATIENCE)
        await run(lambda client: client.hset(IDS, record.id, record.digest), PATIENCE)
        await self._announce(record)

    async def change(self, key_id: str, how: Callable[[KeyRecord], KeyRecord]) -> KeyRecord | None:
        """Replaces a record by `how(record)`: two who change it at once do not undo each other. None where there is no such key."""
        run = self._connection.run
        digest = await run(lambda client: client.hget(IDS, key_id), PATIENCE)
        while digest and (record := _record(old := await run(partial(_get, digest), PATIENCE))) is not None:
            new = how(record)
            if await run(partial(_swap, digest, old, _text(new)), PATIENCE):
                await self._announce(new)
                return new
        return None

    async def _announce(self, record: KeyRecord) -> None:
        await self._connection.run(lambda client: client.xadd(CHANGES, {"digest": record.digest}, maxlen=KEPT), PATIENCE)

    async def all(self) -> AsyncIterator[KeyRecord]:
        ids = await self._connection.run(lambda client: client.hgetall(IDS), PATIENCE)
        gets = [partial(_get, digest) for digest in ids.values()]
        for start in range(0, len(gets), MOST_AT_ONCE):
            for text in await self._connection.together(gets[start : start + MOST_AT_ONCE], PATIENCE):
                if (record := _record(text)) is not None:
                    yield record

    async def changes(self, since: str) -> tuple[str, tuple[str, ...] | None]:
        run = self._connection.run
        last = await run(lambda client: client.xrevrange(CHANGES, count=1), PATIENCE)
        mark = last[0][0] if last else NEVER
        if since in {"", mark}:
            return mark, ()
        if await self._lost(since) or _order(mark) < _order(since):
            return mark, None
        found = await run(lambda client: client.xrange(CHANGES, min=f"({since}", count=MOST_AT_ONCE), PATIENCE)
        return found[-1][0] if found else mark, tuple(fields["digest"] for _, fields in found)

    async def _lost(self, since: str) -> bool:
        """Were changes after `since` trimmed, or was the history begun anew?"""
        if since == NEVER:
            length: int = await self._connection.run(lambda client: client.xlen(CHANGES), PATIENCE)
            return length >= KEPT
        first = await self._connection.run(lambda client: client.xrange(CHANGES, count=1), PATIENCE)
        return bool(first) and _order(first[0][0]) > _order(since)


def _name(digest: str) -> str:
    return f"sg:key:{digest}"


def _get(digest: str, client: Any) -> Any:
    return client.get(_name(digest))


def _swap(digest: str, old: str, new: str, client: Any) -> Any:
    return client.eval(UNLESS_CHANGED, 1, _name(digest), old, new)


def _text(record: KeyRecord) -> str:
    return msgspec.json.encode(record).decode()


def _order(mark: str) -> tuple[int, int]:
    """Stream ids are two numbers; as text they do not sort."""
    milliseconds, _, nth = mark.partition("-")
    return int(milliseconds), int(nth or 0)


def _record(text: str | None) -> KeyRecord | None:
    if text is None:
        return None
    try:
        return _decoder.decode(text)
    except msgspec.MsgspecError:
        raise StoreError("a key record in the store cannot be read") from None
