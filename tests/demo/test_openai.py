"""The demo model as the official OpenAI SDK sees it."""

import json

import openai
import pytest

from proxy.demo.kinds import MODELS
from tests.demo.conftest import Demo

HELLO = [{"role": "user", "content": "Hello there, say 12 words"}]
WEATHER = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer"}, "unit": {"enum": ["celsius"]}},
}
TOOLS = [{"type": "function", "function": {"name": "weather", "parameters": WEATHER}}]


async def streamed(demo: Demo, **request):
    return [chunk async for chunk in await demo.openai.chat.completions.create(stream=True, **request)]


async def test_a_chat_answers_and_counts_words(demo: Demo) -> None:
    answer = await demo.openai.chat.completions.create(model="demo-small", messages=HELLO)
    text = answer.choices[0].message.content
    assert text.startswith("Demo answer: ")
    assert len(text.split()) == answer.usage.completion_tokens == 12
    assert answer.usage.prompt_tokens == 5
    ledger = await demo.ledger()
    assert (ledger["requests"], ledger["input_tokens"], ledger["output_tokens"], ledger["cancelled"]) == (1, 5, 12, 0)


async def test_the_usual_length_is_forty(demo: Demo) -> None:
    answer = await demo.openai.chat.completions.create(model="demo-small", messages=[{"role": "user", "content": "Hi"}])
    assert (answer.usage.completion_tokens, answer.choices[0].finish_reason) == (40, "stop")


@pytest.mark.parametrize("cap", ["max_tokens", "max_completion_tokens"])
async def test_a_cap_cuts(demo: Demo, cap: str) -> None:
    answer = await demo.openai.chat.completions.create(model="demo-small", messages=HELLO, **{cap: 5})
    assert (answer.usage.completion_tokens, answer.choices[0].finish_reason) == (5, "length")


async def test_a_stop_sequence_ends_the_text_before_it(demo: Demo) -> None:
    free = await demo.openai.chat.completions.create(model="demo-small", messages=HELLO)
    word = free.choices[0].message.content.split()[6]
    answer = await demo.openai.chat.completions.create(model="demo-small", messages=HELLO, stop=word)
    said = answer.choices[0].message.content
    assert said == free.choices[0].message.content.split(word)[0]
    assert answer.usage.completion_tokens == (await demo.ledger())["output_tokens"] - 12 == 6 + said.endswith(" ")


async def test_a_stream_says_the_same_as_a_whole_answer(demo: Demo) -> None:
    whole = await demo.openai.chat.completions.create(model="demo-small", messages=HELLO, n=3)
    chunks = await streamed(demo, model="demo-small", messages=HELLO, n=3)
    texts = ["", "", ""]
    for chunk in chunks:
        texts[chunk.choices[0].index] += chunk.choices[0].delta.content or ""
    assert texts == [choice.message.content for choice in whole.choices]
    assert len(set(texts)) == 3
    assert all("usage" not in chunk.model_fields_set for chunk in chunks)


async def test_usage_in_a_stream_comes_as_openai_sends_it(demo: Demo) -> None:
    chunks = await streamed(demo, model="demo-small", messages=HELLO, stream_options={"include_usage": True})
    assert all("usage" in chunk.model_fields_set and chunk.usage is None for chunk in chunks[:-1])
    assert chunks[-1].choices == []
    assert (chunks[-1].usage.prompt_tokens, chunks[-1].usage.completion_tokens) == (5, 12)


async def test_the_reasoner_reasons_and_counts_it(demo: Demo) -> None:
    chunks = await streamed(demo, model="demo-reasoner", messages=HELLO, stream_options={"include_usage": True})
    thought = [part for chunk in chunks[:-1] if (part := getattr(chunk.choices[0].delta, "reasoning_content", None))]
    usage = chunks[-1].usage
    assert len(thought) == usage.completion_tokens_details.reasoning_tokens == 20
    assert usage.completion_tokens == (await demo.ledger())["output_tokens"] == 32


async def test_earlier_turns_count_as_cached(demo: Demo) -> None:
    turns = [
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": "one two"},
        {"role": "assistant", "content": "three"},
        {"role": "user", "content": "four"},
    ]
    answer = await demo.openai.chat.completions.create(model="demo-small", messages=turns)
    assert (answer.usage.prompt_tokens, answer.usage.prompt_tokens_details.cached_tokens) == (6, 5)


@pytest.mark.parametrize("choice", ["required", {"type": "function", "function": {"name": "weather"}}])
async def test_a_tool_is_called_where_it_must_be(demo: Demo, choice) -> None:
    answer = await demo.openai.chat.completions.create(model="demo-small", messages=HELLO, tools=TOOLS, tool_choice=choice)
    call = answer.choices[0].message.tool_calls[0].function
    arguments = json.loads(call.arguments)
    assert (call.name, arguments["unit"]) == ("weather", "celsius")
    assert isinstance(arguments["days"], int)
    assert answer.choices[0].finish_reason == "tool_calls"
    assert answer.usage.completion_tokens == len(call.arguments.split())


async def test_a_tool_is_called_where_the_user_speaks_of_one_and_not_after_its_result(demo: Demo) -> None:
    asked = [{"role": "user", "content": "use the tool please"}]
    chunks = await streamed(demo, model="demo-small", messages=asked, tools=TOOLS)
    calls = [chunk.choices[0].delta.tool_calls[0] for chunk in chunks if chunk.choices[0].delta.tool_calls]
    assert calls[0].function.name == "weather"
    assert json.loads("".join(call.function.arguments for call in calls))["unit"] == "celsius"
    call = {"id": calls[0].id, "type": "function", "function": {"name": "weather", "arguments": "{}"}}
    asked += [{"role": "assistant", "tool_calls": [call]}, {"role": "tool", "tool_call_id": calls[0].id, "content": "sunny"}]
    answer = await demo.openai.chat.completions.create(model="demo-small", messages=asked, tools=TOOLS)
    assert answer.choices[0].message.content.startswith("Demo answer:")


async def test_the_sdks_own_stream_helper_understands_all_of_it(demo: Demo) -> None:
    async with demo.openai.chat.completions.stream(model="demo-reasoner", messages=HELLO, tools=TOOLS, tool_choice="required") as stream:
        final = await stream.get_final_completion()
    assert json.loads(final.choices[0].message.tool_calls[0].function.arguments)["unit"] == "celsius"


@pytest.mark.parametrize("stream", [False, True])
async def test_logprobs(demo: Demo, stream: bool) -> None:
    request = {"model": "demo-small", "messages": HELLO, "logprobs": True, "top_logprobs": 3}
    if stream:
        chunks = await streamed(demo, **request)
        told = [entry for chunk in chunks if chunk.choices[0].logprobs for entry in chunk.choices[0].logprobs.content]
    else:
        told = (await demo.openai.chat.completions.create(**request)).choices[0].logprobs.content
    assert len(told) == 12
    for entry in told:
        assert entry.top_logprobs[0].token == entry.token
        assert len({other.token for other in entry.top_logprobs}) == 3
        assert [other.logprob for other in entry.top_logprobs] == sorted((other.logprob for other in entry.top_logprobs), reverse=True)


async def test_legacy_completions(demo: Demo) -> None:
    request = {"model": "demo-small", "prompt": ["say 3 words", "say 4 words"], "logprobs": 2}
    whole = await demo.openai.completions.create(**request)
    assert [len(choice.text.split()) for choice in whole.choices] == [3, 4]
    assert (whole.usage.prompt_tokens, whole.usage.completion_tokens) == (6, 7)
    assert whole.choices[1].logprobs.text_offset[:3] == [0, 4, 12]
    chunks = [chunk async for chunk in await demo.openai.completions.create(**request, stream=True, stream_options={"include_usage": True})]
    texts = ["", ""]
    for chunk in chunks[:-1]:
        texts[chunk.choices[0].index] += chunk.choices[0].text
    assert texts == [choice.text for choice in whole.choices]
    assert chunks[-1].usage == whole.usage


async def test_embeddings_say_the_same_in_both_formats(demo: Demo) -> None:
    numbers = await demo.openai.embeddings.create(model="demo-small", input=["one two", "three"], encoding_format="float", dimensions=16)
    packed = await demo.openai.embeddings.create(model="demo-small", input=["one two", "three"], dimensions=16)
    assert [one.embedding for one in packed.data] == [one.embedding for one in numbers.data]
    assert sum(part * part for part in numbers.data[0].embedding) == pytest.approx(1.0, abs=1e-5)
    assert numbers.usage.prompt_tokens == 3
    assert (await demo.openai.embeddings.create(model="demo-small", input=[1, 2, 3])).usage.prompt_tokens == 3


async def test_models(demo: Demo) -> None:
    assert [model.id async for model in demo.openai.models.list()] == list(MODELS)
    assert (await demo.openai.models.retrieve("demo-large")).owned_by == "stillgate-demo"


async def test_faults_of_a_request_are_told_in_openais_words(demo: Demo) -> None:
    with pytest.raises(openai.NotFoundError) as unknown:
        await demo.openai.chat.completions.create(model="gpt", messages=HELLO)
    assert unknown.value.code == "model_not_found"
    with pytest.raises(openai.BadRequestError, match=r"max_tokens"):
        await demo.openai.chat.completions.create(model="demo-small", messages=HELLO, max_tokens=0)
    with pytest.raises(openai.NotFoundError):
        await demo.openai.models.retrieve("gpt")
