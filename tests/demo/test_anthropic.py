"""The demo model as the official Anthropic SDK sees it."""

import anthropic
import pytest

from proxy.demo.kinds import MODELS
from tests.demo.conftest import Demo

HELLO = [{"role": "user", "content": "Hello there, say 12 words"}]
THINK = {"type": "enabled", "budget_tokens": 1024}
TOOL = {"name": "weather", "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}}}


async def test_a_whole_message(demo: Demo) -> None:
    message = await demo.anthropic.messages.create(model="demo-small", max_tokens=100, messages=HELLO)
    assert len(message.content[0].text.split()) == message.usage.output_tokens == 12
    assert (message.usage.input_tokens, message.stop_reason) == (5, "end_turn")


async def test_a_stream_with_thinking_says_the_same_as_a_whole_message(demo: Demo) -> None:
    request = {"model": "demo-reasoner", "max_tokens": 100, "messages": HELLO, "thinking": THINK}
    whole = await demo.anthropic.messages.create(**request)
    async with demo.anthropic.messages.stream(**request) as stream:
        kinds = [event.type async for event in stream]
        final = await stream.get_final_message()
    assert [block.type for block in final.content] == ["thinking", "text"]
    assert final.content[0].thinking == whole.content[0].thinking
    assert final.content[0].signature == whole.content[0].signature
    assert final.content[1].text == whole.content[1].text
    assert kinds[0] == "message_start"
    assert kinds[-1] == "message_stop"
    assert final.usage.output_tokens == whole.usage.output_tokens == 32
    assert final.usage.output_tokens_details.thinking_tokens == 20
    assert (await demo.ledger())["output_tokens"] == 64


async def test_the_bare_events_are_those_of_the_real_api(demo: Demo) -> None:
    _, body = await demo.post("/v1/messages", {"model": "demo-small", "max_tokens": 1, "messages": HELLO, "stream": True})
    names = [line.removeprefix("event: ") for line in body.decode().splitlines() if line.startswith("event: ")]
    assert names == [
        "message_start", "content_block_start", "ping", "content_block_delta", "content_block_stop", "message_delta", "message_stop",
    ]  # fmt: skip


async def test_omitted_thinking_keeps_its_signature_and_its_cost(demo: Demo) -> None:
    thinking = {"type": "adaptive", "display": "omitted"}
    async with demo.anthropic.messages.stream(model="demo-reasoner", max_tokens=100, messages=HELLO, thinking=thinking) as stream:
        final = await stream.get_final_message()
    assert final.content[0].thinking == ""
    assert final.content[0].signature
    assert final.usage.output_tokens == (await demo.ledger())["output_tokens"] == 32


async def test_thinking_must_be_asked_for(demo: Demo) -> None:
    message = await demo.anthropic.messages.create(model="demo-reasoner", max_tokens=100, messages=HELLO)
    assert [block.type for block in message.content] == ["text"]


@pytest.mark.parametrize("choice", [{"type": "any"}, {"type": "tool", "name": "weather"}])
async def test_tool_use(demo: Demo, choice) -> None:
    request = {"model": "demo-small", "max_tokens": 100, "messages": HELLO, "tools": [TOOL], "tool_choice": choice}
    whole = await demo.anthropic.messages.create(**request)
    async with demo.anthropic.messages.stream(**request) as stream:
        final = await stream.get_final_message()
    assert final.content[0].input == whole.content[0].input
    assert set(whole.content[0].input) == {"city"}
    assert final.stop_reason == whole.stop_reason == "tool_use"


async def test_after_a_tools_result_it_answers_in_words(demo: Demo) -> None:
    asked = [{"role": "user", "content": "use the tool"}]
    call = (await demo.anthropic.messages.create(model="demo-small", max_tokens=100, messages=asked, tools=[TOOL])).content[0]
    result = {"type": "tool_result", "tool_use_id": call.id, "content": "sunny"}
    asked += [{"role": "assistant", "content": [call]}, {"role": "user", "content": [result]}]
    answer = await demo.anthropic.messages.create(model="demo-small", max_tokens=100, messages=asked, tools=[TOOL])
    assert answer.content[0].type == "text"


async def test_caps_and_stop_sequences(demo: Demo) -> None:
    cut = await demo.anthropic.messages.create(model="demo-small", max_tokens=5, messages=HELLO)
    assert (cut.stop_reason, cut.usage.output_tokens) == ("max_tokens", 5)
    stopped = await demo.anthropic.messages.create(model="demo-small", max_tokens=50, messages=HELLO, stop_sequences=["answer"])
    assert (stopped.stop_reason, stopped.stop_sequence, stopped.content[0].text) == ("stop_sequence", "answer", "Demo ")


async def test_the_cache_works_for_who_marks_a_block(demo: Demo) -> None:
    system = [{"type": "text", "text": "one two three", "cache_control": {"type": "ephemeral"}}]
    turns = [{"role": "user", "content": "four"}]
    first = (await demo.anthropic.messages.create(model="demo-small", max_tokens=5, system=system, messages=turns)).usage
    assert (first.input_tokens, first.cache_creation_input_tokens, first.cache_read_input_tokens) == (1, 3, 0)
    turns += [{"role": "assistant", "content": "five"}, {"role": "user", "content": "six"}]
    later = (await demo.anthropic.messages.create(model="demo-small", max_tokens=5, system=system, messages=turns)).usage
    assert (later.input_tokens, later.cache_creation_input_tokens, later.cache_read_input_tokens) == (1, 0, 5)
    assert (await demo.ledger())["input_tokens"] == 4 + 6


async def test_count_tokens_agrees_and_generates_nothing(demo: Demo) -> None:
    counted = await demo.anthropic.messages.count_tokens(model="demo-small", messages=HELLO, system="be kind", tools=[TOOL])
    assert counted.input_tokens == 7
    ledger = await demo.ledger()
    assert (ledger["requests"], ledger["input_tokens"], ledger["output_tokens"]) == (1, 0, 0)


async def test_models_in_anthropics_shape(demo: Demo) -> None:
    assert [model.id async for model in demo.anthropic.models.list()] == list(MODELS)
    assert (await demo.anthropic.models.retrieve("demo-large")).display_name == "Stillgate demo-large"


async def test_faults_of_a_request_are_told_in_anthropics_words(demo: Demo) -> None:
    with pytest.raises(anthropic.NotFoundError) as unknown:
        await demo.anthropic.messages.create(model="claude", max_tokens=5, messages=HELLO)
    assert unknown.value.body["error"]["type"] == "not_found_error"
    status, body = await demo.post("/v1/messages", {"model": "demo-small", "messages": HELLO})
    assert status == 400
    assert b"max_tokens" in body
