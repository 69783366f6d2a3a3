"""No side door: whichever way an answer is fetched, by whomever and however often, it is shaped as it was when it was made."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import openai
import pytest
import pytest_asyncio

from proxy.core.ladder import Rung
from proxy.core.sealing import MARK
from tests.support.gateway import Running, gateway
from tests.support.ladder import Caller, Callers, direct, policy, set_rung
from tests.support.talks import Responses

ASK: Any = {"input": "Tell me of ships. think 30 words say 9 words", "reasoning": {"summary": "auto"}}
SEALED: Any = ["reasoning.encrypted_content"]
MODELS = pytest.mark.parametrize("model_name", ["demo-open", "demo-signed"])


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def gate(model: str) -> AsyncIterator[Running]:
    async with gateway("--upstream", model, "--policy", policy("ladder"), "--workers", "2") as found:
        yield found


async def thought(model: str, name: str) -> str:
    """What the model itself shows of its reasoning."""
    async with direct(model) as plain:
        answer = await plain.openai.responses.create(model=name, **ASK)
    found = next(item for item in answer.output if item.type == "reasoning")
    return "".join(part.text for part in found.content or found.summary)


async def whole(caller: Caller, name: str) -> Any:
    return await caller.openai.responses.retrieve(name)


async def with_sealed(caller: Caller, name: str) -> Any:
    return await caller.openai.responses.retrieve(name, include=SEALED)


async def streamed(caller: Caller, name: str) -> Any:
    return [event async for event in await caller.openai.responses.retrieve(name, stream=True)][-1]


async def from_its_middle(caller: Caller, name: str) -> Any:
    return [event async for event in await caller.openai.responses.retrieve(name, stream=True, starting_after=4, include=SEALED)][-1]


async def continued(caller: Caller, name: str) -> Any:
    return await caller.openai.responses.create(model="demo-open", input="Go on. say 3 words", previous_response_id=name)


WAYS = pytest.mark.parametrize("way", [whole, with_sealed, streamed, from_its_middle], ids=lambda way: way.__name__)
Way = Callable[[Caller, str], Awaitable[Any]]


@WAYS
@MODELS
async def test_a_response_is_fetched_as_it_was_made(way: Way, model_name: str, callers: Callers, gate: Running, model: str) -> None:
    hidden = await thought(model, model_name)
    caller = await callers(Rung.DEGRADED, organization="house")
    made = await caller.openai.responses.create(model=model_name, **ASK)
    assert made.output_text
    fellow = await callers(organization="house")
    await set_rung(gate, caller.name, Rung.CLEAR, "house")
    for one in (caller, fellow, caller):
        assert made.output_text in str(await way(one, made.id))
        assert one.leaks(hidden) == []
        assert "reasoning is left out" in one.wire.last.headers["stillgate-measures"]
    assert fellow.statuses == {200}
    assert bool(opaque(fellow)) is (model_name == "demo-open" or way in {with_sealed, from_its_middle})
    for value in opaque(caller) + opaque(fellow):
        assert value.startswith(MARK)


@WAYS
async def test_what_was_made_in_the_open_stays_so(way: Way, callers: Callers, gate: Running, model: str) -> None:
    """Whatever became of its account since: it has seen it."""
    shown = await thought(model, "demo-open")
    caller = await callers()
    made = await caller.openai.responses.create(model="demo-open", **ASK)
    await set_rung(gate, caller.name, Rung.DEGRADED)
    assert shown in str(await way(caller, made.id))


@pytest.mark.parametrize("way", [whole, with_sealed, streamed, from_its_middle, continued], ids=lambda way: way.__name__)
async def test_another_organizations_response_is_not_there(way: Way, callers: Callers) -> None:
    made = await (await callers()).openai.responses.create(model="demo-open", **ASK)
    stranger = await callers()
    with pytest.raises((openai.NotFoundError, openai.BadRequestError), match="There is no response with this id"):
        await way(stranger, made.id)
    assert stranger.wire.last.status == (400 if way is continued else 404)
    assert made.output_text not in stranger.wire.last.body.decode()


async def test_what_a_response_answered_is_as_sealed_as_the_response(callers: Callers, model: str) -> None:
    hidden = await thought(model, "demo-signed")
    caller, stranger = await callers(Rung.DEGRADED), await callers()
    talk = Responses(caller, stream=False, store=True)
    await talk.says(ASK["input"])
    answer = await caller.openai.responses.create(model="demo-signed", input=[*talk.history, {"role": "user", "content": "Go on."}])
    listed = [item async for item in caller.openai.responses.input_items.list(answer.id, include=SEALED)]
    assert len(listed) == 4
    assert caller.leaks(hidden) == []
    assert opaque(caller)
    for value in opaque(caller):
        assert value.startswith(MARK)
    with pytest.raises(openai.NotFoundError, match="There is no response with this id"):
        await stranger.openai.responses.input_items.list(answer.id)


@MODELS
async def test_the_background_is_polled_until_it_is_shaped(model_name: str, callers: Callers, model: str) -> None:
    hidden = await thought(model, model_name)
    caller = await callers(Rung.DEGRADED)
    queued = await caller.openai.responses.create(model=model_name, background=True, **ASK)
    assert queued.status == "queued"
    done = await caller.openai.responses.retrieve(queued.id, include=SEALED)
    assert (done.status, len(done.output_text.split())) == ("completed", 9)
    assert caller.leaks(hidden) == []
    with pytest.raises(openai.NotFoundError):  # the demo has no such route; a stranger is not even asked on
        await caller.openai.responses.cancel(queued.id)
    stranger = await callers()
    with pytest.raises(openai.NotFoundError, match="There is no response with this id"):
        await stranger.openai.responses.cancel(queued.id)


async def test_asking_again_changes_nothing(callers: Callers, model: str) -> None:
    """As an SDK does whose connection broke."""
    hidden = await thought(model, "demo-open")
    caller = await callers(Rung.DEGRADED)
    texts = set()
    for _ in range(4):
        answer = await caller.openai.responses.create(model="demo-open", **ASK, extra_headers={"Idempotency-Key": "one"})
        texts.add(answer.output_text)
    assert (len(texts), caller.leaks(hidden)) == (1, [])


async def test_routes_whose_answers_cannot_be_shaped_are_shut_meanwhile(callers: Callers) -> None:
    async with aiohttp.ClientSession() as http:
        caller = await callers()
        async with http.ws_connect(caller.url + "/v1/realtime", headers=caller.headers) as socket:
            await socket.send_str("Hello")
            assert await socket.receive_str() == "Hello"
        shut = await callers(Rung.DEGRADED)
        with pytest.raises(aiohttp.WSServerHandshakeError) as raised:
            await http.ws_connect(shut.url + "/v1/realtime", headers=shut.headers)
        assert raised.value.status == 403
        form = aiohttp.FormData({"purpose": "user_data"})
        form.add_field("file", b"words", filename="a.txt")
        async with http.post(shut.url + "/v1/files", data=form, headers=shut.headers) as answer:
            assert answer.status == 200, "the policy says that this one is served"


async def test_what_an_upstream_packs_is_unpacked_to_be_shaped(callers: Callers, model: str) -> None:
    hidden = await thought(model, "demo-open")
    caller = await callers(Rung.DEGRADED)
    packed = {"x-demo-encoding": "gzip"}
    answer = await caller.openai.responses.create(model="demo-open", **ASK, extra_headers=packed)
    stream = await caller.openai.responses.create(model="demo-open", **ASK, stream=True, extra_headers=packed)
    events = [event async for event in stream]
    last: Any = events[-1]
    assert last.response.output_text == answer.output_text
    assert caller.leaks(hidden) == []


def opaque(caller: Caller) -> list[str]:
    """Every encrypted content that came over the wire."""
    found: list[str] = []

    def look(value: Any) -> None:
        for name, inner in value.items() if isinstance(value, dict) else enumerate(value if isinstance(value, list) else ()):
            if name == "encrypted_content" and isinstance(inner, str):
                found.append(inner)
            look(inner)

    for seen in caller.wire.seen:
        look(seen.documents())
    return found
