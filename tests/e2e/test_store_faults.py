"""A gateway on a Redis or Valkey of the operator's: its store is lost under traffic and comes back; keys and status by command."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from tests.e2e.conftest import POLICY
from tests.support import meters
from tests.support.accounts import key_of
from tests.support.gateway import Running, gateway, stillgate
from tests.support.meters import count, until
from tests.support.servers import Server, server

ASK = {"model": "demo-small", "messages": [{"role": "user", "content": "Tell me of ships. say 5 words"}], "max_tokens": 8}
TOKENS = "tokens/minute"
ENOUGH = 20
"""Requests on connections of their own until both workers know a key, but once in half a million runs."""


@pytest.fixture(scope="module")
def store() -> Iterator[Server]:
    with server("valkey") as found:
        yield found


@pytest.fixture(autouse=True)
def _the_store_is_back(store: Server) -> Iterator[None]:
    """Whatever became of the test."""
    yield
    store.resume()
    if store.process is not None and store.process.poll() is not None:
        store.start()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def gate(model: str, store: Server) -> AsyncIterator[Running]:
    async with gateway("--upstream", model, "--policy", str(POLICY), "--workers", "2", "--store", store.url) as found:
        yield found


@dataclass
class Caller:
    """One account that asks again and again, and what it was answered."""

    url: str
    key: str
    account: str
    http: aiohttp.ClientSession
    statuses: list[int] = field(default_factory=list)
    slowest: float = 0.0
    spent: int = 0
    """Micro-dollars, at the prices of the policy."""

    async def ask(self) -> int:
        loop = asyncio.get_running_loop()
        began = loop.time()
        async with self.http.post(self.url + "/v1/chat/completions", json=ASK, headers=self.headers) as answer:
            body = await answer.json()
        self.slowest = max(self.slowest, loop.time() - began)
        self.statuses.append(answer.status)
        if answer.status == 200:
            self.spent += body["usage"]["prompt_tokens"] * 100 + body["usage"]["completion_tokens"] * 1000
        return answer.status

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"}


@asynccontextmanager
async def callers(gate: Running, *names: str, tier: str = "") -> AsyncIterator[list[Caller]]:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as http:
        yield [Caller(gate.url, await key_of(gate, name, tier), name, http) for name in names]


async def metric(gate: Running, name: str) -> float:
    """Summed over the workers."""
    async with aiohttp.ClientSession() as http, http.get(gate.admin + "/metrics") as answer:
        lines = (await answer.text()).splitlines()
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith((name + " ", name + "{")))


async def asked_by_all(some: list[Caller]) -> list[int]:
    return await asyncio.gather(*(caller.ask() for caller in some))


async def lost_and_found(gate: Running, store: Server, lose: Any, find: Any, names: tuple[str, ...]) -> None:
    """Traffic goes on while the store is away; what was served meanwhile is counted once it is back."""
    async with callers(gate, *names) as some:
        await meters.announced(gate)
        for _ in range(ENOUGH):
            assert set(await asked_by_all(some)) == {200}

        before = {caller.account: len(caller.statuses) for caller in some}
        lose()

        async def opened() -> float:
            await asked_by_all(some)
            return await metric(gate, "stillgate_store_breaker_open")

        assert await until(opened, lambda now: now >= 1) <= 2
        for _ in range(3):
            await asked_by_all(some)
        assert all(len(caller.statuses) > before[caller.account] for caller in some)
        assert {status for caller in some for status in caller.statuses} == {200}
        assert max(caller.slowest for caller in some) < 10.0
        assert await metric(gate, "stillgate_settlements_pending") > 0
        await gate.says("the store is lost")

        find()
        await healed(gate, some)
        await until(lambda: metric(gate, "stillgate_settlements_pending"), lambda now: now == 0)
        for caller in some:
            await until(lambda caller=caller: count(gate, caller.account, TOKENS), lambda now: now[1] == 0)  # type: ignore[misc]
            async with meters.store(gate) as client:
                assert await client.zcard(f"sg:{{{caller.account}}}:ended") == len(caller.statuses), "each is settled, and once"
            leases = await until(lambda: status(gate), lambda now: not now["in_flight"])
            assert len(leases["gateways"]) == 2

        async def told() -> tuple[int, int]:
            return gate.logged().count("the store is lost"), gate.logged().count("the store answers again")

        await until(told, lambda times: times[0] == times[1])


async def healed(gate: Running, some: list[Caller]) -> None:
    """Until every worker has heard from the store, which it asks when it is asked."""

    async def closed() -> float:
        assert set(await asked_by_all(some)) == {200}
        return await metric(gate, "stillgate_store_breaker_open")

    await until(closed, lambda now: now == 0)


async def status(gate: Running) -> Any:
    return json.loads(await stillgate("status", *gate.store, "--json"))


async def test_a_killed_store_is_lived_without(gate: Running, store: Server) -> None:
    await lost_and_found(gate, store, store.kill, store.start, ("killed-1", "killed-2", "killed-3"))


async def test_a_hung_store_is_lived_without(gate: Running, store: Server) -> None:
    await lost_and_found(gate, store, store.hang, store.resume, ("hung-1", "hung-2", "hung-3"))


async def test_what_was_served_alone_is_charged_in_full_once(gate: Running, store: Server) -> None:
    """To the micro-dollar, on a budget that does not drain."""
    async with callers(gate, "spender", tier="spender") as [caller]:
        for _ in range(ENOUGH):
            await caller.ask()
        store.kill()
        for _ in range(10):
            await caller.ask()
        store.start()
        for _ in range(6):
            await caller.ask()
        assert set(caller.statuses) == {200}
        used = await until(lambda: count(gate, "spender", "spend/day"), lambda now: now[0] >= caller.spent and not now[1])
        assert used == (caller.spent, 0)
        await until(lambda: metric(gate, "stillgate_settlements_pending"), lambda now: now == 0)
        assert await count(gate, "spender", "spend/day") == used


async def test_a_share_of_the_limit_holds_while_it_is_lost(gate: Running, store: Server) -> None:
    """`serve_locally: 50%` of two requests is one; over two workers each serves at least one, and then 429."""
    async with callers(gate, "warm") as others, callers(gate, "tight", tier="two_requests") as [tight]:
        await healed(gate, others)
        assert await tight.ask() == 200
        assert await tight.ask() == 200
        assert await tight.ask() == 429
        for _ in range(ENOUGH):
            await tight.ask()
        store.kill()
        answers = [await tight.ask() for _ in range(20)]
        assert set(answers) <= {200, 429}
        assert answers.count(200) <= 2
        assert answers[-1] == 429
        store.start()


async def test_keys_by_command(gate: Running) -> None:
    async with aiohttp.ClientSession() as http:
        key = (await stillgate("keys", *gate.store, "create", "--account", "owner")).strip()
        caller = Caller(gate.url, key, "owner", http)
        assert await caller.ask() == 200
        [mine] = [each for each in json.loads(await stillgate("keys", *gate.store, "list", "--json")) if each["account"] == "owner"]
        assert "digest" not in mine
        assert caller.key not in await stillgate("keys", *gate.store, "list")

        newer = (await stillgate("keys", *gate.store, "rotate", mine["id"], "--grace", "1h")).strip()
        renewed = Caller(gate.url, newer, "owner", http)
        assert await renewed.ask() == 200
        assert await caller.ask() == 200

        await stillgate("keys", *gate.store, "revoke", mine["id"])
        await until(caller.ask, lambda status: status == 401)
        assert await renewed.ask() == 200
        assert "revoked" in await stillgate("keys", *gate.store, "list")
        await stillgate("keys", *gate.store, "revoke", "key_nobody", code=2)


async def test_status(gate: Running) -> None:
    found = await until(lambda: status(gate), lambda now: len(now["gateways"]) == 2)
    assert {each["policy"] for each in found["gateways"]} == {found["gateways"][0]["policy"]}
    assert found["in_flight"] == []
    words = await stillgate("status", *gate.store)
    assert words.startswith("2 workers")
    async with callers(gate, "streaming") as [caller]:
        body = {"model": "demo-small", "stream": True, "messages": [{"role": "user", "content": "say 100000 words"}]}
        async with caller.http.post(gate.url + "/v1/chat/completions", json=body, headers=caller.headers) as answer:
            await answer.content.readline()
            [lease] = (await status(gate))["in_flight"]
            assert lease["account"] == "streaming"
            assert lease["request"] == answer.headers["stillgate-request-id"]
            assert 0 <= lease["age"] < 60
            answer.close()
        await until(lambda: status(gate), lambda now: not now["in_flight"])


async def test_commands_on_a_lost_store_say_so_in_a_line(store: Server) -> None:
    store.kill()
    try:
        for command in (("keys", "--store", store.url, "list"), ("status", "--store", store.url)):
            assert await stillgate(*command, code=1) == ""
    finally:
        store.start()
