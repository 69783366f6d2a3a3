"""The strict models of OpenAI's chat, through its SDK: a conversation with tools goes well, and what the model did not say is refused."""

import copy
from collections.abc import Callable
from typing import Any

import openai
import pytest

from tests.demo.conftest import Demo

CITY = {"type": "object", "properties": {"city": {"type": "string"}}}
TOOLS = [{"type": "function", "function": {"name": name, "parameters": CITY}} for name in ("weather", "time")]
FIELDS = {"demo-deepseek": "reasoning_content", "demo-vllm": "reasoning"}
STRICT = [*FIELDS, "demo-gemini", "demo-inline", "demo-preopened"]

Turns = list[dict[str, Any]]


def asking(text: str) -> Turns:
    return [{"role": "user", "content": text}]


async def said(demo: Demo, model: str, messages: Turns, *, stream: bool = False, **more) -> dict[str, Any]:
    """The model's message as a client sends it back."""
    request = {"model": model, "messages": messages, "tools": TOOLS} | more
    if not stream:
        whole = await demo.openai.chat.completions.create(**request)
        return whole.choices[0].message.model_dump(exclude_none=True, exclude={"annotations"})
    async with demo.openai.chat.completions.stream(**request) as told:
        final = await told.get_final_completion()
    message = final.choices[0].message.model_dump(exclude_none=True)
    for call in message.get("tool_calls", ()):
        call.pop("index", None)
        call["function"].pop("parsed_arguments", None)
    return message


def answered(messages: Turns, message: dict[str, Any]) -> Turns:
    results = [{"role": "tool", "tool_call_id": call["id"], "content": "sunny"} for call in message["tool_calls"]]
    return [*messages, message, *results]


async def tool_turn(demo: Demo, model: str, text: str = "use two tools", **more) -> Turns:
    return copy.deepcopy(answered(asking(text), await said(demo, model, asking(text), **more)))


async def refusal(demo: Demo, model: str, messages: Turns, **more) -> str:
    with pytest.raises(openai.BadRequestError) as refused:
        await said(demo, model, messages, **more)
    return refused.value.body["message"]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("model", STRICT)
@pytest.mark.parametrize(("text", "calls"), [("use the tool", 1), ("use two tools", 2)])
async def test_a_conversation_with_tools(demo: Demo, model: str, stream: bool, text: str, calls: int) -> None:
    first = await said(demo, model, asking(text), stream=stream)
    assert len({call["id"] for call in first["tool_calls"]}) == calls
    turns = answered(asking(text), first)
    second = await said(demo, model, turns, stream=stream)
    assert "Demo answer:" in second["content"]
    third = await said(demo, model, [*turns, second, *asking("and the tool again")], stream=stream)
    assert third["tool_calls"]


async def test_how_a_client_writes_a_turn_is_all_the_same(demo: Demo) -> None:
    turns = await tool_turn(demo, "demo-gemini")
    terse, wordy = {"content": ""}, {"content": None, "annotations": [], "refusal": None}
    answers = [await said(demo, "demo-gemini", [turns[0], turns[1] | form, *turns[2:]]) for form in (terse, wordy)]
    assert answers[0] == answers[1]


@pytest.mark.parametrize("model", STRICT)
@pytest.mark.parametrize("text", ["use two tools", "hello"])
async def test_a_stream_says_the_same_as_a_whole_answer(demo: Demo, model: str, text: str) -> None:
    assert await said(demo, model, asking(text), stream=True) == (await said(demo, model, asking(text)))


async def test_one_call_at_a_time_for_who_wants_that(demo: Demo) -> None:
    message = await said(demo, "demo-deepseek", asking("use two tools"), parallel_tool_calls=False)
    assert len(message["tool_calls"]) == 1


@pytest.mark.parametrize(("model", "field"), FIELDS.items())
async def test_altered_reasoning_is_refused(demo: Demo, model: str, field: str) -> None:
    turns = await tool_turn(demo, model)
    for other in (turns[1][field] + " x", turns[1][field][:-1], "", 5):
        turns[1][field] = other
        assert await refusal(demo, model, turns) == f"{field} was altered"


async def test_deepseek_wants_its_reasoning_back(demo: Demo) -> None:
    turns = await tool_turn(demo, "demo-deepseek")
    del turns[1]["reasoning_content"]
    assert await refusal(demo, "demo-deepseek", turns) == "The reasoning_content in the thinking mode must be passed back to the API."
    later = [*turns, {"role": "assistant", "content": "done"}, *asking("and now")]
    assert "must be passed back" in await refusal(demo, "demo-deepseek", later)
    await said(demo, "demo-deepseek", turns, extra_body={"thinking": {"type": "disabled"}})


async def test_deepseek_wants_nothing_back_where_no_tool_was_called(demo: Demo) -> None:
    answer = await said(demo, "demo-deepseek", asking("hello"))
    assert answer.pop("reasoning_content")
    await said(demo, "demo-deepseek", [*asking("hello"), answer, *asking("and now")])


async def test_deepseek_without_thinking_owes_nothing(demo: Demo) -> None:
    turns = await tool_turn(demo, "demo-deepseek", extra_body={"thinking": {"type": "disabled"}})
    assert "reasoning_content" not in turns[1]
    await said(demo, "demo-deepseek", turns)


async def test_another_models_turn_is_refused(demo: Demo) -> None:
    turns = await tool_turn(demo, "demo-vllm")
    turns[1]["reasoning_content"] = turns[1].pop("reasoning")
    assert await refusal(demo, "demo-deepseek", turns) == "reasoning_content was altered"


async def test_vllm_takes_a_turn_without_its_reasoning_but_answers_otherwise(demo: Demo) -> None:
    turns = await tool_turn(demo, "demo-vllm")
    right = await said(demo, "demo-vllm", turns)
    del turns[1]["reasoning"]
    assert (await said(demo, "demo-vllm", turns))["content"] != right["content"]


@pytest.mark.parametrize("model", FIELDS)
async def test_an_answer_does_not_depend_on_the_effort(demo: Demo, model: str) -> None:
    low, high = await tool_turn(demo, model, reasoning_effort="low"), await tool_turn(demo, model)
    assert low[1][FIELDS[model]] != high[1][FIELDS[model]]
    assert (await said(demo, model, low))["content"] == (await said(demo, model, high))["content"]


@pytest.mark.parametrize("model", FIELDS)
@pytest.mark.parametrize(("effort", "words"), [("none", 0), ("minimal", 2), ("low", 5), ("medium", 10), ("high", 20)])
async def test_effort_shortens_the_reasoning(demo: Demo, model: str, effort: str, words: int) -> None:
    answer = await demo.openai.chat.completions.create(model=model, messages=asking("say 3 words"), reasoning_effort=effort)
    shown = answer.choices[0].message.model_dump().get(FIELDS[model]) or ""
    assert len(shown.split()) == answer.usage.completion_tokens_details.reasoning_tokens == words
    with pytest.raises(openai.BadRequestError, match="Supported values"):
        await demo.openai.chat.completions.create(model=model, messages=asking("hi"), reasoning_effort="much")


@pytest.mark.parametrize(
    ("extra", "tokens"), [({"chat_template_kwargs": {"enable_thinking": False}}, 3), ({"include_reasoning": False}, 23)]
)
async def test_vllms_switches(demo: Demo, extra: dict, tokens: int) -> None:
    request = {"model": "demo-vllm", "messages": asking("say 3 words"), "extra_body": extra}
    answer = await demo.openai.chat.completions.create(**request)
    assert "reasoning" not in answer.choices[0].message.model_dump()
    chunks = [chunk async for chunk in await demo.openai.chat.completions.create(stream=True, **request)]
    assert not any("reasoning" in chunk.choices[0].delta.model_dump() for chunk in chunks)
    assert answer.usage.completion_tokens == (await demo.ledger())["output_tokens"] / 2 == tokens


@pytest.mark.parametrize("model", FIELDS)
async def test_choices_and_likelihoods_hold_the_reasoning(demo: Demo, model: str) -> None:
    request = {"model": model, "messages": asking("say 3 words"), "n": 3, "logprobs": True, "top_logprobs": 2}
    answer = await demo.openai.chat.completions.create(**request)
    streamed: dict[int, list[str]] = {0: [], 1: [], 2: []}
    async for chunk in await demo.openai.chat.completions.create(stream=True, **request):
        for choice in chunk.choices:
            streamed[choice.index] += [one.token for one in choice.logprobs.content] if choice.logprobs else []
    for choice in answer.choices:
        told = [one.token for one in choice.logprobs.content]
        message = choice.message.model_dump()
        assert "".join(told) == message[FIELDS[model]] + message["content"]
        assert streamed[choice.index] == told
    assert len({choice.message.content for choice in answer.choices}) == 3


def unsigned(call: dict) -> None:
    del call["extra_content"]


def emptied(call: dict) -> None:
    call["extra_content"]["google"]["thought_signature"] = ""


def changed(call: dict) -> None:
    signature = call["extra_content"]["google"]["thought_signature"]
    call["extra_content"]["google"]["thought_signature"] = signature[:-1] + ("A" if signature[-1] != "A" else "B")


def moved(call: dict) -> None:
    call["id"] = "call_0000000000000000"


@pytest.mark.parametrize(
    ("change", "message"), [(unsigned, "Function call is missing a thought_signature"), (emptied, "missing a thought_signature"),
                            (changed, "Corrupted thought signature."), (moved, "Corrupted thought signature.")],
)  # fmt: skip
@pytest.mark.parametrize("place", [0, 1])
async def test_gemini_wants_each_signature_back(demo: Demo, change: Callable[[dict], None], message: str, place: int) -> None:
    turns = await tool_turn(demo, "demo-gemini")
    change(turns[1]["tool_calls"][place])
    assert message in await refusal(demo, "demo-gemini", turns)


async def test_odd_histories_are_read_without_a_crash(demo: Demo) -> None:
    for odd in ({"tool_calls": 3}, {"tool_calls": [3]}, {"tool_calls": [{}]}, {"tool_calls": [{"id": 5, "extra_content": []}]}):
        for model in STRICT:
            turns = [*asking("hi"), {"role": "assistant", "content": 4} | odd, *asking("hi")]
            status, _ = await demo.post("/v1/chat/completions", {"model": model, "messages": turns})
            assert status in {200, 400}
