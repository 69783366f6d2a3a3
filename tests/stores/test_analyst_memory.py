"""Checkpoints in a real store: whole or not at all, by the newest owner only, upon what they were made from; on a cluster too."""

from collections.abc import Iterator

import pytest

from proxy.analyst.ports import TakenError
from proxy.analyst.records import START, Checkpoint, Place
from proxy.core.ladder import Rung
from proxy.errors import StoreError
from proxy.stores.analyst_memory import RedisMemory
from proxy.stores.connect import Connection
from proxy.stores.leases import RedisLeases
from proxy.stores.observations import stream
from tests.support.servers import Cluster, Server, cluster, servers, wait_for

PLACE = Place(61, Rung.THROTTLED, 1.5, 2.5)
FIRST = Checkpoint("5-0", 3, b"\xff\x00rest", {"anna": b"\x80\xff", "bert": b"b"}, {"anna": PLACE, "bert": Place(1)}, "one", "2-0")


async def owned(connection: Connection, name: str = "one") -> RedisMemory:
    """A memory of its own ownership, loaded."""
    memory = RedisMemory(connection, 0, await RedisLeases(connection, name).acquire(0))
    await memory.load()
    return memory


async def test_what_was_saved_is_loaded(connection: Connection) -> None:
    memory = await owned(connection)
    assert await memory.load() == Checkpoint(mark=START)
    assert await memory.save(FIRST) == 2
    loaded = await RedisMemory(connection, 0, 9).load()
    assert (loaded.mark, loaded.words, loaded.rest, loaded.policy) == ("5-0", 3, b"\xff\x00rest", "one")
    assert (loaded.profiles, loaded.places) == (FIRST.profiles, FIRST.places)


async def test_only_what_has_changed_is_written_and_what_is_forgotten_goes(connection: Connection) -> None:
    memory = await owned(connection)
    await memory.save(FIRST)
    assert await memory.save(Checkpoint("6-0", 3, b"r", {"bert": None, "carl": b"c"}, {"anna": None, "carl": PLACE}, "one")) == 2
    loaded = await memory.load()
    assert loaded.profiles == {"anna": b"\x80\xff", "carl": b"c"}
    assert loaded.places == {"bert": Place(1), "carl": PLACE}
    assert await memory.save(Checkpoint("7-0")) == 2


async def test_thousands_at_once_and_as_many_forgotten(connection: Connection) -> None:
    memory = await owned(connection)
    many = {f"a{n}": b"\xfe" * 40 for n in range(9001)}
    assert await memory.save(Checkpoint("1-0", profiles=many, places=dict.fromkeys(many, PLACE))) == 9001
    assert len((await memory.load()).places) == 9001
    assert await memory.save(Checkpoint("2-0", profiles=dict.fromkeys(many), places=dict.fromkeys(many))) == 0
    assert await memory.load() == Checkpoint("2-0")


async def test_the_same_once_more_changes_nothing(connection: Connection) -> None:
    memory = await owned(connection)
    await memory.save(FIRST)
    memory._number = 0  # as where the answer was lost
    assert await memory.save(FIRST) == 2
    assert await memory.save(Checkpoint("6-0")) == 2


async def test_the_stream_is_trimmed_with_it_to_what_it_needs(connection: Connection) -> None:
    memory = await owned(connection)
    for number in range(1, 8):
        await connection.client.xadd(stream(0), {"o": "x"}, id=f"{number}-0")
    await memory.save(FIRST)
    assert [mark for mark, _ in await connection.client.xrange(stream(0))] == [f"{number}-0" for number in range(2, 8)]


async def test_an_owner_that_was_replaced_writes_nothing(connection: Connection) -> None:
    paused = await owned(connection)
    await paused.save(FIRST)
    successor = await owned(connection)
    with pytest.raises(TakenError):
        await paused.save(Checkpoint("9-0", profiles={"anna": b"wrong"}))
    assert await successor.load() == Checkpoint("5-0", 3, FIRST.rest, FIRST.profiles, FIRST.places, "one")
    await successor.save(Checkpoint("6-0"))


async def test_nothing_is_written_upon_what_a_failover_has_taken_back(connection: Connection) -> None:
    memory = await owned(connection)
    await memory.save(FIRST)
    before = await connection.client.hget("sg:{analyst}:head:0", "number")
    await memory.save(Checkpoint("6-0"))
    await connection.client.hset("sg:{analyst}:head:0", "number", before)
    with pytest.raises(TakenError):
        await memory.save(Checkpoint("7-0"))


async def test_a_place_that_cannot_be_read_is_not_there(connection: Connection) -> None:
    memory = await owned(connection)
    await memory.save(FIRST)
    await connection.client.hset("sg:{analyst}:places:0", "anna", "{torn")
    assert (await memory.load()).places == {"bert": Place(1)}


@pytest.fixture(scope="module", params=sorted(servers()))
def three(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    with cluster(request.param) as found:
        wait_for(found.whole)
        yield found


async def test_all_of_it_on_a_cluster(three: Cluster) -> None:
    connection = Connection(three.url, 5.0)
    memory = await owned(connection)
    await memory.save(FIRST)
    assert (await memory.load()).profiles == FIRST.profiles
    await connection.close()


async def test_a_lost_store_is_a_store_error(own_server: Server) -> None:
    connection = Connection(own_server.url, 1.0)
    memory = RedisMemory(connection, 0, 1)
    own_server.kill()
    for work in (memory.load(), memory.save(FIRST)):
        with pytest.raises(StoreError):
            await work
    await connection.close()
