"""What may stand on a rung beside the usual: each sanction in every dialect, and the provider still takes all that comes back."""

import time
from collections.abc import AsyncIterator
from functools import cache
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from proxy.core.ladder import Rung
from proxy.core.sealing import MARK
from tests.support.accounts import Ledger
from tests.support.gateway import Running, gateway
from tests.support.ladder import Caller, Callers, direct, policy
from tests.support.talks import KINDS, ONE, TALK, Chained, Completions, DeepSeek, Gemini, Messages, Open, Responses, Said, Talk, Vllm

SUMMARY, KEEP, REWRITE, LESS, FALLBACK = Rung.WATCH, Rung.THROTTLED, Rung.CHALLENGED, Rung.DEGRADED, Rung.BLOCKED
KEPT = 6 * 4
"""Characters that are taken for six tokens."""

PACE = {"x-demo-pace": "0.01"}
"""Token by token: what comes in one chunk is passed in one."""

STREAMS = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
THINKERS = [kind for kind in KINDS if kind is not Gemini]
NATIVE = {Messages, Responses, Chained}
"""Where the provider itself makes a summary; the demo's is the whole text."""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def gate(model: str) -> AsyncIterator[Running]:
    async with gateway("--upstream", model, "--policy", policy("sanctions")) as found:
        yield found


@pytest.fixture
async def ledger(model: str) -> AsyncIterator[Ledger]:
    async with aiohttp.ClientSession() as http:
        found = Ledger(f"{model}/demo/ledger", http)
        await found.forget()
        yield found


@cache
def unshaped() -> dict[tuple[type[Talk], bool], list[Said]]:
    """What the model itself says; it always says the same."""
    return {}


async def both(kind: type[Talk], caller: Caller, model: str, *, stream: bool) -> tuple[list[Said], list[Said]]:
    """What the account sees, and what it would see at the model itself."""
    if (kind, stream) not in unshaped():
        async with direct(model) as plain:
            unshaped()[kind, stream] = await kind(plain, stream=stream).play(TALK)
    expected = unshaped()[kind, stream]
    found = await kind(caller, stream=stream).play(TALK)
    assert caller.statuses == {200}
    assert [(said.known, said.usage) for said in found] == [(said.known, said.usage) for said in expected]
    return found, expected


@STREAMS
@pytest.mark.parametrize("kind", THINKERS, ids=lambda kind: kind.__name__)
async def test_a_summary_is_the_providers_or_none(kind: type[Talk], stream: bool, callers: Callers, model: str) -> None:
    caller = await callers(SUMMARY)
    found, expected = await both(kind, caller, model, stream=stream)
    if kind in NATIVE:
        assert [said.thought for said in found] == [said.thought for said in expected]
    else:
        assert [place for said in expected for place in caller.leaks(said.thought)] == []


@STREAMS
@pytest.mark.parametrize("kind", THINKERS, ids=lambda kind: kind.__name__)
async def test_what_is_kept_is_the_beginning(kind: type[Talk], stream: bool, callers: Callers, model: str) -> None:
    caller = await callers(KEEP)
    found, expected = await both(kind, caller, model, stream=stream)
    shown = [said.thought.partition(MARK)[0] for said in found]
    assert all(whole.thought.startswith(part) for part, whole in zip(shown, expected, strict=True))
    assert [KEPT - len(part) in {0, 1} for part in shown] == [bool(said.thought) for said in expected], "a line's end counts"
    assert [place for said in expected for place in caller.leaks(said.thought[KEPT:])] == []


@STREAMS
@pytest.mark.parametrize("kind", THINKERS, ids=lambda kind: kind.__name__)
async def test_other_words_are_another_models(kind: type[Talk], stream: bool, callers: Callers, model: str) -> None:
    caller = await callers(REWRITE)
    found, expected = await both(kind, caller, model, stream=stream)
    assert [place for said in expected for place in caller.leaks(said.thought)] == []
    assert [said.thought.startswith("Demo answer:") for said in found] == [bool(said.thought) for said in expected]


EFFORTS: dict[type[Talk], tuple[str, ...]] = {
    Messages: ("output_config", "effort"), Responses: ("reasoning", "effort"), Open: ("reasoning", "effort"),
    DeepSeek: ("reasoning_effort",), Vllm: ("reasoning_effort",), Gemini: ("reasoning_effort",),
}  # fmt: skip


def said_at(body: Any, path: tuple[str, ...]) -> Any:
    return said_at(body.get(path[0], {}), path[1:]) if path else body


@STREAMS
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
async def test_less_effort_and_an_instruction(kind: type[Talk], stream: bool, callers: Callers, ledger: Ledger) -> None:
    caller = await callers(LESS)
    began = time.monotonic()
    found = await kind(caller, stream=stream).play(TALK)
    assert caller.statuses == {200}
    assert time.monotonic() - began >= 0.05 * len(found), "each request waits"
    asked = [one["body"] for one in (await ledger())["last_requests"]]
    assert len(asked) == len(found)
    assert all(("Give the answer only." in str(body)) is (kind is not Completions) for body in asked), "a prompt has no place for it"
    if kind in EFFORTS:
        assert [said_at(body, EFFORTS[kind]) for body in asked] == ["low"] * len(asked)
        assert all(len(said.thought.split()) <= 8 for said in found)
    assert all("reasoning effort is low" in seen.headers["stillgate-measures"] for seen in caller.wire.seen)


@STREAMS
@pytest.mark.parametrize("kind", [Messages, Responses, Open, Vllm], ids=lambda kind: kind.__name__)
async def test_another_model_answers(kind: type[Talk], stream: bool, callers: Callers, ledger: Ledger) -> None:
    caller = await callers(FALLBACK)
    found = await kind(caller, stream=stream).play(ONE)
    assert caller.statuses == {200}
    assert [one["body"]["model"] for one in (await ledger())["last_requests"]] == ["demo-small"]
    assert (len(found[0].text.split()), found[0].thought) == (14, "")


@STREAMS
async def test_it_answers_shortly_and_slowly(stream: bool, callers: Callers) -> None:
    """A plain stream: the SDK's helper for chat raises for every answer that was cut, whoever cut it."""
    caller = await callers(FALLBACK)
    sdk, began = caller.openai.chat.completions, time.monotonic()
    ask: Any = {"model": "demo-preopened", "messages": [{"role": "user", "content": "Tell me of ships. say 60 words"}]}
    if stream:
        choices = [choice async for chunk in await sdk.create(**ask, stream=True, extra_headers=PACE) for choice in chunk.choices]
        text, stop = "".join(choice.delta.content or "" for choice in choices), choices[-1].finish_reason
    else:
        choice = (await sdk.create(**ask)).choices[0]
        text, stop = choice.message.content or "", choice.finish_reason
    assert (len(text.split()), stop) == (20, "length")
    assert not stream or time.monotonic() - began >= 0.4, "forty tokens a second"


@STREAMS
async def test_alternatives_are_cut_rounded_and_choices_are_one(stream: bool, callers: Callers) -> None:
    ask: Any = {"model": "demo-small", "messages": [{"role": "user", "content": ONE[0]}], "n": 2, "logprobs": True, "top_logprobs": 3}

    async def choices(rung: Rung) -> tuple[int, list[Any]]:
        caller = await callers(rung)
        sdk = caller.openai.chat.completions
        if stream:
            answer = [choice async for chunk in await sdk.create(**ask, stream=True) for choice in chunk.choices]
        else:
            answer = (await sdk.create(**ask)).choices
        return len({choice.index for choice in answer}), [token for one in answer if one.logprobs for token in one.logprobs.content]

    number, likely = await choices(SUMMARY)
    assert number == 2
    assert {len(token.top_logprobs) for token in likely} == {1}
    number, likely = await choices(KEEP)
    assert {len(token.top_logprobs) for token in likely} == {3}
    assert all(round(token.logprob, 2) == token.logprob for token in likely)
    number, likely = await choices(LESS)
    assert number == 1
    assert {len(token.top_logprobs) for token in likely} == {3}
