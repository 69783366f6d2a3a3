"""`demo-signed` in Anthropic's dialect, through its SDK: a conversation with tools goes well, and thinking of another make is refused."""

import copy
import json
from collections.abc import Callable
from typing import Any

import anthropic
import pytest

from tests.demo.conftest import Demo

TOOLS = [
    {"name": "weather", "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}}},
    {"name": "time", "input_schema": {"type": "object", "properties": {"zone": {"type": "string"}}}},
]
ENABLED = {"type": "enabled", "budget_tokens": 1024}
ADAPTIVE = {"type": "adaptive"}
PLAIN = {"model": "demo-signed", "max_tokens": 2000, "tools": TOOLS, "thinking": ENABLED}

Turns = list[dict[str, Any]]


async def said(demo: Demo, messages: Turns, *, stream: bool = False, **more):
    request = PLAIN | more | {"messages": messages}
    if not stream:
        return await demo.anthropic.messages.create(**request)
    async with demo.anthropic.messages.stream(**request) as told:
        return await told.get_final_message()


def answered(messages: Turns, message: Any) -> Turns:
    """The conversation with the model's turn, and a result for each of its calls."""
    calls = [block.id for block in message.content if block.type == "tool_use"]
    results = [{"type": "tool_result", "tool_use_id": name, "content": f"result {place}"} for place, name in enumerate(calls)]
    return [*messages, {"role": "assistant", "content": message.content}, {"role": "user", "content": results}]


def asking(text: str) -> Turns:
    return [{"role": "user", "content": text}]


async def tool_turn(demo: Demo, text: str = "use the tool", **more) -> Turns:
    """A conversation whose last message is a tool's result, as plain JSON."""
    message = await said(demo, asking(text), **more)
    turns = answered(asking(text), message)
    turns[1]["content"] = [block.model_dump(exclude_none=True) for block in message.content]
    return turns


async def refusal(demo: Demo, messages: Turns, **more) -> str:
    with pytest.raises(anthropic.BadRequestError) as refused:
        await said(demo, messages, **more)
    assert refused.value.body["error"]["type"] == "invalid_request_error"
    return refused.value.body["error"]["message"]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("thinking", [ENABLED, ADAPTIVE, ENABLED | {"display": "omitted"}, ADAPTIVE | {"display": "summarized"}])
@pytest.mark.parametrize(("text", "calls"), [("use the tool", 1), ("use two tools", 2), ("redact, use two tools", 2)])
async def test_a_conversation_with_tools(demo: Demo, stream: bool, thinking: dict, text: str, calls: int) -> None:
    turns = asking(text)
    first = await said(demo, turns, stream=stream, thinking=thinking)
    assert [block.type for block in first.content[1:]] == ["tool_use"] * calls
    assert len({block.id for block in first.content[1:]}) == calls
    turns = answered(turns, first)
    second = await said(demo, turns, stream=stream, thinking=thinking)
    assert [block.type.removeprefix("redacted_") for block in second.content] == ["thinking", "text"]
    turns += [{"role": "assistant", "content": second.content}, {"role": "user", "content": "thank you"}]
    third = await said(demo, turns, stream=stream, thinking=thinking)
    assert third.stop_reason == "end_turn"
    assert (await demo.anthropic.messages.count_tokens(model="demo-signed", messages=turns, thinking=thinking)).input_tokens > 0


@pytest.mark.parametrize("text", ["use two tools", "redact and use the tool"])
async def test_a_stream_says_the_same_as_a_whole_message(demo: Demo, text: str) -> None:
    whole, streamed = await said(demo, asking(text)), await said(demo, asking(text), stream=True)
    assert [block.model_dump(exclude_none=True) for block in streamed.content] == [
        block.model_dump(exclude_none=True) for block in whole.content
    ]
    assert streamed.usage.output_tokens == whole.usage.output_tokens == (await demo.ledger())["output_tokens"] / 2


async def test_omitted_thinking_has_the_same_signature_and_leads_to_the_same_answer(demo: Demo) -> None:
    shown, omitted = await tool_turn(demo), await tool_turn(demo, thinking=ENABLED | {"display": "omitted"})
    assert omitted[1]["content"][0] == shown[1]["content"][0] | {"thinking": ""}
    answers = [await said(demo, turns) for turns in (shown, omitted)]
    assert answers[0].content == answers[1].content


async def test_thinking_can_be_switched_off_and_must_be_asked_for(demo: Demo) -> None:
    for thinking in ({"type": "disabled"}, anthropic.omit):
        message = await said(demo, asking("use the tool"), thinking=thinking)
        assert [block.type for block in message.content] == ["tool_use"]
        await said(demo, answered(asking("use the tool"), message), thinking=thinking)


async def test_effort_and_budget_shorten_the_thinking(demo: Demo) -> None:
    async def thought(text: str = "hi", **more) -> int:
        return (await said(demo, asking(text), **more)).usage.output_tokens_details.thinking_tokens

    efforts = [await thought(output_config={"effort": effort}) for effort in ("low", "medium", "high", "max")]
    assert efforts == [5, 10, 20, 30]
    assert await thought("think 1500 words", max_tokens=9000) == 1024
    assert "Supported values are: none, minimal, low" in await refusal(demo, asking("hi"), output_config={"effort": "much"})


async def test_an_answer_does_not_depend_on_the_effort(demo: Demo) -> None:
    low, high = await tool_turn(demo, output_config={"effort": "low"}), await tool_turn(demo)
    assert low[1]["content"][0]["thinking"] != high[1]["content"][0]["thinking"]
    assert (await said(demo, low)).content[-1] == (await said(demo, high)).content[-1]


MODIFIED = "blocks in the latest assistant message cannot be modified. These blocks must remain as they were in the original response."


def longer(block: dict) -> None:
    block["thinking"] += " and more"


def half(block: dict) -> None:
    block["thinking"] = block["thinking"][: len(block["thinking"]) // 2]


def forged(block: dict) -> None:
    block["signature"] = block["signature"][:-4] + "AAAA"


def bare(block: dict) -> None:
    del block["signature"]


@pytest.mark.parametrize(
    ("change", "message"),
    [(longer, MODIFIED), (half, MODIFIED), (forged, "Invalid `signature` in `thinking` block"), (bare, "Invalid `signature`")],
)
@pytest.mark.parametrize("thinking", [ENABLED, {"type": "disabled"}])
async def test_altered_thinking_is_refused(demo: Demo, change: Callable[[dict], None], message: str, thinking: dict) -> None:
    turns = copy.deepcopy(await tool_turn(demo))
    change(turns[1]["content"][0])
    assert (await refusal(demo, turns, thinking=thinking)).startswith("messages.1.content.0: ")
    assert message in await refusal(demo, turns, thinking=thinking)
    with pytest.raises(anthropic.BadRequestError, match=r"messages\.1\.content\.0"):
        await demo.anthropic.messages.count_tokens(model="demo-signed", messages=turns, thinking=thinking, tools=TOOLS)


@pytest.mark.parametrize("model", ["demo-signed-large", "demo-reasoner"])
async def test_another_models_thinking_is_refused(demo: Demo, model: str) -> None:
    turns = await tool_turn(demo, model=model)
    assert await refusal(demo, turns) == "messages.1.content.0: Invalid `signature` in `thinking` block"


async def test_redacted_thinking_must_come_back_as_it_was(demo: Demo) -> None:
    turns = await tool_turn(demo, "redact and use the tool")
    assert set(turns[1]["content"][0]) == {"type", "data"}
    foreign = await tool_turn(demo, "redact and use the tool", model="demo-signed-large")
    assert await refusal(demo, foreign) == "messages.1.content.0: Invalid `data` in `redacted_thinking` block"
    turns[1]["content"][0]["data"] = "A" + turns[1]["content"][0]["data"][1:]
    assert await refusal(demo, turns) == "messages.1.content.0: Invalid `data` in `redacted_thinking` block"


@pytest.mark.parametrize("thinking", [ENABLED, ADAPTIVE])
async def test_an_open_tool_turn_must_begin_with_its_thinking(demo: Demo, thinking: dict) -> None:
    turns = await tool_turn(demo)
    del turns[1]["content"][0]
    message = await refusal(demo, turns, thinking=thinking)
    assert message.startswith(
        "messages.1.content.0.type: Expected `thinking` or `redacted_thinking`, but found `tool_use`. When `thinking` is"
    )
    await said(demo, turns, thinking={"type": "disabled"})
    await said(demo, [*turns, {"role": "assistant", "content": "done"}, {"role": "user", "content": "and now"}], thinking=thinking)


async def test_a_budget_must_be_one_that_the_real_api_takes(demo: Demo) -> None:
    assert "greater than or equal to 1024" in await refusal(demo, asking("hi"), thinking=ENABLED | {"budget_tokens": 1000})
    assert "must be greater than `thinking.budget_tokens`" in await refusal(demo, asking("hi"), max_tokens=1024)
    assert "budget_tokens: Field required" in await refusal(demo, asking("hi"), thinking={"type": "enabled"})


async def test_odd_histories_are_read_without_a_crash(demo: Demo) -> None:
    odd = [
        {"role": "assistant", "content": [{"type": "thinking", "thinking": 5, "signature": []}]},
        {"role": "assistant", "content": ["x", 3]},
    ]
    odd.append({"role": "assistant", "content": [{"type": []}, {"type": {}}]})
    for messages in ([odd[0]], [odd[2]], [*asking("hi"), odd[1]], [{"role": "user", "content": [{"type": "tool_result"}]}]):
        status, body = await demo.post("/v1/messages", PLAIN | {"messages": messages})
        assert status in {200, 400}
        assert json.loads(body)["type"] in {"message", "error"}
