"""The strict models of OpenAI's Responses, through its SDK: tool conversations, the background, and reasoning of another make."""

import copy
from collections.abc import Callable
from typing import Any

import openai
import pytest

from tests.demo.conftest import Demo

CITY = {"type": "object", "properties": {"city": {"type": "string"}}}
TOOLS = [{"type": "function", "name": name, "parameters": CITY, "strict": False} for name in ("weather", "time")]
SEALED = "reasoning.encrypted_content"
STATELESS = {"store": False, "include": [SEALED]}

Items = list[dict[str, Any]]


def asking(text: str) -> Items:
    return [{"role": "user", "content": text}]


async def said(demo: Demo, items: Items | str, *, stream: bool = False, model: str = "demo-signed", **more):
    request = {"model": model, "input": items, "tools": TOOLS} | more
    if not stream:
        return await demo.openai.responses.create(**request)
    async with demo.openai.responses.stream(**request) as told:
        return await told.get_final_response()


def answered(items: Items, response: Any) -> Items:
    """The conversation with the model's items, and a result for each of its calls."""
    own = [item.model_dump(exclude_none=True) for item in response.output]
    for item in own:
        item.pop("parsed_arguments", None)
    calls = [item["call_id"] for item in own if item["type"] == "function_call"]
    return [*items, *own, *({"type": "function_call_output", "call_id": call, "output": "sunny"} for call in calls)]


async def tool_turn(demo: Demo, text: str = "use two tools", **more) -> Items:
    return copy.deepcopy(answered(asking(text), await said(demo, asking(text), **more)))


async def refusal(demo: Demo, items: Items, status: int = 400, **more) -> dict[str, Any]:
    with pytest.raises(openai.APIStatusError) as refused:
        await said(demo, items, **more)
    assert refused.value.status_code == status
    return refused.value.body


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("model", "more"),
    [("demo-signed", STATELESS), ("demo-signed", {}), ("demo-signed", STATELESS | {"reasoning": {"summary": "auto"}}), ("demo-open", {})],
)
@pytest.mark.parametrize(("text", "calls"), [("use the tool", 1), ("use two tools", 2)])
async def test_a_conversation_with_tools(demo: Demo, stream: bool, model: str, more: dict, text: str, calls: int) -> None:
    first = await said(demo, asking(text), stream=stream, model=model, **more)
    assert [item.type for item in first.output] == ["reasoning"] + ["function_call"] * calls
    assert len({item.id for item in first.output}) == len(first.output)
    items = answered(asking(text), first)
    second = await said(demo, items, stream=stream, model=model, **more)
    assert second.output_text.startswith("Demo answer:")
    third = await said(demo, [*answered(items, second), *asking("and the tool again")], stream=stream, model=model, **more)
    assert third.output[-1].type == "function_call"


@pytest.mark.parametrize("stream", [False, True])
async def test_a_conversation_goes_on_from_a_stored_response(demo: Demo, stream: bool) -> None:
    first = await said(demo, "use the tool", stream=stream)
    output = {"type": "function_call_output", "call_id": first.output[1].call_id, "output": "sunny"}
    second = await said(demo, [output], stream=stream, previous_response_id=first.id)
    assert second.output_text.startswith("Demo answer:")


@pytest.mark.parametrize("model", ["demo-signed", "demo-open"])
async def test_a_stream_says_the_same_as_a_whole_response(demo: Demo, model: str) -> None:
    more = {"model": model, "include": [SEALED], "reasoning": {"summary": "auto"}}
    whole, streamed = await said(demo, "use two tools", **more), await said(demo, "use two tools", stream=True, **more)
    assert answered([], streamed) == answered([], whole)
    assert streamed.usage == whole.usage
    assert (await demo.ledger())["output_tokens"] == 2 * whole.usage.output_tokens


async def test_what_is_not_asked_for_is_not_shown(demo: Demo) -> None:
    bare = (await said(demo, "hi")).output[0]
    assert (bare.summary, bare.encrypted_content) == ([], None)
    shown = (await said(demo, "hi", include=[SEALED], reasoning={"summary": "auto"})).output[0]
    assert shown.encrypted_content
    assert len(shown.summary[0].text.split()) == 20


async def test_the_encrypted_content_at_the_beginning_is_not_the_one_to_send_back(demo: Demo) -> None:
    request = {"model": "demo-signed", "input": "use the tool", "tools": TOOLS} | STATELESS
    told = [event async for event in await demo.openai.responses.create(stream=True, **request)]
    added, done = (next(event.item for event in told if event.type == f"response.output_item.{kind}") for kind in ("added", "done"))
    assert added.encrypted_content
    assert added.encrypted_content != done.encrypted_content
    assert told[-1].response.output[0] == done
    items = answered(asking("use the tool"), told[-1].response)
    await said(demo, items, **STATELESS)
    items[1]["encrypted_content"] = added.encrypted_content
    assert (await refusal(demo, items))["code"] == "invalid_encrypted_content"


def swapped(item: dict) -> None:
    item["id"] = item["id"][:-1] + ("0" if item["id"][-1] != "0" else "1")


def forged(item: dict) -> None:
    item["encrypted_content"] = "A" + item["encrypted_content"][1:]


@pytest.mark.parametrize("change", [swapped, forged])
async def test_altered_reasoning_is_refused(demo: Demo, change: Callable[[dict], None]) -> None:
    items = await tool_turn(demo, **STATELESS)
    change(items[1])
    assert (await refusal(demo, items))["code"] == "invalid_encrypted_content"


@pytest.mark.parametrize("model", ["demo-signed-large", "demo-reasoner"])
async def test_another_models_reasoning_is_refused(demo: Demo, model: str) -> None:
    items = await tool_turn(demo, model=model, **STATELESS)
    assert (await refusal(demo, items))["code"] == "invalid_encrypted_content"


@pytest.mark.parametrize("model", ["demo-signed", "demo-open"])
async def test_a_call_without_its_reasoning_is_refused(demo: Demo, model: str) -> None:
    items = await tool_turn(demo, model=model, include=[SEALED])
    thought = items.pop(1)
    message = f"Item '{items[1]['id']}' of type 'function_call' was provided without its required 'reasoning' item: '{thought['id']}'."
    assert (await refusal(demo, items, model=model))["message"] == message
    assert "without its required" in (await refusal(demo, [*items, thought], model=model))["message"]


async def test_without_reasoning_nothing_is_missing(demo: Demo) -> None:
    items = await tool_turn(demo, reasoning={"effort": "none"})
    assert [item.get("type") for item in items[1:3]] == ["function_call", "function_call"]
    assert (await said(demo, items)).status == "completed"


async def test_reasoning_that_is_sent_by_its_id_must_have_been_stored(demo: Demo) -> None:
    items = await tool_turn(demo)
    assert "encrypted_content" not in items[1]
    await said(demo, items)
    await said(demo, [items[0], {"type": "item_reference", "id": items[1]["id"]}, *items[2:]])
    await refusal(demo, items, 404, model="demo-signed-large")
    gone = await tool_turn(demo, "use two tools, and keep nothing", store=False)
    assert "not persisted when `store` is set to false" in (await refusal(demo, gone, 404))["message"]


async def test_an_answer_does_not_depend_on_what_was_shown_or_how_long_it_thought(demo: Demo) -> None:
    turns = [await tool_turn(demo, **more) for more in (STATELESS, {}, {"reasoning": {"effort": "low", "summary": "auto"}})]
    assert len({(await said(demo, items)).output_text for items in turns}) == 1


@pytest.mark.parametrize(("effort", "words"), [("none", 0), ("minimal", 2), ("low", 5), ("medium", 10), ("high", 20), ("xhigh", 25)])
async def test_effort_shortens_the_reasoning(demo: Demo, effort: str, words: int) -> None:
    response = await said(demo, "hi", reasoning={"effort": effort})
    assert response.usage.output_tokens_details.reasoning_tokens == words
    assert (response.output[0].type == "reasoning") is bool(words)


async def test_open_reasoning_is_plain_text_in_events_of_its_own(demo: Demo) -> None:
    told = [event async for event in await demo.openai.responses.create(model="demo-open", input="hi", stream=True)]
    deltas = [event.delta for event in told if event.type == "response.reasoning_text.delta"]
    item = told[-1].response.output[0]
    assert "".join(deltas) == item.content[0].text == next(event.text for event in told if event.type == "response.reasoning_text.done")
    assert (len(deltas), item.summary, item.encrypted_content) == (20, [], None)
    kinds = [event.type.removeprefix("response.") for event in told if event.type != "response.reasoning_text.delta"]
    assert kinds[2:7] == ["output_item.added", "content_part.added", "reasoning_text.done", "content_part.done", "output_item.done"]


def longer(item: dict) -> None:
    item["content"][0]["text"] += " more"


def emptied(item: dict) -> None:
    item["content"] = []


@pytest.mark.parametrize("change", [longer, emptied, swapped])
async def test_altered_open_reasoning_is_refused(demo: Demo, change: Callable[[dict], None]) -> None:
    items = await tool_turn(demo, model="demo-open")
    change(items[1])
    assert "was altered" in (await refusal(demo, items, model="demo-open"))["message"]


async def test_open_reasoning_knows_no_encryption(demo: Demo) -> None:
    items = await tool_turn(demo, model="demo-open")
    items[1]["encrypted_content"] = "AAAA"
    assert (await refusal(demo, items, model="demo-open"))["code"] == "unsupported_parameter"


@pytest.mark.parametrize("model", ["demo-signed", "demo-open", "demo-small"])
async def test_the_background(demo: Demo, model: str) -> None:
    queued = await said(demo, "say 5 words", model=model, background=True, include=[SEALED])
    assert (queued.status, queued.output, queued.usage, queued.background) == ("queued", [], None, True)
    done = await demo.openai.responses.retrieve(queued.id)
    assert done.status == "completed"
    assert len(done.output_text.split()) == 5
    told = [event async for event in await demo.openai.responses.retrieve(queued.id, stream=True)]
    assert [event.type for event in told[:3]] == ["response.created", "response.queued", "response.in_progress"]
    assert told[-1].response == done
    assert (await demo.ledger())["output_tokens"] == done.usage.output_tokens


async def test_the_background_must_be_stored(demo: Demo) -> None:
    assert "requires store=true" in (await refusal(demo, asking("hi"), background=True, store=False))["message"]


async def test_who_fetches_can_ask_for_the_encrypted_content(demo: Demo) -> None:
    made = await said(demo, "hi")
    assert (await demo.openai.responses.retrieve(made.id)).output[0].encrypted_content is None
    opened = (await demo.openai.responses.retrieve(made.id, include=[SEALED])).output[0].encrypted_content
    assert opened == (await said(demo, "hi", include=[SEALED])).output[0].encrypted_content


async def test_the_items_that_a_response_answered(demo: Demo) -> None:
    items = await tool_turn(demo, include=[SEALED])
    made = await said(demo, items)
    told = [item async for item in demo.openai.responses.input_items.list(made.id, order="asc", limit=2)]
    assert [item.type for item in told] == ["message", "reasoning", "function_call", "function_call"] + ["function_call_output"] * 2
    assert told[1].encrypted_content is None
    newest = await demo.openai.responses.input_items.list(made.id, include=[SEALED])
    assert [item.id for item in newest.data] == [item.id for item in reversed(told)]
    assert newest.data[4].encrypted_content == items[1]["encrypted_content"]
    for wrong in ({"limit": 1000}, {"after": "nobody"}):
        with pytest.raises(openai.APIStatusError):
            await demo.openai.responses.input_items.list(made.id, **wrong)


async def test_odd_histories_are_read_without_a_crash(demo: Demo) -> None:
    for odd in ({"type": "reasoning"}, {"type": "reasoning", "id": 5, "content": 3}, {"type": "function_call", "id": []}, {"id": "rs_"}):
        for model in ("demo-signed", "demo-open"):
            status, _ = await demo.post("/v1/responses", {"model": model, "input": [odd, *asking("hi")]})
            assert status in {200, 400, 404}
