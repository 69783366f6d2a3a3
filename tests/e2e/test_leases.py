"""Killed processes: what they held comes back by itself, what they counted stays, and none is left behind."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import httpx2
import openai
import pytest
import pytest_asyncio
from prometheus_client.parser import text_string_to_metric_families

from proxy.stores.redis_store import LEASE
from tests.support.accounts import Account, Accounts, key_of, said
from tests.support.gateway import Running, gateway, stillgate
from tests.support.meters import announced, store, until, used
from tests.support.processes import alive, below

POLICY = """
policy: leases
identity: {from: [keys]}
tiers:
  six: {in_flight: 6, requests: 1000/day, tokens: 100000/day}
accounts: {default_tier: six}
failure:
  store_lost: {serve_locally: 100%, for: 5m, then: refuse}
"""
SLOW = {"x-demo-pace": "0.02"}
COUNTERS = ("_total", "_count", "_sum", "_bucket")


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("leases") / "policy.yaml"
    path.write_text(POLICY)
    return path


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def gate(model: str, policy: Path) -> AsyncIterator[Running]:
    async with gateway("--upstream", model, "--policy", str(policy), "--workers", "2") as running:
        yield running


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as opened:
        yield opened


async def stream(account: Account, words: int) -> int:
    """Words that came; fewer where the connection broke."""
    came = 0
    try:
        async for chunk in await account.openai.chat.completions.create(**said(words), stream=True, extra_headers=SLOW):
            came += len((chunk.choices[0].delta.content or "").split()) if chunk.choices else 0
    except (openai.APIError, httpx2.TransportError):
        return came
    return came


async def refusal(account: Account) -> openai.APIError | None:
    """Of a short request; None where it was served."""
    try:
        await account.openai.chat.completions.create(**said(2))
    except openai.APIError as error:
        return error
    return None


async def admitted(account: Account) -> bool:
    return await refusal(account) is None


async def live(gate: Running, account: str) -> int:
    async with store(gate) as client:
        return int(await client.zcard(f"sg:{{{account}}}:live"))


async def _longest_lease(gate: Running, account: str) -> float:
    """Seconds until its last lease ends, by the store's clock."""
    async with store(gate) as client:
        [(_, ends)] = await client.zrange(f"sg:{{{account}}}:live", 0, 0, desc=True, withscores=True)
        seconds, micros = await client.time()
    return float(ends) - seconds - micros / 1e6


async def told(gate: Running) -> list[Any]:
    """What `stillgate status` shows in flight."""
    return json.loads(await stillgate("status", *gate.store, "--json"))["in_flight"]


async def counters(gate: Running) -> dict[Any, float]:
    async with aiohttp.ClientSession() as http, http.get(gate.admin + "/metrics") as answer:
        families = list(text_string_to_metric_families(await answer.text()))
    samples = [sample for family in families if family.type in {"counter", "histogram"} for sample in family.samples]
    return {(sample.name, *sorted(sample.labels.items())): sample.value for sample in samples}


async def test_workers_killed_in_mid_stream_leave_no_lease_and_are_replaced(gate: Running, stack: AsyncExitStack) -> None:
    account = await Accounts(gate, stack)("six")
    assert await refusal(account) is None
    streams = [asyncio.ensure_future(stream(account, 2000)) for _ in range(6)]
    await until(lambda: live(gate, account.name), lambda number: number == 6)
    with pytest.raises(openai.RateLimitError, match="6 requests in flight"):
        await account.openai.chat.completions.create(**said(2))
    assert {lease["account"] for lease in await told(gate)} == {account.name}
    before, dead = await counters(gate), gate.workers()
    assert before

    for worker in dead:
        os.kill(worker, signal.SIGKILL)
    assert await _longest_lease(gate, account.name) <= LEASE
    assert all(words < 2000 for words in await asyncio.gather(*streams))

    await until(lambda: live(gate, account.name), lambda number: number == 0)
    assert await told(gate) == []
    assert await until(lambda: admitted(account), bool), "the places are free, and new workers serve"
    assert not set(gate.workers()) & set(dead)
    assert len(gate.workers()) == 2
    assert await account.used("tokens/day") > 0, "what the killed streams had reserved is charged"
    after = await counters(gate)
    assert all(after.get(series, 0.0) >= value for series, value in before.items()), "no counter falls because a worker died"


async def test_a_killed_store_is_missed_by_nobody_and_comes_back_with_what_it_knew(gate: Running, stack: AsyncExitStack) -> None:
    account = await Accounts(gate, stack)("six")
    for _ in range(3):
        assert await refusal(account) is None
    await account.settled("requests/day", 3)
    await until(lambda: _persisted(gate), bool)
    await announced(gate)
    [server] = [pid for pid, command in below(gate.process.pid).items() if "-server " in command]

    gate.process.send_signal(signal.SIGSTOP)  # or it would start the next before anybody missed this one
    os.kill(server, signal.SIGKILL)
    try:
        for _ in range(5):
            assert await refusal(account) is None, "served on, alone"
    finally:
        gate.process.send_signal(signal.SIGCONT)
    await until(lambda: _answers(gate), bool)
    await until(lambda: used(gate, account.name, "requests/day"), lambda number: number == 8)
    assert server not in below(gate.process.pid)


async def _persisted(gate: Running) -> bool:
    """Has the log reached the disk? It is written once a second."""
    async with store(gate) as client:
        told = await client.info("persistence")
    return not told["aof_pending_bio_fsync"] and not told.get("aof_buffer_length", 0)


async def _answers(gate: Running) -> bool:
    try:
        async with store(gate) as client:
            return bool(await client.ping())
    except (AssertionError, OSError, ConnectionError):
        return False


async def test_when_the_supervisor_is_killed_streams_end_and_no_process_is_left(model: str, policy: Path, stack: AsyncExitStack) -> None:
    async with gateway("--upstream", model, "--policy", str(policy), "--workers", "2") as gate:
        account = await Accounts(gate, stack)("six")
        whole = asyncio.ensure_future(stream(account, 60))
        await until(lambda: live(gate, account.name), lambda number: number == 1)
        started = below(gate.process.pid)
        assert len(started) == 3, "two workers and the store"
        gate.process.kill()
        gate.process.wait()
        assert await whole == 60, "what runs is served to its end"
        await until(lambda: asyncio.to_thread(alive, started), lambda left: not left)


async def test_the_demo_model_ends_with_whoever_started_it(policy: Path, tmp_path: Path) -> None:
    async with gateway("--demo", "--policy", str(policy), "--state-dir", str(tmp_path)) as gate:
        started = below(gate.process.pid)
        assert any("proxy.demo" in command for command in started.values())
        gate.process.kill()
        gate.process.wait()
        await until(lambda: asyncio.to_thread(alive, started), lambda left: not left)
    async with gateway("--demo", "--policy", str(policy), "--state-dir", str(tmp_path)) as again:
        assert await key_of(again, "anybody", "six"), "and its state directory serves the next"
