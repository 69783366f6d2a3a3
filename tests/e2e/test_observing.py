"""From a caller's request to the stream and to a recording: what is learned is there within a second, and the prompt is nowhere."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from openai import AsyncOpenAI

from proxy.learning.observation import Observation
from proxy.replay.trace import Exchange, Trace
from proxy.stores.connect import Connection
from proxy.stores.observations import RedisObservations
from tests.support.accounts import key_of
from tests.support.canaries import Canaries, dump, files
from tests.support.demo import demo_model
from tests.support.gateway import gateway
from tests.support.servers import Server, server, servers

POLICY = "policy: learning\ntiers: {free: {requests: 100/minute}}\nrisk: {}\nrecording: {to: traces}\n"


@pytest.fixture
async def store() -> AsyncIterator[tuple[Server, Connection]]:
    with server(min(servers())) as found:
        connection = Connection(found.url, 5.0)
        yield found, connection
        await connection.close()


async def observed(connection: Connection, partitions: int, count: int) -> list[Observation]:
    async with asyncio.timeout(10):
        while True:
            entries = [each for number in range(partitions) for each in await RedisObservations(connection, number).read("0-0", 100, 0.01)]
            if len(entries) >= count:
                return [each.seen for each in entries if each.seen is not None]


@pytest.mark.slow
async def test_what_is_asked_is_learned_and_recorded_without_its_text(store: tuple[Server, Connection], tmp_path: Path) -> None:
    server, connection = store
    (tmp_path / "policy.yaml").write_text(POLICY)
    (tmp_path / "settings.yaml").write_text("partitions: 2\nanalyst: false\n")
    canaries = Canaries()
    prompt = f"say 3 words, {canaries.word('prompt')} {canaries.word('more of the prompt')}"
    async with (
        demo_model() as model,
        gateway(
            "--upstream",
            model,
            "--policy",
            str(tmp_path / "policy.yaml"),
            "--settings",
            str(tmp_path / "settings.yaml"),
            "--store",
            server.url,
        ) as gate,
    ):
        async with AsyncOpenAI(base_url=f"{gate.url}/v1", api_key=await key_of(gate, "ann"), max_retries=0) as client:
            said = await client.chat.completions.create(model="demo-small", messages=[{"role": "user", "content": prompt}])
            history = [
                {"role": "user", "content": prompt},
                {"role": "assistant", "content": said.choices[0].message.content},
                {"role": "user", "content": "say 2 words"},
            ]
            await client.chat.completions.create(model="demo-small", messages=history)  # type: ignore[arg-type]
        first, second = await observed(connection, 2, 2)
        kept = await dump(server.url) + gate.log.read_bytes()
    assert (first.account, first.model, first.opening, bool(first.sketch)) == ("ann", "demo-small", True, True)
    assert (second.opening, second.sketch, second.turns) == (False, (), 3)
    assert first.conversation == second.conversation != 0
    assert first.software == second.software != 0
    assert first.output > 0
    (trace,) = (tmp_path / "traces").glob("*.jsonl")
    with Trace(trace) as lines:
        assert [each.seen for each in lines if isinstance(each, Exchange)] == [first, second]
    assert canaries.found_in(kept + files(tmp_path / "traces")) == []
