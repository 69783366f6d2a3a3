"""When a rung bites: a conversation stays as it began, lifting is at once, and a decision is known to every worker within a second."""

import asyncio
import time
from collections.abc import AsyncIterator
from itertools import count
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from redis.asyncio import Redis

from proxy.core.ladder import Rung
from proxy.core.sealing import MARK
from proxy.sealing.rotation import rotate
from proxy.stores.scripts import NAMES, script
from tests.support.gateway import Running, gateway, stillgate
from tests.support.ladder import Caller, Callers, policy, set_rung
from tests.support.servers import Server, server
from tests.support.talks import DeepSeek, Messages, Responses, Talk

THREE = [Messages, Responses, DeepSeek]
LINES = ("Tell me of ships. think 30 words say 9 words", "And of harbors? think 30 words say 9 words")


@pytest.fixture(scope="module")
def kept() -> Any:
    with server("valkey") as found:
        yield found


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def gate(model: str, kept: Server, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    keys = tmp_path_factory.mktemp("seal") / "keys.txt"
    rotate(keys)
    flags = ("--seal-keys", str(keys), "--upstream", model, "--policy", policy("ladder"), "--workers", "2", "--store", kept.url)
    async with gateway(*flags) as found:
        yield found


def shows(talk: Talk) -> bool:
    """Does the last answer show its reasoning?"""
    return bool(talk.said[-1].thought.partition(MARK)[0])


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("kind", THREE, ids=lambda kind: kind.__name__)
async def test_a_conversation_stays_as_it_began_and_a_new_one_is_shaped(
    kind: type[Talk], stream: bool, callers: Callers, gate: Running
) -> None:
    caller = await callers()
    begun = kind(caller, stream=stream)
    await begun.says(LINES[0])
    assert shows(begun)
    await set_rung(gate, caller.name, Rung.DEGRADED)
    await begun.says(LINES[1])
    assert shows(begun), "it is pinned"
    assert "from your next conversation on" in caller.wire.last.headers["stillgate-notice"]
    assert "stillgate-measures" not in caller.wire.last.headers, "nothing was done to this answer"
    fresh = kind(caller, stream=stream)
    await fresh.says("Something else. think 30 words say 9 words")
    assert not shows(fresh)
    await set_rung(gate, caller.name, Rung.CLEAR)
    await fresh.says(LINES[1])
    assert shows(fresh), "lifting is at once"
    assert "stillgate-rung" not in caller.wire.last.headers
    assert caller.statuses == {200}


class Hammer:
    """One account, asked over many connections at once."""

    def __init__(self, gate: Running, caller: Caller, http: aiohttp.ClientSession) -> None:
        self._url = gate.url + "/v1/chat/completions"
        self._headers = caller.headers
        self._http = http
        self._numbers = count()
        self.answers: list[tuple[float, str]] = []
        """When each request was sent, and the rung that its answer told."""

    async def strike(self) -> None:
        """A connection of its own each time, so that the kernel chooses a worker."""
        ask = {"model": "demo-deepseek", "messages": [{"role": "user", "content": f"{next(self._numbers)} say 3 words think 4 words"}]}
        sent = time.monotonic()
        async with self._http.post(self._url, json=ask, headers=self._headers | {"Connection": "close"}) as answer:
            await answer.read()
            assert answer.status == 200
            self.answers.append((sent, answer.headers.get("stillgate-rung", "clear")))

    async def keep_on(self, lasting: asyncio.Event) -> None:
        while not lasting.is_set():
            await self.strike()


async def test_a_rung_is_known_to_every_worker_within_a_second(callers: Callers, gate: Running) -> None:
    caller, over = await callers(), asyncio.Event()
    async with aiohttp.ClientSession() as http, asyncio.TaskGroup() as tasks:
        hammer = Hammer(gate, caller, http)
        for _ in range(6):
            tasks.create_task(hammer.keep_on(over))
        while len(hammer.answers) < 60:
            await asyncio.sleep(0.01)
        late = []
        for rung in (Rung.DEGRADED, Rung.THROTTLED, Rung.CLEAR):
            await set_rung(gate, caller.name, rung)
            told = time.monotonic()
            while len(since := [(sent - told, word) for sent, word in hammer.answers if sent >= told]) < 60:
                await asyncio.sleep(0.01)
            late += [wait for wait, word in since if word != rung.word]
        over.set()
    assert max(late, default=0.0) < 1.0, late


async def test_the_command_holds_and_releases(callers: Callers, gate: Running) -> None:
    caller = await callers()
    talk = DeepSeek(caller, stream=False)
    await stillgate("accounts", *gate.store, "set-rung", caller.name, "degraded", "--because", "a trial", "--expires", "1h")
    await talk.says(LINES[0])
    assert not shows(talk)
    await stillgate("accounts", *gate.store, "release", caller.name, "--because", "the trial is over")
    await talk.says(LINES[1])
    assert shows(talk)


async def test_each_rung_costs_one_round_trip_before_forwarding(callers: Callers, kept: Server) -> None:
    """What a script does inside is none; nor is what a worker does at its own pace, for all accounts at once."""
    async with Redis.from_url(kept.url) as client:
        for name in NAMES:
            await client.script_load(script(name).text)
        for rung in (Rung.CLEAR, Rung.WATCH, Rung.THROTTLED, Rung.CHALLENGED, Rung.DEGRADED):
            caller = await callers(rung)
            for number in range(6):  # both workers have met it
                await one(caller, f"warm {number}")
            async with client.monitor() as watch:
                await one(caller, "Now.")
                await client.echo("it is answered")
                asked = [command async for command in until(watch, "it is answered") if caller.name in command]
            reserved = [command for command in asked if command.startswith(f"EVALSHA {script('reserve').digest}")]
            assert len(reserved) == 1, rung
            before = asked[: asked.index(reserved[0]) + 1]
            mine = [command for command in before if not command.startswith(("ZADD sg:active ", f"EVALSHA {script('renew').digest}"))]
            settled = f"EVALSHA {script('settle').digest}"
            assert [command for command in mine if not command.startswith(settled)] == reserved, rung
            assert {command.split()[1] for command in asked if command.startswith("EVALSHA ")} <= {script(name).digest for name in NAMES}
            assert not [command for command in asked if command.startswith(("GET ", "HGET ", "HGETALL "))], rung


async def one(caller: Caller, text: str) -> None:
    """On a connection of its own."""
    await caller.openai.chat.completions.create(
        model="demo-deepseek", messages=[{"role": "user", "content": f"{text} say 2 words"}], extra_headers={"Connection": "close"}
    )


async def until(watch: Any, mark: str) -> AsyncIterator[str]:
    """What the server was told by its clients before `mark`."""
    async for entry in watch.listen():
        if mark in entry["command"]:
            return
        if entry["client_type"] != "lua":
            yield entry["command"]
