"""The official SDKs through the gateway, compared with the same calls made at the model directly."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from anthropic import AsyncAnthropic
from openai import AsyncOpenAI

from tests.e2e.conftest import Client
from tests.support.gateway import Running
from tests.support.meters import until, used

ASK: Any = {"model": "demo-small", "messages": [{"role": "user", "content": "Tell me of ships. say 30 words"}]}
TOOL: Any = {"type": "function", "function": {"name": "look_up", "parameters": {"type": "object", "properties": {"q": {"type": "string"}}}}}
CLAUDE: Any = {"model": "demo-reasoner", "max_tokens": 300, "messages": [{"role": "user", "content": "Tell me of ships."}]}


async def streamed(stream: Any) -> list[Any]:
    return [event.model_dump() async for event in await stream]


async def chat(sdk: AsyncOpenAI) -> Any:
    return (await sdk.chat.completions.create(**ASK, n=2, logprobs=True, top_logprobs=2)).model_dump()


async def chat_stream(sdk: AsyncOpenAI) -> Any:
    return await streamed(sdk.chat.completions.create(**ASK, stream=True))


async def chat_stream_with_usage(sdk: AsyncOpenAI) -> Any:
    return await streamed(sdk.chat.completions.create(**ASK, stream=True, stream_options={"include_usage": True}))


async def chat_stream_reasoning(sdk: AsyncOpenAI) -> Any:
    return await streamed(sdk.chat.completions.create(**{**ASK, "model": "demo-reasoner"}, stream=True))


async def tool_call(sdk: AsyncOpenAI) -> Any:
    return (await sdk.chat.completions.create(**ASK, tools=[TOOL], tool_choice="required")).model_dump()


async def tool_call_stream(sdk: AsyncOpenAI) -> Any:
    return await streamed(sdk.chat.completions.create(**ASK, tools=[TOOL], tool_choice="required", stream=True))


async def completion(sdk: AsyncOpenAI) -> Any:
    return (await sdk.completions.create(model="demo-small", prompt=["one", "two"], max_tokens=9)).model_dump()


async def completion_stream(sdk: AsyncOpenAI) -> Any:
    return await streamed(sdk.completions.create(model="demo-small", prompt="one", max_tokens=9, stream=True))


async def embeddings(sdk: AsyncOpenAI) -> Any:
    return (await sdk.embeddings.create(model="demo-small", input=["one", "two"])).model_dump()


async def response(sdk: AsyncOpenAI) -> Any:
    made = await sdk.responses.create(model="demo-reasoner", input="Tell me of ships.")
    return [made.model_dump(), (await sdk.responses.retrieve(made.id)).model_dump()]


async def response_stream(sdk: AsyncOpenAI) -> Any:
    return await streamed(
        sdk.responses.create(model="demo-reasoner", input="Tell me of ships.", reasoning={"summary": "auto"}, stream=True)
    )


async def models(sdk: AsyncOpenAI) -> Any:
    return [model.model_dump() async for model in sdk.models.list()] + [(await sdk.models.retrieve("demo-small")).model_dump()]


async def messages(sdk: AsyncAnthropic) -> Any:
    return (await sdk.messages.create(**CLAUDE, thinking={"type": "enabled", "budget_tokens": 1024})).model_dump()


async def messages_stream(sdk: AsyncAnthropic) -> Any:
    return await streamed(sdk.messages.create(**CLAUDE, stream=True))


async def messages_tool(sdk: AsyncAnthropic) -> Any:
    tool: Any = {"name": "look_up", "input_schema": {"type": "object", "properties": {"q": {"type": "string"}}}}
    return (await sdk.messages.create(**CLAUDE, tools=[tool], tool_choice={"type": "any"})).model_dump()


async def messages_helper(sdk: AsyncAnthropic) -> Any:
    async with sdk.messages.stream(**CLAUDE) as stream:
        return (await stream.get_final_message()).model_dump()


async def count_tokens(sdk: AsyncAnthropic) -> Any:
    return (await sdk.messages.count_tokens(model="demo-small", messages=CLAUDE["messages"])).model_dump()


async def claude_models(sdk: AsyncAnthropic) -> Any:
    return [model.model_dump() async for model in sdk.models.list()]


def nameless(found: Any) -> Any:
    """Without ids: the demo model derives them from the request's bytes, which gain `stream_options` on the way."""
    if isinstance(found, dict):
        return {name: nameless(value) for name, value in found.items() if name != "id"}
    return [nameless(value) for value in found] if isinstance(found, list) else found


OPENAI = [chat, chat_stream, chat_stream_with_usage, chat_stream_reasoning, tool_call, tool_call_stream, completion, completion_stream,
    embeddings, response, response_stream, models]  # fmt: skip
ANTHROPIC = [messages, messages_stream, messages_tool, messages_helper, count_tokens, claude_models]


@pytest.mark.parametrize("call", OPENAI, ids=lambda call: call.__name__)
async def test_openai_sdk_sees_no_difference(call: Callable[[AsyncOpenAI], Awaitable[Any]], client: Client) -> None:
    async with AsyncOpenAI(base_url=client.model + "/v1", api_key="none", max_retries=0) as direct:
        expected = await call(direct)
    assert nameless(await call(client.openai)) == nameless(expected)


@pytest.mark.parametrize("call", ANTHROPIC, ids=lambda call: call.__name__)
async def test_anthropic_sdk_sees_no_difference(call: Callable[[AsyncAnthropic], Awaitable[Any]], client: Client) -> None:
    async with AsyncAnthropic(base_url=client.model, api_key="none", max_retries=0) as direct:
        expected = await call(direct)
    assert await call(client.anthropic) == expected


async def test_a_stream_is_charged_as_the_model_counted_it_although_nobody_asked_for_usage(client: Client, shared_gate: Running) -> None:
    await chat_stream(client.openai)
    ledger = await client.ledger()
    assert ledger["output_tokens"] == 30
    await until(lambda: used(shared_gate, client.account, "tokens/minute"), lambda tokens: tokens > 0)
    assert await used(shared_gate, client.account, "requests/minute") <= 1
