"""The demo model's Responses as the official OpenAI SDK sees them."""

import json

import openai
import pytest

from proxy.demo.openai_responses import Responses
from proxy.demo.wire import Asked
from proxy.errors import CallerError
from tests.demo.conftest import Demo

TOOL = {
    "type": "function",
    "name": "weather",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    "strict": False,
}


async def events(demo: Demo, **request):
    return [event async for event in await demo.openai.responses.create(stream=True, **request)]


async def test_a_whole_response(demo: Demo) -> None:
    answer = await demo.openai.responses.create(model="demo-small", input="say 6 words", instructions="be kind")
    assert len(answer.output_text.split()) == answer.usage.output_tokens == 6
    assert answer.usage.input_tokens == 5
    assert answer.status == "completed"


async def test_the_events_come_in_the_real_order(demo: Demo) -> None:
    told = await events(demo, model="demo-small", input="say 2 words")
    assert [event.type.removeprefix("response.") for event in told] == [
        "created", "in_progress", "output_item.added", "content_part.added", "output_text.delta", "output_text.delta",
        "output_text.done", "content_part.done", "output_item.done", "completed",
    ]  # fmt: skip
    assert [event.sequence_number for event in told] == list(range(10))
    assert told[0].response.usage is None
    assert told[-1].response.usage.output_tokens == (await demo.ledger())["output_tokens"] == 2


async def test_a_stream_says_the_same_as_a_whole_response(demo: Demo) -> None:
    whole = await demo.openai.responses.create(model="demo-reasoner", input="say 9 words", reasoning={"summary": "auto"})
    told = await events(demo, model="demo-reasoner", input="say 9 words", reasoning={"summary": "auto"})
    assert "".join(event.delta for event in told if event.type == "response.output_text.delta") == whole.output_text
    summary = "".join(event.delta for event in told if event.type == "response.reasoning_summary_text.delta")
    assert summary == whole.output[0].summary[0].text
    assert whole.usage.output_tokens_details.reasoning_tokens == len(summary.split()) == 20


async def test_reasoning_that_is_not_shown_is_counted_all_the_same(demo: Demo) -> None:
    told = await events(demo, model="demo-reasoner", input="say 9 words", include=["reasoning.encrypted_content"])
    final = told[-1].response
    assert final.output[0].summary == []
    assert final.output[0].encrypted_content
    assert final.usage.output_tokens == (await demo.ledger())["output_tokens"] == 29


async def test_a_cap_leaves_it_incomplete(demo: Demo) -> None:
    told = await events(demo, model="demo-small", input="say 9 words", max_output_tokens=4)
    assert told[-1].type == "response.incomplete"
    assert told[-1].response.incomplete_details.reason == "max_output_tokens"


async def test_a_function_call(demo: Demo) -> None:
    told = await events(demo, model="demo-small", input="use the tool", tools=[TOOL])
    arguments = "".join(event.delta for event in told if event.type == "response.function_call_arguments.delta")
    item = told[-1].response.output[0]
    assert (item.type, item.name, item.arguments) == ("function_call", "weather", arguments)
    assert set(json.loads(arguments)) == {"city"}


async def test_the_sdks_own_stream_helper_understands_it(demo: Demo) -> None:
    async with demo.openai.responses.stream(model="demo-reasoner", input="say 7 words", reasoning={"summary": "auto"}) as stream:
        final = await stream.get_final_response()
    assert len(final.output_text.split()) == 7


async def test_a_response_can_be_fetched_and_replayed_without_generating(demo: Demo) -> None:
    told = await events(demo, model="demo-small", input="say 3 words please")
    name = told[-1].response.id
    ledger = await demo.ledger()
    assert await demo.openai.responses.retrieve(name) == told[-1].response
    replay = [event async for event in await demo.openai.responses.retrieve(name, stream=True)]
    assert replay == told
    rest = [event async for event in await demo.openai.responses.retrieve(name, stream=True, starting_after=5)]
    assert rest == told[6:]
    assert (await demo.ledger())["output_tokens"] == ledger["output_tokens"]


async def test_a_response_that_is_not_stored_is_not_found(demo: Demo) -> None:
    answer = await demo.openai.responses.create(model="demo-small", input="forget this", store=False)
    with pytest.raises(openai.NotFoundError):
        await demo.openai.responses.retrieve(answer.id)


async def test_a_conversation_goes_on_from_a_response(demo: Demo) -> None:
    first = await demo.openai.responses.create(model="demo-small", input="say 10 words")
    second = await demo.openai.responses.create(model="demo-small", input="and now", previous_response_id=first.id)
    assert (second.usage.input_tokens, second.usage.input_tokens_details.cached_tokens) == (15, 13)


def test_the_memory_is_bounded() -> None:
    responses = Responses(kept=2)
    for number in range(5):
        responses.create(Asked(b'{"model": "demo-small", "input": "hi"}', str(number)))
    with pytest.raises(CallerError, match="not found"):
        responses.fetch(Asked(b"", "x", {"id": "resp_2"}))
    assert responses.fetch(Asked(b"", "x", {"id": "resp_3"})).body
