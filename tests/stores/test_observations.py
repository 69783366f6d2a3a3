"""The stream of observations, from the reading side, in a real store; on a cluster too."""

import asyncio
import math
from collections.abc import Iterator

import pytest

from proxy.analyst.records import START
from proxy.errors import StoreError
from proxy.learning.codec import encode
from proxy.learning.observation import Bias
from proxy.stores.connect import Connection
from proxy.stores.observations import RedisObservations, stream
from tests.support.analysts import AT, seen
from tests.support.servers import Cluster, Server, cluster, servers, wait_for

BINARY = seen(7, "ünïcode", payment=2**64 - 1, sketch=tuple(range(2**32 - 16, 2**32)), bias=Bias(1, 2, 3), created=1.5)


async def append(connection: Connection, *data: bytes, partition: int = 0) -> list[str]:
    """Received at `AT`."""
    return [await connection.client.xadd(stream(partition), {"o": each}, id=f"{AT:.0f}000-{n}") for n, each in enumerate(data)]


async def test_what_was_written_is_read_in_order_and_once(connection: Connection) -> None:
    observations = RedisObservations(connection, 0)
    assert await observations.read(START, 10, 0.01) == []
    wanted = [seen(1), BINARY, seen(3)]
    marks = await append(connection, *map(encode, wanted))
    found = await observations.read(START, 2, 0.01)
    assert [(entry.mark, entry.seen) for entry in found] == list(zip(marks, wanted, strict=True))[:2]
    assert [entry.seen for entry in await observations.read(found[-1].mark, 2, 0.01)] == wanted[2:]
    assert await observations.read(marks[-1], 2, 0.01) == []


async def test_it_waits_for_the_first_and_no_longer(connection: Connection) -> None:
    reading = asyncio.ensure_future(RedisObservations(connection, 0).read(START, 10, 30.0))
    await asyncio.sleep(0)
    await append(connection, encode(seen(1)))
    assert [entry.seen for entry in await reading] == [seen(1)]


async def test_what_cannot_be_read_keeps_its_place(connection: Connection) -> None:
    marks = await append(connection, b"", b"\xff\x00torn", encode(seen(1)))
    found = await RedisObservations(connection, 0).read(START, 10, 0.01)
    assert [(entry.mark, entry.seen) for entry in found] == [(marks[0], None), (marks[1], None), (marks[2], seen(1))]


async def test_a_time_that_cannot_be_is_taken_for_that_of_receipt(connection: Connection) -> None:
    await append(connection, *(encode(seen(n, at=at)) for n, at in enumerate((AT - 3600, AT + 1e9, AT - 1e9, math.inf, math.nan))))
    found = await RedisObservations(connection, 0).read(START, 10, 0.01)
    assert [entry.seen and entry.seen.at for entry in found] == [AT - 3600, AT, AT, AT, AT]


async def test_those_before_a_mark(connection: Connection) -> None:
    observations = RedisObservations(connection, 1)
    marks = await append(connection, *(encode(seen(n)) for n in range(5)), partition=1)
    assert [entry.mark for entry in await observations.before(marks[3], 3)] == marks[1:4]
    assert await observations.before(START, 3) == []
    await connection.client.xtrim(stream(1), minid=marks[4], approximate=False)
    assert await observations.before(marks[3], 3) == []


@pytest.fixture(scope="module", params=sorted(servers()))
def three(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    with cluster(request.param) as found:
        wait_for(found.whole)
        yield found


async def test_all_of_it_on_a_cluster(three: Cluster) -> None:
    connection = Connection(three.url, 5.0)
    observations = RedisObservations(connection, 0)
    assert await observations.read(START, 10, 0.01) == []
    (mark,) = await append(connection, encode(BINARY))
    assert [entry.seen for entry in await observations.read(START, 10, 0.01)] == [BINARY]
    assert [entry.seen for entry in await observations.before(mark, 10)] == [BINARY]
    await connection.close()


async def test_a_lost_store_is_a_store_error(own_server: Server) -> None:
    connection = Connection(own_server.url, 1.0)
    observations = RedisObservations(connection, 0)
    own_server.kill()
    for work in (observations.read(START, 1, 0.01), observations.before("1-0", 1)):
        with pytest.raises(StoreError):
            await work
    await connection.close()
