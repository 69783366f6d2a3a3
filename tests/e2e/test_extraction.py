"""The published attacks on a model's last layer, through the official SDK: they find its width without the guard, not with it."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import openai
import pytest
import pytest_asyncio

from proxy.demo.kinds import SOFTMAX
from proxy.demo.softmax import HIDDEN
from proxy.demo.text import VOCABULARY
from tests.e2e.conftest import Client, Clients
from tests.support.extraction import Answer, Query, RefusedError, Width, with_biases, without_biases, without_logprobs
from tests.support.gateway import Running, gateway

POLICY = Path(__file__).parent / "extraction.yaml"
PROMPTS = [f"tell me number {number} please" for number in range(12)]
TOKENS = range(len(VOCABULARY))
FEW = range(12)
PRECISION = 0.01


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def guarded_gate(model: str) -> AsyncIterator[Running]:
    async with gateway("--upstream", model, "--policy", str(POLICY), "--workers", "2") as running:
        yield running


@pytest.fixture
async def guarded(guarded_gate: Running, model: str) -> AsyncIterator[Client]:
    async with AsyncExitStack() as stack:
        yield await Clients(guarded_gate, model, stack)()


def chatting(client: Client) -> Query:
    """The toy model's first token. All alternatives (-1) are those that vLLM tells of the prompt's last token."""

    async def query(prompt: str, bias: Mapping[int, float], top: int) -> Answer:
        shown: dict[str, Any] = {"extra_body": {"prompt_logprobs": -1}} if top < 0 else {}
        shown |= {"logprobs": True, "top_logprobs": top} if top > 0 else {}
        leaning: dict[str, Any] = {"logit_bias": {str(token): lean for token, lean in bias.items()}} if bias else {}
        said: Any = [{"role": "user", "content": prompt}]
        try:
            answer = await client.openai.chat.completions.create(model=SOFTMAX, messages=said, max_tokens=1, **leaning, **shown)
        except (openai.BadRequestError, openai.RateLimitError) as refusal:
            raise RefusedError from refusal
        return Answer(VOCABULARY.index((answer.choices[0].message.content or "").strip()), logprobs_of(answer, of_prompt=top < 0))

    return query


def logprobs_of(answer: Any, *, of_prompt: bool) -> dict[int, float]:
    if of_prompt:
        return {int(token): told["logprob"] for token, told in answer.prompt_logprobs[-1].items()}
    told = answer.choices[0].logprobs
    return {VOCABULARY.index(each.token.strip()): each.logprob for each in told.content[0].top_logprobs} if told else {}


def recovered(width: Width) -> bool:
    return width.known and width.rank == HIDDEN


async def test_without_a_guard_each_attack_finds_the_width(client: Client) -> None:
    query = chatting(client)
    assert recovered(await with_biases(query, PROMPTS, TOKENS, 20))
    assert recovered(await without_biases(query, PROMPTS, -1))
    assert recovered(await without_logprobs(query, PROMPTS, FEW, PRECISION))


async def test_behind_the_guard_none_does(guarded: Client) -> None:
    query = chatting(guarded)
    assert (await with_biases(query, PROMPTS, TOKENS, 20)).rank == 0
    assert (await without_biases(query, PROMPTS, -1)).rank == 0
    shown = await without_biases(query, PROMPTS * 3, 20)
    searched = await without_logprobs(query, PROMPTS, FEW, PRECISION)
    assert not recovered(shown)
    assert not recovered(searched)
    assert max(shown.rank, searched.rank) < HIDDEN


async def test_a_refusal_says_which_two_and_costs_nothing(guarded: Client) -> None:
    await guarded.forget()
    with pytest.raises(openai.BadRequestError) as caught:
        await guarded.openai.chat.completions.create(
            model=SOFTMAX, messages=[{"role": "user", "content": "hi"}], max_tokens=1, logit_bias={"1": 5}, logprobs=True
        )
    assert "'logit_bias' and 'logprobs' cannot be used together here. Send one of them." in caught.value.message
    assert caught.value.param == "logit_bias"
    assert (await guarded.ledger())["requests"] == 0


async def test_what_is_shown_is_capped_and_rounded(guarded: Client) -> None:
    answer = await guarded.openai.chat.completions.create(
        model=SOFTMAX, messages=[{"role": "user", "content": "hi"}], max_tokens=2, logprobs=True, top_logprobs=20
    )
    told = answer.choices[0].logprobs
    assert told is not None
    assert told.content is not None
    assert [len(token.top_logprobs) for token in told.content] == [5, 5]
    assert all(round(one.logprob, 2) == one.logprob for token in told.content for one in (token, *token.top_logprobs))
