"""API keys in the store: `sg:key:<digest>` holds a record, `sg:keyids` finds it by id, `sg:keychanges` tells every gateway."""

from collections.abc import AsyncIterator

import msgspec

from proxy.core.keys import KeyRecord
from proxy.errors import StoreError
from proxy.stores.connect import Connection

CHANGES = "sg:keychanges"
IDS = "sg:keyids"
KEPT = 10_000
"""Changes remembered; a gateway that was away for longer forgets all it had cached."""

MOST_AT_ONCE = 1000
PATIENCE = 2.0

_decoder = msgspec.json.Decoder(KeyRecord)


class RedisKeys:
    """The `KeyTable` port."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def find(self, digest: str) -> KeyRecord | None:
        return _record(await self._connection.run(lambda client: client.get(f"sg:key:{digest}")))

    async def by_id(self, key_id: str) -> KeyRecord | None:
        """For the command line. Raises `StoreError`."""
        digest = await self._connection.run(lambda client: client.hget(IDS, key_id), PATIENCE)
        return await self.find(digest) if digest else None

    async def put(self, record: KeyRecord) -> None:
        text = msgspec.json.encode(record).decode()
        run = self._connection.run
        await run(lambda client: client.set(f"sg:key:{record.digest}", text), PATIENCE)
        await run(lambda client: client.hset(IDS, record.id, record.digest), PATIENCE)
        await run(lambda client: client.xadd(CHANGES, {"digest": record.digest}, maxlen=KEPT), PATIENCE)

    async def all(self) -> AsyncIterator[KeyRecord]:
        ids = await self._connection.run(lambda client: client.hgetall(IDS), PATIENCE)
        for digest in ids.values():
            if (record := await self.find(digest)) is not None:
                yield record

    async def changes(self, since: str) -> tuple[str, tuple[str, ...] | None]:
        run = self._connection.run
        last = await run(lambda client: client.xrevrange(CHANGES, count=1), PATIENCE)
        mark = last[0][0] if last else "0-0"
        if since in {"", mark}:
            return mark, ()
        first = await run(lambda client: client.xrange(CHANGES, count=1), PATIENCE)
        lost = bool(first) and _order(first[0][0]) > _order(since) and since != "0-0"
        if lost or _order(mark) < _order(since):
            return mark, None
        found = await run(lambda client: client.xrange(CHANGES, min=f"({since}", count=MOST_AT_ONCE), PATIENCE)
        return found[-1][0] if found else mark, tuple(fields["digest"] for _, fields in found)


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
