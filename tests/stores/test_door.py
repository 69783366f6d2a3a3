"""Failed logins by address, counted in a real store."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from proxy.stores import door as door_room
from proxy.stores.door import LIMIT, SHUT, RedisDoor
from tests.support.identity import Clock
from tests.support.servers import Server

PEER = "203.0.113.9"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def door(store_server: Server, clock: Clock) -> AsyncIterator[RedisDoor]:
    found = RedisDoor(store_server.url, clock)
    yield found
    await found.close()


async def test_who_fails_too_often_is_shut_out_for_a_while(store_server: Server, door: RedisDoor, clock: Clock) -> None:
    for _ in range(LIMIT.amount):
        await door.failed(PEER)
    assert not door.shut(PEER)
    await door.failed(PEER)
    assert door.shut(PEER)
    assert not door.shut("203.0.113.10")
    other = RedisDoor(store_server.url, clock)
    await other.failed(PEER)  # all gateways count together
    assert other.shut(PEER)
    await other.close()
    clock.now += SHUT + 1
    assert not door.shut(PEER)
    trips = door._connection.trips
    await door.failed(PEER)
    assert door.shut(PEER)
    await door.failed(PEER)
    assert door._connection.trips == trips + 1  # from memory


async def test_addresses_remembered_are_bounded(door: RedisDoor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door_room, "MOST", 2)
    for peer in ("a", "b", "c"):
        await asyncio.gather(*(door.failed(peer) for _ in range(LIMIT.amount + 1)))
    assert list(door._shut) == ["b", "c"]


async def test_it_never_raises_and_never_waits_long(own_server: Server, clock: Clock) -> None:
    door = RedisDoor(own_server.url, clock)
    await door.failed(PEER)
    own_server.hang()
    loop = asyncio.get_running_loop()
    began = loop.time()
    await asyncio.gather(*(door.failed(PEER) for _ in range(200)))
    assert loop.time() - began < 20.0, "each has a deadline of half a second, and they wait together"
    own_server.resume()
    own_server.kill()
    began = loop.time()
    for _ in range(100):
        await door.failed(PEER)
    assert loop.time() - began < 10.0, "a server that is not there is known to be gone at once"
    assert not door.shut(PEER)
    own_server.start()
    await door.failed(PEER)
    await door.close()
