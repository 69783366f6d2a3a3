"""Reasoning that comes back: whose it is, where it belongs, and what happens when it is somebody else's."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest
import pytest_asyncio

from proxy.core.ladder import Rung
from proxy.core.sealing import MARK
from proxy.sealing.rotation import rotate, shown
from tests.support.gateway import Running, gateway, stillgate
from tests.support.ladder import Caller, Callers, counted, direct, policy, set_rung
from tests.support.meters import until
from tests.support.servers import Server, server
from tests.support.talks import TALK, Chained, DeepSeek, Gemini, Inline, Messages, Open, Responses, Talk, Vllm

BLOCKS = "stillgate_reasoning_blocks_total"
BEGUN = "Please use two tools. think 30 words"
OPAQUE = [Messages, Responses, Gemini]
"""Where the provider signs or encrypts, and refuses what it did not make."""

REFUSED = (openai.BadRequestError, anthropic.BadRequestError)


@pytest.fixture(scope="module")
def kept() -> Any:
    with server("valkey") as found:
        yield found


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path: Path = tmp_path_factory.mktemp("seal") / "keys.txt"
    rotate(path)
    return path


def flags(model: str, name: str, kept: Server, keys: Path) -> tuple[str, ...]:
    return ("--upstream", model, "--policy", policy(name), "--store", kept.url, "--seal-keys", str(keys))


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def usual(model: str, kept: Server, keys: Path) -> AsyncIterator[Running]:
    async with gateway(*flags(model, "ladder", kept, keys), "--workers", "2") as found:
        yield found


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def strict(model: str, kept: Server, keys: Path) -> AsyncIterator[Running]:
    async with gateway(*flags(model, "binding", kept, keys)) as found:
        yield found


@pytest.fixture
async def callers(usual: Running) -> AsyncIterator[Callers]:
    async with AsyncExitStack() as stack:
        yield Callers(usual, stack)


@pytest.fixture
async def refusing(strict: Running) -> AsyncIterator[Callers]:
    async with AsyncExitStack() as stack:
        yield Callers(strict, stack)


async def begun(kind: type[Talk], caller: Caller, **parts: Any) -> Talk:
    """A conversation that waits for its tools' results."""
    talk = kind(caller, stream=False, **parts)
    talk.user(BEGUN)
    await talk.ask()
    assert talk.said[-1].calls
    assert MARK in str(talk.history[1:]), "what the model made is sealed"
    return talk


async def goes_on(talk: Talk, caller: Caller) -> None:
    """`caller` sends the conversation with its tools' results."""
    talk.caller = caller
    talk.results(talk.said[-1].calls)
    await talk.ask()


async def found(gate: Running, caller: Caller, finding: str, blocks: int, before: float) -> None:
    """The evidence: a line with the accounts, a counter without."""
    reference = caller.wire.last.headers["stillgate-request-id"]
    await gate.says(f'"finding":"{finding}","blocks":{blocks},"reference":"{reference}"')
    assert await counted(gate, BLOCKS, finding=finding) == before + blocks


@pytest.mark.parametrize("finding", ["foreign", "forged", "elsewhere"])
@pytest.mark.parametrize("kind", [Messages, Responses], ids=lambda kind: kind.__name__)
async def test_what_is_somebody_elses_is_dropped_and_the_talk_goes_on(
    finding: str, kind: type[Talk], callers: Callers, usual: Running
) -> None:
    """A plain question follows: an open tool turn would need the reasoning that is dropped."""
    before = await counted(usual, BLOCKS, finding=finding)
    talk = await begun(kind, await callers())
    await goes_on(talk, talk.caller)
    caller = await callers() if finding == "foreign" else await callers.same(talk.caller)
    talk.caller = caller
    if finding == "forged":
        talk.history = changed(talk.history)
    if finding == "elsewhere":
        talk.history[0] = {"role": "user", "content": "Another question. two tools"}  # the second block answers the tools' results
    if kind is Responses:  # a call of this provider's needs the reasoning before it
        talk.history = [item for item in talk.history if item.get("type") not in {"function_call", "function_call_output"}]
    talk.user("Sum it up. say 9 words")
    await talk.ask()
    assert caller.statuses == {200}
    assert len(talk.said[-1].text.split()) == 9
    await found(usual, caller, finding, 1 if (finding, kind) == ("elsewhere", Messages) else 2, before)


def changed(value: Any) -> Any:
    """The last but one character of every token is another."""
    if isinstance(value, str) and value.startswith(MARK):
        return f"{value[:-6]}{'A' if value[-6] != 'A' else 'B'}{value[-5:]}"
    if isinstance(value, dict):
        return {name: changed(inner) for name, inner in value.items()}
    return [changed(inner) for inner in value] if isinstance(value, list) else value


@pytest.mark.parametrize("rung", [Rung.CLEAR, Rung.DEGRADED])
@pytest.mark.parametrize("kind", [Messages, Responses, Open, Gemini, Vllm, Inline], ids=lambda kind: kind.__name__)
async def test_nor_does_a_tool_turn_fail_whose_reasoning_is_dropped(kind: type[Talk], rung: Rung, callers: Callers) -> None:
    """Though providers ask for reasoning there."""
    talk = kind(await callers(rung), stream=False)
    talk.user(BEGUN)
    await talk.ask()
    await goes_on(talk, await callers(rung))
    assert talk.caller.statuses == {200}
    assert talk.said[-1].text


async def test_another_model_gets_none_of_it(callers: Callers, usual: Running) -> None:
    before = await counted(usual, BLOCKS, finding="other_model")
    talk = await begun(Messages, await callers())
    await goes_on(talk, talk.caller)
    talk.name = "demo-signed-large"
    talk.user("Sum it up. say 9 words")
    await talk.ask()
    assert len(talk.said[-1].text.split()) == 9
    await found(usual, talk.caller, "other_model", 2, before)


@pytest.mark.parametrize("kind", OPAQUE, ids=lambda kind: kind.__name__)
async def test_an_organization_may_hand_over_between_its_accounts(kind: type[Talk], callers: Callers, usual: Running) -> None:
    before = await counted(usual, BLOCKS)
    one, other = await callers(organization="acme-" + kind.__name__), await callers(organization="acme-" + kind.__name__)
    talk = await begun(kind, one)
    await goes_on(talk, other)
    assert other.statuses == {200}
    assert await counted(usual, BLOCKS) == before


@pytest.mark.parametrize("kind", OPAQUE, ids=lambda kind: kind.__name__)
async def test_branches_and_regenerations_stay_legal(kind: type[Talk], callers: Callers, usual: Running) -> None:
    before = await counted(usual, BLOCKS)
    talk = await begun(kind, await callers())
    await goes_on(talk, talk.caller)
    trunk = list(talk.history)
    for line in ("One way. say 9 words", "Another way. say 9 words", "Another way. say 9 words"):
        talk.history = list(trunk)
        await talk.says(line)
    assert talk.caller.statuses == {200}
    assert talk.said[-1].known == talk.said[-2].known
    assert await counted(usual, BLOCKS) == before


@pytest.mark.parametrize("kind", OPAQUE, ids=lambda kind: kind.__name__)
async def test_where_the_policy_refuses_an_sdk_shows_why(kind: type[Talk], refusing: Callers, strict: Running) -> None:
    """The scope is the account here: its own organization is somebody else too."""
    before = await counted(strict, BLOCKS, finding="foreign")
    one, other = await refusing(organization="acme"), await refusing(organization="acme")
    talk = await begun(kind, one)
    with pytest.raises(REFUSED) as raised:
        await goes_on(talk, other)
    error: Any = raised.value
    assert "reasoning blocks that were not issued to your account in this conversation" in str(error)
    for words in ("Send back the blocks of each answer as they came, or leave them out", "help@example.com", "Reference: sg_"):
        assert words in str(error)
    assert error.response.headers["x-should-retry"] == "false"
    assert await counted(strict, BLOCKS, finding="foreign") > before
    await strict.says("foreign reasoning", f'"issued_to":"{one.name}","account":"{other.name}"')


@pytest.mark.parametrize("kind", [Messages, Gemini], ids=lambda kind: kind.__name__)
async def test_what_never_was_sealed_here_is_refused_or_dropped(kind: type[Talk], refusing: Callers, callers: Callers, model: str) -> None:
    async with direct(model) as plain:
        talk = kind(plain, stream=False)
        await talk.says(BEGUN)
    talk.user("Sum it up. say 9 words")
    talk.caller = await refusing()
    with pytest.raises(REFUSED, match="not issued to your account"):
        await talk.ask()
    if kind is Messages:
        talk.caller = await callers()
        await talk.ask()
        assert talk.caller.statuses == {200}


@pytest.mark.parametrize("kind", [Messages, Responses, DeepSeek, Vllm, Inline], ids=lambda kind: kind.__name__)
async def test_what_waits_in_the_store_comes_back(kind: type[Talk], refusing: Callers, strict: Running, model: str) -> None:
    async with direct(model) as plain:
        expected = await kind(plain, stream=True, **kind.hidden).play(TALK)
        thoughts = [said.thought for said in await kind(plain, stream=True).play(TALK)]
    caller = await refusing(Rung.DEGRADED)
    made = await kind(caller, stream=True).play(TALK)
    assert [(said.known, said.usage) for said in made] == [(said.known, said.usage) for said in expected]
    assert [place for thought in thoughts for place in caller.leaks(thought)] == []
    assert caller.statuses == {200}


async def test_two_gateways_with_one_store_and_one_file_of_keys(
    callers: Callers, model: str, kept: Server, keys: Path, usual: Running
) -> None:
    """And one that was started again."""
    talks = [await begun(kind, await callers(Rung.DEGRADED)) for kind in (Messages, Responses, DeepSeek, Gemini, Vllm)]
    async with gateway(*flags(model, "ladder", kept, keys)) as fresh, AsyncExitStack() as stack:
        for talk in talks:
            elsewhere = await Callers(fresh, stack).same(talk.caller)
            await goes_on(talk, elsewhere)
            assert elsewhere.statuses == {200}
        assert await counted(fresh, BLOCKS) == 0


async def test_a_response_goes_on_elsewhere_only_for_its_organization(callers: Callers) -> None:
    one, other, foreign = await callers(organization="house"), await callers(organization="house"), await callers()
    talk = Chained(one, stream=False)
    talk.user(BEGUN)
    await talk.ask()
    talk.results(talk.said[-1].calls)
    talk.caller = foreign
    with pytest.raises(openai.BadRequestError, match="There is no response with this id"):
        await talk.ask()
    talk.caller = other
    await talk.ask()
    assert other.statuses == {200}


async def test_keys_rotate_while_it_runs(model: str, tmp_path: Path) -> None:
    path = tmp_path / "keys.txt"
    rotate(path)
    start = ("--upstream", model, "--policy", policy("ladder"), "--seal-keys", str(path), "--workers", "2")
    async with gateway(*start) as gate, AsyncExitStack() as stack:
        callers = Callers(gate, stack)
        old = [await begun(kind, await callers(Rung.DEGRADED)) for kind in (Messages, Responses, DeepSeek, Gemini)]
        await stillgate("seal", "rotate", str(path))
        fresh, first = shown(path)
        # Two workers, and the supervisor's pages.
        await until(lambda: lines(gate, f"seal keys in force: {fresh}, {first}"), lambda number: number == 3)
        for talk in old[:2]:
            await goes_on(talk, talk.caller)
            assert talk.caller.statuses == {200}
        new = [await begun(kind, await callers(Rung.DEGRADED)) for kind in (Messages, Responses, DeepSeek, Gemini)]
        path.write_text(path.read_text().splitlines()[0] + "\n")
        await until(lambda: lines(gate, f"seal keys in force: {fresh};"), lambda number: number == 3)
        for talk in new:
            await goes_on(talk, talk.caller)
            assert talk.caller.statuses == {200}
        assert await counted(gate, BLOCKS) == 0
        lost = old[0]
        lost.user("Sum it up. say 9 words")
        await lost.ask()
        assert len(lost.said[-1].text.split()) == 9
        assert lost.caller.statuses == {200}, "a lost key costs reasoning, and no error"
        assert await counted(gate, BLOCKS, finding="lost") > 0


async def lines(gate: Running, words: str) -> int:
    return gate.logged().count(words)


async def test_who_was_lifted_sends_back_what_was_hidden(callers: Callers, usual: Running) -> None:
    for kind in (Messages, DeepSeek, Vllm, Gemini, Responses):
        caller = await callers(Rung.DEGRADED)
        talk = await begun(kind, caller)
        await set_rung(usual, caller.name, Rung.CLEAR)
        await goes_on(talk, caller)
        assert caller.statuses == {200}
