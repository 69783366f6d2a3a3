"""One client for the worker: deadlines, cancellations at any moment, restarts. No answer may reach another's question."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import pytest

from proxy.errors import StoreError
from proxy.stores.connect import AT_ONCE, Connection
from tests.support.meters import until
from tests.support.servers import Server


@pytest.fixture
async def quick(own_server: Server) -> AsyncIterator[Connection]:
    """With a deadline as in the gateway, on a server that may be broken."""
    found = Connection(own_server.url, 0.25)
    await found.client.mset({f"key{n}": str(n) for n in range(AT_ONCE)})
    yield found
    own_server.resume()
    await found.close()


async def get(connection: Connection, number: int) -> str | None:
    """None where it failed."""
    try:
        return await connection.run(lambda client: client.get(f"key{number}"))
    except StoreError:
        return None


async def all_places(connection: Connection) -> None:
    """Every place in the pool can be taken at the same time, and each question gets its own answer."""
    most = AT_ONCE - 1  # one is left for those who ring the bells

    async def both(client: Any, number: int) -> tuple[str, str]:
        _, rung = await client.blpop(f"bell{number}", timeout=20)
        return rung, await client.get(f"key{number}")

    async def waiting() -> int:
        return (await connection.run(lambda client: client.info("clients"), 20.0))["blocked_clients"]

    async def place(number: int) -> tuple[str, str]:
        """On a busy machine sixty connections at once may not open within the deadline at the first try."""
        while True:
            with contextlib.suppress(StoreError):
                return await connection.run(partial(both, number=number), 20.0)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(place(number)) for number in range(most)]
        await until(waiting, lambda count: count == most)
        for number in range(most):
            await connection.run(partial(rpush, f"bell{number}", str(number)), 20.0)
    assert [task.result() for task in tasks] == [(str(number), str(number)) for number in range(most)]


def rpush(key: str, value: str, client: Any) -> Any:
    return client.rpush(key, value)


async def test_a_question_that_ran_out_of_time_never_answers_another(own_server: Server, quick: Connection) -> None:
    """redis-py closes a connection whose answer was not read to its end; were it kept, the next one would read it."""
    for _ in range(3):
        own_server.hang()
        assert await asyncio.gather(*(get(quick, n) for n in range(AT_ONCE))) == [None] * AT_ONCE
        own_server.resume()
        for n in reversed(range(AT_ONCE)):
            assert await get(quick, n) in {str(n), None}
    await all_places(quick)


async def test_cancellations_at_any_moment_lose_no_place_and_mix_no_answers(quick: Connection) -> None:
    """Callers hang up while their reservation connects, is sent, or is answered; some are cancelled twice."""
    chance = random.Random(7)
    wrong: list[Any] = []
    cancelled: list[asyncio.Future[None]] = []

    async def ask(number: int) -> None:
        answer = await quick.run(lambda client: client.get(f"key{number}"))
        if answer != str(number):
            wrong.append((number, answer))

    for turn in range(60):
        if turn % 10 == 0:
            await quick.client.connection_pool.disconnect()  # so that some are cancelled while they connect
        tasks = [asyncio.ensure_future(ask(n)) for n in range(AT_ONCE)]
        for _ in range(60):
            await asyncio.sleep(0)
            for task in chance.sample(tasks, 2):
                if task.cancel():
                    cancelled.append(task)
                    asyncio.get_running_loop().call_soon(task.cancel)
        await asyncio.gather(*tasks, return_exceptions=True)
    assert wrong == []
    assert len(cancelled) > 100
    assert all(task.cancelled() for task in cancelled)  # none was swallowed
    pool = quick.client.connection_pool
    assert len(pool._in_use_connections) == 0
    await all_places(quick)


async def test_a_hung_server_costs_the_deadline_and_no_more(own_server: Server, quick: Connection) -> None:
    own_server.hang()
    loop = asyncio.get_running_loop()
    began = loop.time()
    answers = await asyncio.gather(*(get(quick, n % AT_ONCE) for n in range(40 * AT_ONCE)))
    assert loop.time() - began < 5.0  # also for those who wait for a place: in line it would be ten
    assert set(answers) == {None}
    own_server.resume()
    assert await until(lambda: get(quick, 3), bool) == "3"


async def test_after_a_restart_no_request_pays_for_an_idle_connection(own_server: Server, quick: Connection) -> None:
    """With more patience than a gateway has: sixty new connections at once may take a busy machine a while."""
    patient = Connection(own_server.url, 10.0)
    await asyncio.gather(*(get(patient, n) for n in range(AT_ONCE)))
    idle = patient.client.connection_pool._available_connections
    assert len(idle) > 10
    own_server.kill()
    assert await get(quick, 1) is None
    own_server.start()
    await until(lambda: get(quick, 2), bool)
    assert await asyncio.gather(*(get(patient, n) for n in range(AT_ONCE))) == [str(n) for n in range(AT_ONCE)]
    await patient.close()


async def test_a_killed_server_is_known_at_once(own_server: Server, quick: Connection) -> None:
    own_server.kill()
    loop = asyncio.get_running_loop()
    began = loop.time()
    for n in range(40):
        assert await get(quick, n) is None
    assert loop.time() - began < 5.0  # their deadlines would be ten


@pytest.mark.parametrize("breaking", [("CONFIG", "SET", "maxmemory", "1"), ("REPLICAOF", "127.0.0.1", "1")])
async def test_a_server_that_refuses_to_write_is_a_store_error(own_server: Server, quick: Connection, breaking: tuple[str, ...]) -> None:
    own_server.ask(*breaking)
    with pytest.raises(StoreError):
        await quick.run(lambda client: client.set("a", "b"))
    mixed = [lambda client: client.get("key1"), lambda client: client.set("a", "b"), lambda client: client.get("key2")]
    found = await quick.each(mixed, 1.0)
    assert found[::2] == ["1", "2"]
    assert isinstance(found[1], Exception)
    with pytest.raises(StoreError):
        await quick.together(mixed, 1.0)


async def test_closing_leaves_no_connection(own_server: Server) -> None:
    connection = Connection(own_server.url, 1.0)
    await asyncio.gather(*(connection.run(lambda client: client.ping()) for _ in range(10)))
    assert len(connected(own_server)) > 5
    await connection.close()
    assert await until(lambda: looked(own_server), lambda names: not names) == []


async def test_a_unix_socket(own_server: Server) -> None:
    path = own_server.folder / "a socket"
    own_server.close()
    with_socket = Server(own_server._program, "--unixsocket", str(path))
    path.parent.mkdir()
    try:
        with_socket.start()
        connection = Connection(f"unix://{str(path).replace(' ', '%20')}?db=2", 1.0)
        await connection.run(lambda client: client.set("a", "b"))
        with_socket.ask("SWAPDB", "0", "2")
        assert with_socket.ask("GET", "a") == "b"
        await connection.close()
    finally:
        with_socket.close()


def connected(server: Server) -> list[str]:
    """Its clients, but for the one that asks."""
    return [line for line in str(server.ask("CLIENT", "LIST")).splitlines() if "cmd=client" not in line or "setinfo" in line]


async def looked(server: Server) -> list[str]:
    return connected(server)
