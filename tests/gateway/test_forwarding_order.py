"""In which order a shaped or slowed answer does things, and what it holds meanwhile."""

import asyncio
import json
from typing import Any

import pytest

from proxy.core.ladder import Rung
from proxy.core.policy import Capacity
from proxy.core.rules import Binding
from proxy.core.sanctions.reasoning import Reasoning
from proxy.core.sanctions.throttle import Throttle
from proxy.core.sealing import MARK
from proxy.core.shaping import Reasoning as Wanted
from proxy.core.shaping import Show
from proxy.errors import UpstreamError
from proxy.gateway import relay
from proxy.gateway.forwarding import LONGEST
from tests.gateway.test_forwarding import SECRET, asked, chat, ruled
from tests.support.line import House, MemoryCaller

SLOW = Throttle(1.0, 2.0)
LONG = json.dumps({"choices": [{"message": {"content": "a" * 200_000}}], "usage": {"prompt_tokens": 1, "completion_tokens": 40_000}})


def event(**delta: Any) -> bytes:
    return b"data: " + json.dumps({"id": "c", "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}).encode() + b"\n\n"


async def test_what_a_token_names_is_in_the_store_before_the_token_is_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """An agent sends its next turn at once."""
    house = House(ruled(Rung.DEGRADED, Reasoning(Wanted(Show.OMIT)), binding=Binding(on=True, restore="store")), {})
    house.store.standings["ann"] = "degraded"
    done: list[str] = []
    write, remember = MemoryCaller.write, house.store.remember

    async def written(self: MemoryCaller, data: bytes) -> None:
        done.extend(["token"] if MARK.encode() in data else [])
        await write(self, data)

    async def remembered(*args: Any) -> None:
        done.append("store")
        await remember(*args)

    monkeypatch.setattr(MemoryCaller, "write", written)
    monkeypatch.setattr(house.store, "remember", remembered)
    answer = (event(reasoning_content=SECRET), event(content="hi"), b"data: [DONE]\n\n")
    await asked(house, chat(stream=True), answer, streamed=True)
    assert done == ["store", "token"]


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Answers that wait for their pace wait for it."""
    until, sleep = asyncio.Event(), asyncio.sleep

    async def wait(seconds: float) -> None:
        await (until.wait() if seconds > 1 else sleep(0))

    monkeypatch.setattr("proxy.gateway.forwarding.asyncio.sleep", wait)
    return until


async def test_who_waits_for_the_pace_takes_nobodys_place(slept: asyncio.Event) -> None:
    house = House(ruled(Rung.THROTTLED, SLOW, capacity=Capacity(1, 0.01, 100)), {})
    house.store.standings["ann"] = "throttled"
    waiting = asyncio.ensure_future(asked(house, chat(), (LONG.encode(),)))
    while house.places.taken or not house.upstream.answers:
        await asyncio.sleep(0)
    assert (await asked(house, chat(), (LONG.encode(),), account="bob")).status == 200
    slept.set()
    assert (await waiting).status == 200
    assert house.places.taken == 0


async def test_who_leaves_while_a_large_answer_is_read_is_not_waited_for(slept: asyncio.Event, monkeypatch: pytest.MonkeyPatch) -> None:
    house = House(ruled(Rung.THROTTLED, SLOW), {})
    house.store.standings["ann"] = "throttled"
    loop, reading = asyncio.get_running_loop(), asyncio.Event()
    read = relay._read

    def noted(*args: Any) -> Any:
        loop.call_soon_threadsafe(reading.set)
        return read(*args)

    monkeypatch.setattr(relay, "_read", noted)
    leaving = asyncio.ensure_future(asked(house, chat(), (LONG.encode(),)))
    await reading.wait()
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    assert house.places.taken == 0


async def test_no_answer_waits_longer_than_the_sdks_do(monkeypatch: pytest.MonkeyPatch) -> None:
    house = House(ruled(Rung.THROTTLED, SLOW), {})
    house.store.standings["ann"] = "throttled"
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.extend([seconds] if seconds else [])

    monkeypatch.setattr("proxy.gateway.forwarding.asyncio.sleep", sleep)
    await asked(house, chat(), (LONG.encode(),))
    assert waits == [LONGEST]


async def test_a_rewriting_model_that_is_away_is_asked_once_for_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    house = House(ruled(Rung.DEGRADED, Reasoning(Wanted(Show.REWRITE, via="small"))), {})
    house.store.standings["ann"] = "degraded"
    send, asks = house.upstream.send, []

    async def sent(dispatch: Any) -> Any:
        if dispatch.model == "small":
            asks.append(dispatch)
            raise UpstreamError("it is away", sent=False)
        return await send(dispatch)

    monkeypatch.setattr(house.upstream, "send", sent)
    items = [{"type": "reasoning", "id": f"r{n}", "summary": [{"type": "summary_text", "text": f"{SECRET} {n}"}]} for n in range(20)]
    answer = json.dumps({"id": "resp_1", "object": "response", "status": "completed", "model": "m1", "output": items, "usage": None})
    caller = await asked(house, b'{"model": "m1", "input": "hi"}', (answer.encode(),), path="/v1/responses")
    assert caller.status == 200
    assert SECRET.encode() not in caller.body
    assert len(asks) == 1
