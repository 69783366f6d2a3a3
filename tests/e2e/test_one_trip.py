"""What a request costs the store: one script call before the upstream sees it, counted with MONITOR on a real server."""

import asyncio
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from redis.asyncio import Redis

from proxy.stores.scripts import NAMES, script
from tests.support.accounts import fresh, key_of
from tests.support.gateway import gateway
from tests.support.meters import until, used
from tests.support.servers import server

POLICY = Path(__file__).parent / "quotas.yaml"
ANSWER = {"id": "1", "object": "chat.completion", "choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 7}}


class Patient:
    """An upstream that says when a request has arrived, and answers when it is let."""

    def __init__(self) -> None:
        self.arrived = asyncio.Event()
        self.answers = asyncio.Event()

    async def handle(self, request: web.Request) -> web.Response:
        await request.read()
        self.arrived.set()
        await self.answers.wait()
        return web.json_response(ANSWER)

    def hold(self) -> None:
        self.arrived.clear()
        self.answers.clear()


async def commands_until(watch: Any, mark: str) -> list[str]:
    """What the server was told before `mark`."""
    found = []
    async for entry in watch.listen():
        if mark in entry["command"]:
            return found
        if entry["client_type"] != "lua":  # what a script does inside is no round trip
            found.append(entry["command"])
    raise AssertionError("the server hung up")


def off_the_path(command: str) -> bool:
    """The worker's heartbeat, which may fall into this moment, and its note for sweepers: no request waits for them."""
    return command.startswith((f"EVALSHA {script('renew').digest}", "ZADD sg:active "))


async def test_a_warm_key_costs_one_round_trip_before_forwarding() -> None:
    patient, account = Patient(), fresh("warm")
    runner = web.ServerRunner(web.Server(patient.handle))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    upstream = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        with server("valkey") as store_server:
            flags = ("--upstream", upstream, "--policy", str(POLICY), "--workers", "1", "--store", store_server.url)
            async with gateway(*flags) as gate, aiohttp.ClientSession() as http, Redis.from_url(store_server.url) as client:
                key = await key_of(gate, account, "open")
                for name in NAMES:  # a script's first call ever sends its text
                    await client.script_load(script(name).text)
                ask = {"model": "m", "messages": [{"role": "user", "content": "Hello"}]}

                async def call() -> int:
                    async with http.post(gate.url + "/v1/chat/completions", json=ask, headers={"Authorization": f"Bearer {key}"}) as answer:
                        await answer.read()
                        return answer.status

                patient.answers.set()
                assert await call() == 200
                await until(lambda: used(gate, account, "tokens/day"), lambda tokens: tokens == 12)
                patient.hold()
                async with client.monitor() as watch:
                    calling = asyncio.ensure_future(call())
                    await patient.arrived.wait()
                    await client.echo("the upstream has it")
                    before = await commands_until(watch, "the upstream has it")
                    patient.answers.set()
                    assert await calling == 200
                    await until(lambda: used(gate, account, "tokens/day"), lambda tokens: tokens == 24)
                    await client.echo("it is settled")
                    after = await commands_until(watch, "it is settled")

        asked = [command for command in before if account in command and not off_the_path(command)]
        assert [command.split()[:2] for command in asked] == [["EVALSHA", script("reserve").digest]]
        assert not any("sg:key:" in command for command in before), "a warm key is known"
        settled = [command for command in after if account in command and command.startswith("EVALSHA ") and not off_the_path(command)]
        assert [command.split()[1] for command in settled] == [script("settle").digest]
    finally:
        await runner.cleanup()
