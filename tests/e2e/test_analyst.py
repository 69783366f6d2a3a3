"""The analyst that `serve` starts beside its workers: it learns, is started again, follows the policy, and is seen."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path
from time import time
from typing import Any

import aiohttp
import pytest

from proxy.core.ladder import Rung, Standing
from proxy.learning.codec import encode
from proxy.learning.observation import Bias, Observation
from proxy.stores.board import RedisBoard
from proxy.stores.connect import Connection
from proxy.stores.observations import stream
from proxy.stores.standings import RedisStandings
from tests.support.accounts import key_of
from tests.support.gateway import Running, gateway, stillgate
from tests.support.meters import until
from tests.support.processes import below
from tests.support.servers import Server, server, servers, wait_for

RISK = "policy: learning\ntiers: {free: {}}\nrisk: {}\nladder: {watch: {at: 40}, throttled: {at: 60, sanctions: [{throttle: 50%}]}}\n"
CALM = "policy: calm\ntiers: {free: {}}\n"


def sweep(account: str, count: int = 12) -> list[Observation]:
    """A vocabulary that is read out."""
    at = time()
    return [
        Observation(
            at=at + n / 1000, request=f"{account}-{n}", account=account, organization="acme", opening=True, sketch=(1, 2, 3), turns=1,
            bias=Bias(5 * n, 5 * n + 1, 5), logprobs=True,
        )
        for n in range(count)
    ]  # fmt: skip


@pytest.fixture
async def store() -> AsyncIterator[tuple[Server, Connection]]:
    with server(min(servers())) as found:
        connection = Connection(found.url, 5.0)
        yield found, connection
        await connection.close()


async def append(connection: Connection, observations: list[Observation]) -> None:
    for each in observations:
        await connection.client.xadd(stream(0), {"o": encode(each)})


async def standing(connection: Connection, account: str) -> Standing:
    """Once it has one."""
    async with asyncio.timeout(60):
        while (found := await RedisStandings(connection).find(account, "acme")).rung is Rung.CLEAR:
            await asyncio.sleep(0.01)
    return found


async def seconds_until(connection: Connection, account: str) -> float:
    """It stands on a rung."""
    began = time()
    assert (await standing(connection, account)).rung is Rung.THROTTLED
    return time() - began


async def said(store: Server) -> dict[str, Any]:
    status: dict[str, Any] = json.loads(await stillgate("status", "--store", store.url, "--json"))
    return status


def analysts(gate: Running) -> list[int]:
    return [pid for pid, command in below(gate.process.pid).items() if " analyst " in command]


async def one_analyst(gate: Running) -> int:
    async with asyncio.timeout(60):
        while len(found := analysts(gate)) != 1:
            await asyncio.sleep(0.05)
    return found[0]


async def because(connection: Connection, account: str) -> str:
    """What the board says of its score, which comes after the standing."""
    async with asyncio.timeout(20):
        while (record := await RedisBoard(connection).score(account)) is None:
            await asyncio.sleep(0.01)
    return record.score.because


@pytest.mark.slow
async def test_it_learns_is_started_again_and_is_seen(store: tuple[Server, Connection], tmp_path: Path) -> None:
    found, connection = store
    (tmp_path / "policy.yaml").write_text(RISK)
    async with gateway("--store", found.url, "--upstream", "http://127.0.0.1:1", "--policy", str(tmp_path / "policy.yaml")) as gate:
        first = await one_analyst(gate)
        await append(connection, sweep("anna"))
        moved = await standing(connection, "anna")
        assert moved.rung is Rung.THROTTLED
        assert "vocabulary" in await because(connection, "anna")

        os.kill(first, signal.SIGSTOP)
        assert found.ask("PERSIST", "sg:{analyst}:owner:0"), "now its lease never ends"
        os.kill(first, signal.SIGKILL)
        await gate.says("the analyst ended with code -9; starting it again")
        await append(connection, sweep("bert"))
        assert (await standing(connection, "bert")).rung is Rung.THROTTLED, "it need not wait for its own lease"
        assert await one_analyst(gate) != first

        names = (f"carl-{number}" for number in count())

        async def moving() -> float:
            name = next(names)
            await append(connection, sweep(name))
            return await seconds_until(connection, name)

        await until(moving, lambda seconds: seconds < 1.0)  # a busy machine may need a few tries

        async with aiohttp.ClientSession() as http, http.get(f"{gate.admin}/metrics") as answer:
            text = await answer.text()
        assert 'stillgate_analyst_observations_total{result="learned"}' in text
        assert 'stillgate_analyst_partitions{worker="analyst"} 1.0' in text
        status = await said(found)
        async with asyncio.timeout(60):  # of itself it says something once a second
            while [each["partitions"] for each in status["analysts"]] != [[0]]:
                status = await said(found)
        assert status["partitions"][0]["owner"] == status["analysts"][0]["id"]
        assert f"observations 0: learned by {status['analysts'][0]['id']}" in await stillgate("status", "--store", found.url)
    assert found.ask("GET", "sg:{analyst}:owner:0") is None, "it went as it should"
    assert found.ask("HGET", "sg:{analyst}:head:0", "mark") is not None


@pytest.mark.slow
async def test_it_comes_with_the_policys_risk_and_rests_without(store: tuple[Server, Connection], tmp_path: Path) -> None:
    found, connection = store
    path = tmp_path / "policy.yaml"
    path.write_text(CALM)
    async with gateway("--store", found.url, "--upstream", "http://127.0.0.1:1", "--policy", str(path)) as gate:
        assert analysts(gate) == []
        path.write_text(RISK)
        await one_analyst(gate)
        await append(connection, sweep("anna"))
        assert (await standing(connection, "anna")).rung is Rung.THROTTLED
        path.write_text(CALM)
        await gate.says("policy calm has no risk: there is nothing to learn")
        await asyncio.to_thread(wait_for, lambda: found.ask("GET", "sg:{analyst}:owner:0") is None)
        path.write_text(RISK.replace("throttled: {at: 60", "challenged: {at: 60"))
        await append(connection, sweep("bert"))
        assert (await standing(connection, "bert")).rung is Rung.CHALLENGED
        async with asyncio.timeout(60):
            while (await RedisStandings(connection).find("anna", "acme")).rung is not Rung.CHALLENGED:
                await asyncio.sleep(0.05)


@pytest.mark.slow
async def test_whoever_reads_a_vocabulary_out_stands_there_within_a_second_of_the_exchange(
    store: tuple[Server, Connection], model: str, tmp_path: Path
) -> None:
    found, connection = store
    (tmp_path / "policy.yaml").write_text(RISK)
    async with gateway("--store", found.url, "--upstream", model, "--policy", str(tmp_path / "policy.yaml")) as gate:
        await one_analyst(gate)
        await asyncio.to_thread(wait_for, lambda: found.ask("GET", "sg:{analyst}:owner:0") is not None)
        names = (f"anna-{number}" for number in count())

        async def moving() -> float:
            name = next(names)
            await reads_out(gate, await key_of(gate, name, organization="acme"))
            return await seconds_until(connection, name)

        await until(moving, lambda seconds: seconds < 1.0)  # a busy machine may need a few tries
        status = await stillgate("accounts", "--store", found.url, "show", "anna-0")
        assert "a vocabulary is being read out" in status


async def reads_out(gate: Running, key: str) -> None:
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {key}"}) as http:
        for number in range(12):
            body = {
                "model": "demo-small", "messages": [{"role": "user", "content": "Say one word."}], "max_tokens": 1, "logprobs": True,
                "logit_bias": {str(5 * number + each): 10 for each in range(5)},
            }  # fmt: skip
            async with http.post(f"{gate.url}/v1/chat/completions", json=body) as answer:
                assert answer.status == 200, await answer.text()
                await answer.read()


@pytest.mark.slow
async def test_on_a_machine_of_its_own(store: tuple[Server, Connection], tmp_path: Path) -> None:
    found, connection = store
    (tmp_path / "policy.yaml").write_text(RISK)
    (tmp_path / "settings.yaml").write_text(f"analyst: false\nstore: {found.url}\npolicy: {tmp_path / 'policy.yaml'}\n")
    flags = ("--settings", str(tmp_path / "settings.yaml"))
    async with gateway(*flags, "--upstream", "http://127.0.0.1:1") as gate:
        own = await asyncio.create_subprocess_exec(sys.executable, "-m", "proxy", "analyst", *flags)
        await append(connection, sweep("anna"))
        await standing(connection, "anna")
        assert analysts(gate) == []
        own.terminate()
        assert await own.wait() == 0


async def test_without_a_store_it_says_so(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "proxy", "analyst", "--state-dir", str(tmp_path), stderr=asyncio.subprocess.PIPE
    )
    _, said = await process.communicate()
    assert (process.returncode, b"no store: pass --store URL" in said) == (2, True)
