"""Reasoning between tags: in chat and completions, whole and as a stream, with tags in the answer too."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.demo.inline import CLOSING, OPENING, forgotten, inlined
from proxy.demo.kinds import Kind
from proxy.demo.model import Prompt, reply
from proxy.demo.text import answer_words, words
from tests.demo.conftest import Demo

MODELS = ["demo-inline", "demo-preopened"]
KINDS = [Kind.INLINE, Kind.PREOPENED]
FENCED = "\n```\n<think>x</think>\n```\nand"


async def content(demo: Demo, model: str, text: str, *, stream: bool = False, **more) -> str:
    request = {"model": model, "messages": [{"role": "user", "content": text}]} | more
    if not stream:
        return (await demo.openai.chat.completions.create(**request)).choices[0].message.content
    chunks = [chunk async for chunk in await demo.openai.chat.completions.create(stream=True, **request)]
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks)


async def completion(demo: Demo, model: str, text: str) -> str:
    whole = (await demo.openai.completions.create(model=model, prompt=text)).choices[0].text
    chunks = [chunk async for chunk in await demo.openai.completions.create(model=model, prompt=text, stream=True)]
    assert "".join(chunk.choices[0].text for chunk in chunks) == whole
    return whole


@given(st.sampled_from(KINDS), st.integers(0, 2**64 - 1), st.integers(0, 30), st.integers(0, 30), st.sampled_from(["", "a fence"]))
def test_what_is_forgotten_is_the_reasoning_alone(kind: Kind, start: int, thought: int, text: int, said: str) -> None:
    answer = "".join(inlined(kind, (), answer_words(start, text), said))
    told = "".join(inlined(kind, words(start, thought), answer_words(start, text), said))
    assert told.endswith(answer)
    assert forgotten(told) == forgotten(answer) == answer


@given(st.sampled_from(MODELS), st.integers(1, 60), st.booleans(), st.lists(st.sampled_from(["<think>", "Demo", "</think>\n\nD"])))
def test_a_cap_holds(model: str, cap: int, fence: bool, stop: list[str]) -> None:
    spoken = reply(Prompt(model, "", "fence" if fence else "", cap, tuple(stop), (), reasons=True))
    assert spoken.tokens == len(spoken.text) <= cap


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("model", MODELS)
async def test_the_reasoning_stands_in_the_content(demo: Demo, model: str, stream: bool) -> None:
    told = await content(demo, model, "say 4 words think 3 words", stream=stream)
    head, closing, answer = told.partition("\n</think>\n\n")
    assert closing
    assert answer.startswith("Demo answer:")
    assert len(answer.split()) == 4
    assert head.startswith("<think>\n") is (model == "demo-inline")
    assert len(head.removeprefix("<think>\n").split()) == 3
    assert await completion(demo, model, "say 4 words think 3 words") != told


@pytest.mark.parametrize("model", MODELS)
async def test_completions_do_the_same(demo: Demo, model: str) -> None:
    told = await completion(demo, model, "say 4 words")
    assert told.startswith(OPENING) is (model == "demo-inline")
    assert told.partition(CLOSING)[2].startswith("\n\nDemo answer:")


@pytest.mark.parametrize("model", MODELS)
async def test_a_fence_holds_tags_that_belong_to_the_answer(demo: Demo, model: str) -> None:
    plain = await content(demo, model, "a fence")
    assert plain.partition("</think>\n\n")[2].startswith("Demo answer:" + FENCED)
    assert FENCED in await completion(demo, model, "a fence")
    assert plain == await content(demo, model, "a fence", stream=True)


@pytest.mark.parametrize("model", MODELS)
async def test_without_thinking_there_are_no_tags(demo: Demo, model: str) -> None:
    for off in ({"reasoning_effort": "none"}, {"extra_body": {"chat_template_kwargs": {"enable_thinking": False}}}):
        assert (await content(demo, model, "hello", **off)).startswith("Demo answer:")


@pytest.mark.parametrize("model", MODELS)
async def test_earlier_reasoning_is_forgotten(demo: Demo, model: str) -> None:
    first = await content(demo, model, "a fence")
    after = [
        await content(demo, model, "", messages=[{"role": "user", "content": "a fence"}, {"role": "assistant", "content": said},
                                                 {"role": "user", "content": "and now"}])
        for said in (first, forgotten(first))
    ]  # fmt: skip
    assert after[0] == after[1]
