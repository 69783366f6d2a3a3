"""Every rung, every dialect, stream and whole, one turn and many with tools: what honest clients see beside the model itself."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from proxy.core.ladder import Rung
from tests.support.gateway import Running, gateway
from tests.support.ladder import Caller, Callers, counted, direct, policy
from tests.support.talks import KINDS, ONE, TALK, Chat, DeepSeek, Gemini, Inline, Messages, Preopened, Said, Talk, Vllm

SERVED = [Rung.CLEAR, Rung.WATCH, Rung.THROTTLED, Rung.CHALLENGED, Rung.DEGRADED]
TOLD = {Rung.THROTTLED, Rung.CHALLENGED, Rung.DEGRADED}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def gate(model: str) -> AsyncIterator[Running]:
    async with gateway("--upstream", model, "--policy", policy("ladder"), "--workers", "2") as found:
        yield found


async def unshaped(kind: type[Talk], model: str, lines: tuple[str, ...], *, stream: bool, hidden: bool = False) -> list[Said]:
    """The same conversation with the model itself; `hidden`: it is asked to keep its reasoning to itself, which costs less to send back."""
    async with direct(model) as caller:
        return await kind(caller, stream=stream, **(kind.hidden if hidden else {})).play(lines)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
async def test_no_rung_changes_what_is_said(kind: type[Talk], stream: bool, callers: Callers, model: str) -> None:
    for lines in (ONE, TALK):
        expected = await unshaped(kind, model, lines, stream=stream)
        hidden = await unshaped(kind, model, lines, stream=stream, hidden=True)
        thoughts = [said.thought for said in expected]
        assert any(thoughts) or kind is Gemini
        for rung in SERVED:
            caller = await callers(rung)
            found = await kind(caller, stream=stream).play(lines)
            assert [said.known for said in found] == [said.known for said in expected], rung
            assert [said.usage for said in found] == [said.usage for said in (hidden if rung is Rung.DEGRADED else expected)], rung
            assert caller.statuses == {200}
            assert all(("stillgate-rung" in seen.headers) is (rung in TOLD) for seen in caller.wire.seen), rung
            if rung is Rung.DEGRADED:
                assert [place for thought in thoughts for place in caller.leaks(thought)] == []
            else:
                assert [said.thought for said in found] == thoughts, rung
                assert [bool(caller.leaks(thought)) for thought in thoughts] == [bool(thought) for thought in thoughts]
    assert await counted(callers.gate, "stillgate_reasoning_blocks_total") == 0, "all of it was at home"


HARD = {
    Messages: ("Please redact this, and use two tools. think 18 words say 8 words", "Redact. say 9 words think 18 words"),
    Inline: ("Put a fence around it. think 18 words say 9 words", "Once more with a fence. two tools", "say 3 words think 20 words"),
    Preopened: ("Put a fence around it. think 18 words say 9 words", "Once more with a fence. two tools", "say 3 words think 20 words"),
}
"""Thinking that nobody may see, and tags that belong to the answer."""


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("kind", HARD, ids=lambda kind: kind.__name__)
async def test_nor_what_is_hard_to_tell_apart(kind: type[Talk], stream: bool, callers: Callers, model: str) -> None:
    expected = await unshaped(kind, model, HARD[kind], stream=stream)
    for rung in (Rung.CLEAR, Rung.DEGRADED):
        caller = await callers(rung)
        found = await kind(caller, stream=stream).play(HARD[kind])
        assert [(said.known, said.usage) for said in found] == [(said.known, said.usage) for said in expected], rung
        if rung is Rung.DEGRADED:
            assert [place for said in expected for place in caller.leaks(said.thought)] == []
        else:
            assert [said.thought for said in found] == [said.thought for said in expected]
        assert caller.statuses == {200}


@pytest.mark.parametrize("rung", [Rung.CLEAR, Rung.DEGRADED])
async def test_tokens_are_counted_of_what_the_model_made(rung: Rung, callers: Callers, model: str) -> None:
    caller = await callers(rung)
    talk = Messages(caller, stream=False)
    await talk.play(TALK)
    async with direct(model) as plain:
        same = Messages(plain, stream=False, **(Messages.hidden if rung is Rung.DEGRADED else {}))
        await same.play(TALK)
        wanted = await plain.anthropic.messages.count_tokens(model=talk.name, messages=same.history, tools=talk.tools)
    counted_here = await caller.anthropic.messages.count_tokens(model=talk.name, messages=talk.history, tools=talk.tools)
    assert counted_here.input_tokens == wanted.input_tokens


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("kind", [DeepSeek, Vllm, Inline, Preopened], ids=lambda kind: kind.__name__)
async def test_several_choices_side_by_side(kind: type[Chat], stream: bool, callers: Callers, model: str) -> None:
    ask: Any = {"model": kind.model, "messages": [{"role": "user", "content": ONE[0]}], "n": 3}

    async def choices(caller: Caller) -> dict[int, tuple[str, str]]:
        sdk = caller.openai.chat.completions
        if stream:
            async with sdk.stream(**ask) as events:
                answer: Any = await events.get_final_completion()
        else:
            answer = await sdk.create(**ask)
        return {choice.index: kind(caller, stream=stream).parted(choice.message) for choice in answer.choices}

    async with direct(model) as plain:
        expected = await choices(plain)
    caller = await callers(Rung.DEGRADED)
    found = await choices(caller)
    assert {place: text for place, (text, _) in found.items()} == {place: text for place, (text, _) in expected.items()}
    assert [place for _, thought in expected.values() for place in caller.leaks(thought)] == []
