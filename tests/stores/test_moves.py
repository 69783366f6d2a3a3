"""Many standings at once, in a real store; on a cluster too."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace

import pytest

from proxy.analyst.places import moved
from proxy.analyst.records import Change, Move
from proxy.core.ladder import CLEAR, Hold, Rung, Standing
from proxy.errors import StoreError
from proxy.stores.connect import Connection
from proxy.stores.moves import MOST_AT_ONCE, RedisMoves
from proxy.stores.standings import RedisStandings
from tests.support.analysts import AT, STEPS
from tests.support.servers import Cluster, Server, cluster, servers, wait_for

UP = (Move(None, 65, "it looks odd", AT),)
HOLD = Hold(Rung.BLOCKED, AT, "ops", "a trial")


def how(standing: Standing, change: Change) -> Standing:
    return moved(standing, change.moves, STEPS)


async def test_thousands_move_in_few_trips(connection: Connection) -> None:
    changes = [Change(f"a{n}", f"o{n % 7}", UP) for n in range(2 * MOST_AT_ONCE)]
    found = await RedisMoves(connection).change(changes, how)
    assert connection.trips == 4
    assert {standing.rung for standing in found.values()} == {Rung.THROTTLED}
    assert await RedisStandings(connection).find("a8", "o1") == found["a8"]
    again, trips = await RedisMoves(connection).change(changes, how), connection.trips
    assert (again, trips) == (found, 7), "the same once more comes to the same, and is not written"


async def test_a_persons_decision_at_the_same_time_is_not_undone(connection: Connection) -> None:
    standings = RedisStandings(connection)
    steps = [Change("anna", "acme", (Move(n, n + 1, f"{n}", AT + n),)) for n in range(50, 70)]
    await asyncio.gather(
        *(RedisMoves(connection).change([step], how) for step in steps),
        standings.change("anna", "acme", lambda old: replace(old, hold=HOLD)),
    )
    found = await standings.find("anna", "acme")
    assert (found.hold, found.rung >= Rung.WATCH) == (HOLD, True)


async def test_no_changes_are_no_work(connection: Connection) -> None:
    assert await RedisMoves(connection).change([], how) == {}
    assert connection.trips == 0
    assert await RedisMoves(connection).change([Change("anna", "acme", (Move(None, None, "", AT),))], how) == {"anna": CLEAR}
    assert await connection.client.keys("*") == []


@pytest.fixture(scope="module", params=sorted(servers()))
def three(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    with cluster(request.param) as found:
        wait_for(found.whole)
        yield found


async def test_all_of_it_on_a_cluster(three: Cluster) -> None:
    connection = Connection(three.url, 5.0)
    await RedisMoves(connection).change([Change(f"a{n}", f"o{n}", UP) for n in range(30)], how)
    assert len([each async for each in RedisStandings(connection).all()]) == 30
    await connection.close()


async def test_a_lost_store_is_a_store_error(own_server: Server) -> None:
    connection = Connection(own_server.url, 1.0)
    own_server.kill()
    with pytest.raises(StoreError):
        await RedisMoves(connection).change([Change("anna", "acme", UP)], how)
    await connection.close()
