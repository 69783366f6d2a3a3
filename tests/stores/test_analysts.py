"""What people see of the analysts on a store."""

import pytest

from proxy.analyst.records import Checkpoint
from proxy.errors import StoreError
from proxy.stores.analyst_memory import RedisMemory
from proxy.stores.analysts import Analysts
from proxy.stores.connect import Connection
from proxy.stores.leases import RedisLeases
from proxy.stores.observations import stream
from tests.support.servers import Server


async def test_who_there_is_and_how_far_behind(connection: Connection) -> None:
    analysts = Analysts(connection)
    assert (await analysts.all(), await analysts.partitions()) == ([], [])
    leases = RedisLeases(connection, "one")
    await leases.sign({"policy": "abc"})
    ownership = await leases.acquire(0)
    await leases.release(1, await leases.acquire(1))
    for mark in ("1000-0", "3500-0"):
        await connection.client.xadd(stream(0), {"o": b"\xff"}, id=mark)
    await RedisMemory(connection, 0, ownership).save(Checkpoint("1000-0"))
    assert await analysts.all() == [{"id": "one", "policy": "abc"}]
    behind = [{"partition": 0, "owner": "one", "lag": 2.5}, {"partition": 1, "owner": "", "lag": 0.0}]
    assert await analysts.partitions() == behind


async def test_a_lost_store_is_a_store_error(own_server: Server) -> None:
    connection = Connection(own_server.url, 1.0)
    own_server.kill()
    for work in (Analysts(connection).all(), Analysts(connection).partitions()):
        with pytest.raises(StoreError):
            await work
    await connection.close()
