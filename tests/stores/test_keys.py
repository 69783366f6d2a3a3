"""Key records and their changes in a real store, the operations behind `stillgate keys`, and the workers' register."""

import asyncio
from dataclasses import replace

import pytest

from proxy.app.keys import Keys, now
from proxy.core.keys import KeyRecord
from proxy.errors import ConfigError, StoreError
from proxy.identity.keys import digest_of
from proxy.stores import keys as keys_room
from proxy.stores.connect import Connection
from proxy.stores.keys import RedisKeys
from proxy.stores.registry import GONE, SAYS, SEEN, Registry
from tests.support.servers import Server


def record(number: int) -> KeyRecord:
    return KeyRecord(
        f"key_{number}", f"{number:064x}", f"account-{number}", "acme", "free", "a note", issued=1.5, expires=9e9, payment="visa"
    )


@pytest.fixture
def table(connection: Connection) -> RedisKeys:
    return RedisKeys(connection)


async def test_what_was_put_is_found(table: RedisKeys) -> None:
    await table.put(record(1))
    assert await table.find(record(1).digest) == record(1)
    assert await table.by_id("key_1") == record(1)
    assert await table.find("f" * 64) is None
    assert await table.by_id("key_2") is None


async def test_all_of_many(table: RedisKeys, connection: Connection) -> None:
    wanted = {f"key_{n}": record(n) for n in range(1500)}
    await connection.client.mset({f"sg:key:{each.digest}": keys_room._text(each) for each in wanted.values()})
    await connection.client.hset("sg:keyids", mapping={each.id: each.digest for each in wanted.values()})
    await connection.client.delete(f"sg:key:{record(7).digest}")
    trips = connection.trips
    assert {each.id: each async for each in table.all()} == {name: each for name, each in wanted.items() if name != "key_7"}
    assert connection.trips - trips <= 3


async def test_changes_since_a_mark(table: RedisKeys) -> None:
    mark, changed = await table.changes("")
    assert changed == ()
    await table.put(record(1))
    mark, changed = await table.changes(mark)
    assert changed == (record(1).digest,), "the first ever, and nothing was trimmed"
    assert await table.changes(mark) == (mark, ())
    for number in (2, 3, 1):
        await table.put(record(number))
    newer, changed = await table.changes(mark)
    assert changed == (record(2).digest, record(3).digest, record(1).digest)
    assert await table.changes(newer) == (newer, ())
    assert await table.changes("") == (newer, ())


async def test_many_changes_come_in_portions(table: RedisKeys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys_room, "MOST_AT_ONCE", 2)
    await table.put(record(0))
    mark, _ = await table.changes("")
    for number in range(1, 6):
        await table.put(record(number))
    seen: list[str] = []
    while (found := await table.changes(mark))[1]:
        mark = found[0]
        seen += found[1] or ()
    assert seen == [record(number).digest for number in range(1, 6)]


async def test_a_history_too_short_or_gone_is_told(table: RedisKeys, store_server: Server) -> None:
    await table.put(record(1))
    mark, _ = await table.changes("")
    for number in (2, 3):
        await table.put(record(number))
    store_server.ask("XTRIM", keys_room.CHANGES, "MAXLEN", "1")
    newer, changed = await table.changes(mark)
    assert changed is None
    store_server.ask("FLUSHALL")
    wiped, changed = await table.changes(newer)
    assert changed is None
    assert await table.changes(wiped) == (wiped, ())
    await table.put(record(4))
    assert (await table.changes(newer))[1] is None


async def test_the_history_is_bounded(table: RedisKeys, connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys_room, "KEPT", 100)
    for start in range(0, 600, 60):
        await asyncio.gather(*(table.put(record(start + n)) for n in range(60)))
    assert await connection.client.xlen(keys_room.CHANGES) <= 300  # trimmed in whole nodes
    assert (await table.changes(keys_room.NEVER))[1] is None, "some may be gone"


async def test_two_who_change_a_record_at_once_do_not_undo_each_other(table: RedisKeys) -> None:
    await table.put(record(1))
    await asyncio.gather(
        *(table.change("key_1", lambda old: replace(old, name=old.name + "+")) for _ in range(20)),
        table.change("key_1", lambda old: replace(old, revoked=True)),
    )
    found = await table.by_id("key_1")
    assert found is not None
    assert found.revoked
    assert found.name == "a note" + 20 * "+"
    assert await table.change("key_2", lambda old: old) is None


async def test_a_record_of_another_version_can_be_changed(table: RedisKeys, connection: Connection) -> None:
    await table.put(record(1))
    text = keys_room._text(record(1)).replace("{", '{ "added_later": 1, ', 1)
    await connection.client.set(f"sg:key:{record(1).digest}", text)
    assert await table.find(record(1).digest) == record(1)
    assert await table.change("key_1", lambda old: replace(old, revoked=True)) == replace(record(1), revoked=True)


async def test_a_record_that_cannot_be_read_is_a_store_error(table: RedisKeys, connection: Connection) -> None:
    await table.put(record(1))
    await connection.client.set(f"sg:key:{record(1).digest}", "{")
    with pytest.raises(StoreError):
        await table.find(record(1).digest)


async def test_a_rotation_does_not_outlive_the_end_date(table: RedisKeys) -> None:
    keys, ends = Keys(table), now() + 60
    _, made = await keys.create(KeyRecord("", "", "anna", expires=ends))
    _, renewed = await keys.rotate(made.id, 3600)
    old = await table.by_id(made.id)
    assert old is not None
    assert (old.expires, renewed.expires, renewed.replaced_by) == (ends, ends, "")


async def test_a_keys_life(table: RedisKeys) -> None:
    keys = Keys(table)
    key, made = await keys.create(KeyRecord("", "", "anna", tier="team"))
    assert await table.find(digest_of(key)) == made
    assert made.holder().organization == "anna"
    newer, renewed = await keys.rotate(made.id, 3600)
    old = await table.by_id(made.id)
    assert old is not None
    assert old.valid(now() + 3500)
    assert not old.valid(now() + 3700)
    assert old.replaced_by == renewed.id
    assert newer != key
    assert (renewed.account, renewed.tier, renewed.expires) == ("anna", "team", None)
    _, third = await keys.rotate(renewed.id, 0)
    with pytest.raises(ConfigError, match=f"its heir is {third.id}"):
        await keys.rotate(renewed.id, 60)
    await keys.revoke(third.id)
    with pytest.raises(ConfigError, match="no longer valid"):
        await keys.rotate(third.id, 60)
    assert (await keys.revoke(made.id)).revoked
    assert len(await keys.list()) == 3
    for work in (keys.revoke("key_no"), keys.rotate("key_no", 1)):
        with pytest.raises(ConfigError, match="no key key_no"):
            await work
    for name in ("", "a{b", "x" * 201, "a\nb"):
        with pytest.raises(ConfigError, match="cannot name an account"):
            await keys.create(KeyRecord("", "", name))


async def test_workers_sign_and_leave_and_are_forgotten(connection: Connection) -> None:
    registry = Registry(connection)
    assert await registry.sign("b", {"policy": "p1"}, 1000.0) == ["b"]
    assert await registry.sign("a", {"policy": "p2"}, 1001.0) == ["a", "b"]
    assert await registry.workers(1002.0) == [{"id": "a", "policy": "p2"}, {"id": "b", "policy": "p1"}]
    assert await registry.sign("a", {"policy": "p3"}, 1000.0 + GONE + 0.5) == ["a"]
    assert await registry.workers(1011.0) == [{"id": "a", "policy": "p3"}]
    assert await connection.client.hkeys(SAYS) == ["a"]
    await registry.leave("a")
    assert await registry.workers(1011.0) == []
    assert await connection.client.exists(SEEN, SAYS) == 0


async def test_gateways_count_each_other_by_the_servers_clock(connection: Connection) -> None:
    registry = Registry(connection)
    await registry.sign("a", {"policy": "p1"})
    seconds, _ = await connection.client.time()
    assert GONE - 5 < await connection.client.zscore(SEEN, "a") - seconds < GONE + 1
    assert await registry.sign("b", {"policy": "p1"}) == ["a", "b"]
    assert [each["id"] for each in await registry.workers()] == ["a", "b"]


@pytest.mark.parametrize("breaking", [("CONFIG", "SET", "maxmemory", "1"), ("REPLICAOF", "127.0.0.1", "1")])
async def test_a_store_that_refuses_is_a_store_error(own_server: Server, breaking: tuple[str, ...]) -> None:
    """It must not end the worker, whose beat signs."""
    connection = Connection(own_server.url, 1.0)
    own_server.ask(*breaking)
    registry, table = Registry(connection), RedisKeys(connection)
    for work in (registry.sign("a", {}, 1000.0), table.put(record(1))):
        with pytest.raises(StoreError):
            await work
    own_server.kill()
    for each in (registry.sign("a", {}, 1000.0), registry.leave("a"), registry.workers(1.0), table.find("x"), table.changes("")):
        with pytest.raises(StoreError):
            await each
    await connection.close()
