"""What a request says of its answer: whether the model's template opens a tag for it."""

import json
from typing import Any

import pytest

from proxy.core.ladder import Hold, Rung, Standing
from proxy.core.shaping import Knobs
from tests.support.line import House, Script
from tests.support.policies import policy

RULE = policy(knobs=(("m", Knobs(frozenset({"enable_thinking"}), preopened=True)),))
DEGRADED = Standing().held(Hold(Rung.DEGRADED, 0.0, "ops", "a trial")).text()


async def answered(said: str, *, stream: bool, **more: Any) -> str:
    """What a degraded account's caller is shown where the model says `said`."""
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "hi"}], "stream": stream, **more}).encode()
    words = {"delta" if stream else "message": {"content": said}}
    answer = json.dumps({"choices": [{"index": 0, **words, "finish_reason": "stop"}]}).encode()
    chunks = (b"data: " + answer + b"\n\n", b"data: [DONE]\n\n") if stream else (answer,)
    house = House(RULE, {"r": Script(body, chunks, streamed=stream)})
    house.store.standings["ann"] = DEGRADED
    await house.exchange("r").run()
    told = house.callers["r"].body.removeprefix(b"data: ").partition(b"\n\n")[0]
    return json.loads(told)["choices"][0]["delta" if stream else "message"]["content"]


@pytest.mark.parametrize("stream", [False, True])
async def test_an_answer_begins_inside_of_reasoning_unless_the_caller_switched_thinking_off(stream: bool) -> None:
    shown = await answered("secret</think>Hi", stream=stream)
    assert "secret" not in shown
    assert shown.endswith("</think>Hi")
    for off in ({"chat_template_kwargs": {"enable_thinking": False}}, {"enable_thinking": False}):
        assert await answered("Hi", stream=stream, **off) == "Hi"
    unknown: dict[str, Any] = {"reasoning_effort": "none"}
    assert "secret" not in await answered("secret</think>Hi", stream=stream, **unknown)
