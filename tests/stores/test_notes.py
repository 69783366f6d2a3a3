"""Notes in a real store: left by one gateway, brought along by another's reservation, and gone in the end."""

import asyncio
import logging

import pytest

from proxy.core.facts import Account
from proxy.core.quota import Denial, Grant
from proxy.stores.connect import Connection
from proxy.stores.notes import MOST_WAITING, RedisNotes, note_key
from proxy.stores.redis_store import RedisStore
from tests.support.claims import ANNA, BERT, claims
from tests.support.meters import until
from tests.support.servers import Server, cluster, servers


@pytest.fixture
def notes(connection: Connection) -> RedisNotes:
    return RedisNotes(connection)


async def test_a_note_comes_with_the_reservation_that_asks_for_it(notes: RedisNotes, connection: Connection) -> None:
    store = RedisStore(connection)
    await notes.remember(ANNA, {"p:anna:1": "4", "empty": ""}, 60.0)
    found = [
        await store.reserve(f"r{place}", ANNA, claims(ANNA, 1), name) for place, name in enumerate(("p:anna:1", "empty", "p:none", ""))
    ]
    assert [verdict.note for verdict in found] == ["4", "", None, None]
    refused = await store.reserve("big", ANNA, claims(ANNA, 10**9), "p:anna:1")
    assert isinstance(refused, Denial)
    assert refused.note == "4"
    again = await store.reserve("r0", ANNA, claims(ANNA, 1), "p:anna:1")
    assert (isinstance(again, Grant), again.note) == (True, "4")


async def test_a_note_is_one_organizations(notes: RedisNotes, connection: Connection) -> None:
    await notes.remember(ANNA, {"r:1": "0 a"}, 60.0)
    stranger = Account("stranger", "elsewhere", "free")
    assert (await RedisStore(connection).reserve("r", BERT, (), "r:1")).note == "0 a", "of the same organization"
    assert (await RedisStore(connection).reserve("s", stranger, (), "r:1")).note is None
    assert await notes.recall(stranger, ["r:1"]) == [None]
    assert await notes.recall(ANNA, ["r:1", "r:2"]) == ["0 a", None]


async def test_the_first_note_of_a_name_stands_and_has_its_end(notes: RedisNotes, connection: Connection) -> None:
    await notes.remember(ANNA, {"p": "0"}, 60.0)
    async with asyncio.TaskGroup() as group:
        loop = group.create_task(notes.work())
        notes.note(ANNA, "p", "4", 6000.0)
        notes.note(ANNA, "later", "4", 60.0)
        await until(lambda: notes.recall(ANNA, ["later"]), lambda found: found == ["4"])
        loop.cancel()
    assert await notes.recall(ANNA, ["p"]) == ["0"]
    assert 55 < await connection.client.ttl(note_key(ANNA.organization, "p")) <= 60
    await notes.remember(ANNA, {"short": "0"}, 0.001)
    await until(lambda: notes.recall(ANNA, ["short"]), lambda found: found == [None])


async def test_what_is_remembered_again_lasts_from_then(notes: RedisNotes, connection: Connection) -> None:
    """Hidden reasoning that the model made twice must be there as long as the second token that names it."""
    await notes.remember(ANNA, {"h": "x"}, 60.0)
    await notes.remember(ANNA, {"h": "x"}, 600.0)
    assert 595 < await connection.client.ttl(note_key(ANNA.organization, "h")) <= 600


async def test_notes_are_written_soon_and_many_in_one_trip(notes: RedisNotes, connection: Connection) -> None:
    async with asyncio.TaskGroup() as group:
        loop = group.create_task(notes.work())
        before = connection.trips
        for number in range(200):
            notes.note(ANNA, f"p:{number}", "0", 60.0)
        await until(lambda: connection.client.exists(note_key(ANNA.organization, "p:199")), bool)
        assert connection.trips - before == 1
        loop.cancel()


async def test_more_notes_than_can_wait_cost_no_memory(notes: RedisNotes) -> None:
    for number in range(MOST_WAITING + 5):
        notes.note(ANNA, f"p:{number}", "0", 60.0)
    assert len(notes._waiting) == MOST_WAITING


async def test_without_a_store_nothing_is_raised_and_nothing_known(caplog: pytest.LogCaptureFixture, own_server: Server) -> None:
    connection = Connection(own_server.url, 1.0)
    notes = RedisNotes(connection)
    own_server.kill()
    with caplog.at_level(logging.WARNING):
        await notes.remember(ANNA, {"p": "0"}, 60.0)
        assert await notes.recall(ANNA, ["p", "q"]) == [None, None]
    assert caplog.records == [], "the breaker says so, once"
    await connection.close()


async def test_in_a_cluster_notes_lie_beside_their_organizations_counts() -> None:
    accounts = [Account(name, name, "free") for name in ("one", "two", "three", "four")]
    with cluster(max(servers())) as found:
        connection = Connection(found.url, 5.0)
        notes, store = RedisNotes(connection), RedisStore(connection)
        for account in accounts:
            notes.note(account, "p", account.id, 60.0)
        async with asyncio.TaskGroup() as group:
            loop = group.create_task(notes.work())
            for account in accounts:
                await until(lambda account=account: notes.recall(account, ["p"]), lambda texts: texts != [None])
                assert (await store.reserve(f"r-{account.id}", account, claims(account, 1), "p")).note == account.id
            loop.cancel()
        await connection.close()
