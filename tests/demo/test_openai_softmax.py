"""The toy softmax model through the OpenAI SDK: what it tells is the true log softmax of the biased logits."""

import math
from typing import Any

import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.demo.softmax import HIDDEN, WEIGHTS, Softmax, logits, token_id
from proxy.demo.text import VOCABULARY
from tests.demo.conftest import Demo

MODEL = "demo-softmax"
WHOLE = len(VOCABULARY)

Bias = st.dictionaries(st.integers(0, WHOLE - 1), st.floats(-100, 100), max_size=8)


def asking(text: str = "hi") -> list[dict[str, Any]]:
    return [{"role": "user", "content": text}]


def softmax(scores: Any) -> list[float]:
    top = max(scores)
    total = sum(math.exp(score - top) for score in scores)
    return [score - top - math.log(total) for score in scores]


def biased(prompt: object, place: int, bias: dict[int, float]) -> list[float]:
    return softmax([score + bias.get(number, 0) for number, score in enumerate(logits(prompt, place))])


async def chat(demo: Demo, text: str = "hi", **more):
    request = {"model": MODEL, "messages": asking(text), "max_tokens": 3, "logprobs": True, "top_logprobs": 20} | more
    return (await demo.openai.chat.completions.create(**request)).choices[0]


def close(told: float, true: float) -> bool:
    return math.isclose(told, true, rel_tol=1e-12, abs_tol=1e-12)


@given(st.text(max_size=9), Bias)
def test_it_is_a_distribution_and_the_likeliest_is_taken(prompt: str, bias: dict[int, float]) -> None:
    for place, step in enumerate(Softmax(prompt, bias).generated(2)):
        assert math.isclose(math.fsum(map(math.exp, step.logprobs)), 1, rel_tol=1e-9)
        assert all(map(close, step.logprobs, biased(prompt, place, bias)))
        assert step.logprobs[step.chosen] == max(step.logprobs)
        assert sorted(step.ranked) == list(range(WHOLE))


@given(st.text(max_size=9), Bias)
def test_a_bias_moves_the_logits_and_nothing_else(prompt: str, bias: dict[int, float]) -> None:
    free, moved = (Softmax(prompt, given).generated(2)[1].scores for given in ({}, bias))
    assert all(close(moved[number], free[number] + bias.get(number, 0)) for number in range(WHOLE))


def test_the_logits_have_the_rank_of_the_hidden_state() -> None:
    """Gaussian elimination over more prompts than the hidden state has numbers."""
    rows, rank = [list(logits(f"prompt {number}", 0)) for number in range(2 * HIDDEN)], 0
    for column in range(WHOLE):
        best = max(range(rank, len(rows)), key=lambda number: abs(rows[number][column]), default=rank)
        if rank == len(rows) or abs(rows[best][column]) < 1e-9:
            continue
        rows[rank], rows[best] = rows[best], rows[rank]
        for row in rows[rank + 1 :]:
            factor = row[column] / rows[rank][column]
            row[:] = [one - factor * other for one, other in zip(row, rows[rank], strict=True)]
        rank += 1
    assert rank == HIDDEN == len(WEIGHTS[0])


async def test_chat_tells_the_true_likelihoods(demo: Demo) -> None:
    bias = {3: 100, 7: 4.5, 60: -100}
    choice = await chat(demo, logit_bias={str(number): value for number, value in bias.items()})
    assert choice.message.content == " ".join([VOCABULARY[3]] * 3)
    assert choice.finish_reason == "length"
    for place, told in enumerate(choice.logprobs.content):
        true = biased(asking(), place, bias)
        assert len(told.top_logprobs) == 20
        assert told.token == told.top_logprobs[0].token
        assert all(close(one.logprob, true[token_id(one.token)]) for one in told.top_logprobs)
        assert bytes(told.bytes).decode() == told.token


async def test_a_stream_says_the_same(demo: Demo) -> None:
    whole = await chat(demo)
    request = {"model": MODEL, "messages": asking(), "max_tokens": 3, "logprobs": True, "top_logprobs": 20}
    chunks = [chunk async for chunk in await demo.openai.chat.completions.create(
        stream=True, stream_options={"include_usage": True}, **request)]  # fmt: skip
    told = [one for chunk in chunks[:-1] if chunk.choices[0].logprobs for one in chunk.choices[0].logprobs.content]
    assert "".join(one.token for one in told) == whole.message.content
    assert told == whole.logprobs.content
    assert chunks[-1].usage.completion_tokens == 3
    assert (await demo.ledger())["output_tokens"] == 6


async def test_likelihoods_must_be_asked_for(demo: Demo) -> None:
    assert (await chat(demo, logprobs=False, top_logprobs=openai.omit)).logprobs is None
    assert (await chat(demo, top_logprobs=openai.omit)).logprobs.content[0].top_logprobs == []
    assert len((await chat(demo, max_tokens=openai.omit)).message.content.split()) == 40


@pytest.mark.parametrize(
    "wrong", [{"logit_bias": {"64": 1}}, {"logit_bias": {"amber": 1}}, {"logit_bias": {"1": 101}}, {"top_logprobs": 21},
              {"logprobs": False}, {"logit_bias": {"01": 1}}],
)  # fmt: skip
async def test_what_the_real_api_refuses(demo: Demo, wrong: dict) -> None:
    with pytest.raises(openai.BadRequestError):
        await chat(demo, **wrong)


async def test_completions_tell_the_true_likelihoods(demo: Demo) -> None:
    request = {"model": MODEL, "prompt": "amber anchor", "max_tokens": 4, "logprobs": 20, "logit_bias": {"5": 2}}
    choice = (await demo.openai.completions.create(**request)).choices[0]
    assert choice.text == "".join(choice.logprobs.tokens)
    for place, top in enumerate(choice.logprobs.top_logprobs):
        true = biased("amber anchor", place, {5: 2})
        assert all(close(value, true[token_id(token)]) for token, value in top.items())
        assert close(choice.logprobs.token_logprobs[place], max(true))
    streamed = [chunk.choices[0] async for chunk in await demo.openai.completions.create(stream=True, **request)]
    assert "".join(one.text for one in streamed) == choice.text
    assert [offset for one in streamed for offset in one.logprobs.text_offset] == choice.logprobs.text_offset


@pytest.mark.parametrize("stream", [False, True])
async def test_an_echo_tells_what_was_expected_of_the_prompt(demo: Demo, stream: bool) -> None:
    prompt = "amber anchor unheard apple"
    request = {"model": MODEL, "prompt": prompt, "max_tokens": 1, "logprobs": 2, "echo": True}
    if stream:
        parts = [chunk.choices[0] async for chunk in await demo.openai.completions.create(stream=True, **request)]
    else:
        parts = (await demo.openai.completions.create(**request)).choices
    values = [value for part in parts for value in part.logprobs.token_logprobs]
    assert "".join(part.text for part in parts).startswith(prompt + " ")
    assert values[0] is None
    assert close(values[1], softmax(logits("amber", 0))[token_id("anchor")])
    assert close(values[3], softmax(logits("amber anchor unheard", 0))[token_id("apple")])
    assert close(values[4], max(softmax(logits(prompt, 0))))
    assert (await demo.ledger())["output_tokens"] == 1


async def test_an_echo_can_come_without_an_answer(demo: Demo) -> None:
    answer = await demo.openai.completions.create(model=MODEL, prompt="amber anchor", max_tokens=0, echo=True)
    assert (answer.choices[0].text, answer.choices[0].logprobs, answer.usage.completion_tokens) == ("amber anchor", None, 0)


@pytest.mark.parametrize(("number", "length"), [(0, [1]), (3, [3, 4]), (-1, [WHOLE])])
async def test_vllms_likelihoods_of_the_prompt(demo: Demo, number: int, length: list[int]) -> None:
    extra = {"prompt_logprobs": number}
    answer = await demo.openai.completions.create(model=MODEL, prompt="amber anchor apple", max_tokens=1, extra_body=extra)
    told = answer.choices[0].model_dump()["prompt_logprobs"]
    assert told[0] is None
    assert len(told[1]) in length
    true = softmax(logits("amber", 0))
    assert all(
        close(one["logprob"], true[int(name)]) and one["decoded_token"].strip() == VOCABULARY[int(name)] for name, one in told[1].items()
    )
    assert sorted(true, reverse=True)[told[1]["1"]["rank"] - 1] == pytest.approx(true[1])
    chat = await demo.openai.chat.completions.create(model=MODEL, messages=asking("amber anchor apple"), max_tokens=1, extra_body=extra)
    assert chat.model_dump()["prompt_logprobs"] == told


async def test_a_prompt_that_is_too_long_is_refused(demo: Demo) -> None:
    with pytest.raises(openai.BadRequestError, match="1024 words"):
        await demo.openai.completions.create(model=MODEL, prompt="word " * 1100, max_tokens=1, extra_body={"prompt_logprobs": 0})


async def test_a_body_that_cannot_be_read_is_refused_as_ever(demo: Demo) -> None:
    for body in ([MODEL], {"model": [MODEL]}, {"model": MODEL}, {"model": "demo-small", "messages": asking(MODEL), "n": 0}):
        assert (await demo.post("/v1/chat/completions", body))[0] == 400
