"""What a standing does to an exchange, with every port in memory: shaping, pins, tokens that come back, what is dropped and told."""

import json
from dataclasses import replace
from typing import Any

import pytest

from proxy.core.case import Remembered
from proxy.core.ladder import Rung
from proxy.core.policy import Policy, Tier
from proxy.core.quota import Quota, Unit, Window
from proxy.core.rules import Binding, Ladder, Rule
from proxy.core.sanctions.delay import Delay
from proxy.core.sanctions.reasoning import Reasoning
from proxy.core.sanctions.throttle import Throttle
from proxy.core.sealing import MARK
from proxy.core.shaping import Knobs, Show
from proxy.core.shaping import Reasoning as Wanted
from proxy.gateway.exchange import Exchange
from proxy.gateway.remembering import KEPT_FOR, response_note
from tests.support.line import AT, House, MemoryAnswer, MemoryBody, MemoryCaller, Script
from tests.support.policies import policy

USED = {"prompt_tokens": 9, "completion_tokens": 60}
SECRET = "first I divide by seven"


def chat(*messages: dict[str, Any], **parts: Any) -> bytes:
    return json.dumps({"model": "m1", "messages": list(messages) or [{"role": "user", "content": "Hello"}], **parts}).encode()


def whole(**message: Any) -> tuple[bytes, ...]:
    said = {"role": "assistant", "content": "Six.", "reasoning_content": SECRET, **message}
    return (json.dumps({"id": "c", "choices": [{"index": 0, "message": said, "finish_reason": "stop"}], "usage": USED}).encode(),)


def ruled(rung: Rung, *sanctions: Any, **parts: Any) -> Policy:
    return policy(ladder=Ladder({rung: Rule(sanctions)}), **parts)


async def asked(
    house: House, body: bytes, answer: tuple[bytes, ...], account: str = "ann", method: str = "POST", **script: Any
) -> MemoryCaller:
    """One more exchange in this house."""
    name = f"r{len(house.scripts)}"
    house.scripts[name] = Script(body, answer, account=account, **script)  # type: ignore[index]
    caller = house.callers[name] = MemoryCaller(house.scripts[name])
    await Exchange(house.rooms, replace(house.arrival(name), method=method), MemoryBody(body), caller).run()
    return caller


def told(caller: MemoryCaller, name: str) -> str:
    return next((value for key, value in caller.headers if key.lower() == name), "")


def sent(house: House) -> list[dict[str, Any]]:
    """The bodies that reached the upstream."""
    return [json.loads(body) for body in house.upstream.bodies]


@pytest.fixture
def house() -> House:
    return House(policy(contact="help@example.com"), {})


async def test_hidden_reasoning_goes_out_sealed_and_comes_back_as_it_was(house: House) -> None:
    house.store.standings["ann"] = "degraded"
    first = await asked(house, chat(), whole())
    assert SECRET.encode() not in first.body
    said = json.loads(first.body)["choices"][0]["message"]
    assert said["content"] == "Six."
    assert said["reasoning_content"].startswith(MARK)
    assert "reasoning is left out" in told(first, "stillgate-notice")
    await asked(house, chat({"role": "user", "content": "Hello"}, said, {"role": "user", "content": "And?"}), whole())
    assert sent(house)[-1]["messages"][1] == {"role": "assistant", "content": "Six.", "reasoning_content": SECRET}


async def test_a_token_is_put_back_whatever_the_policy_says_by_now(house: House) -> None:
    house.store.standings["ann"] = "degraded"
    said = json.loads((await asked(house, chat(), whole())).body)["choices"][0]["message"]
    house.store.standings["ann"] = ""
    house.rooms.policy = policy(enforce=False)
    await asked(house, chat({"role": "user", "content": "Hello"}, said, {"role": "user", "content": "And?"}), whole())
    assert sent(house)[-1]["messages"][1]["reasoning_content"] == SECRET


async def test_a_conversation_stays_as_it_began_and_the_next_one_does_not(house: House) -> None:
    first = await asked(house, chat(), whole())
    said = json.loads(first.body)["choices"][0]["message"]
    house.store.standings["ann"] = "degraded"
    later = chat({"role": "user", "content": "Hello"}, said, {"role": "user", "content": "And?"})
    second = await asked(house, later, whole())
    assert json.loads(second.body)["choices"][0]["message"]["reasoning_content"] == SECRET
    assert "from your next conversation on" in told(second, "stillgate-notice")
    third = await asked(house, chat({"role": "user", "content": "Something else"}), whole())
    assert SECRET.encode() not in third.body


async def test_blocks_of_somebody_else_are_dropped_and_that_is_told() -> None:
    house = House(policy(binding=Binding(on=True)), {})
    house.store.standings |= {"ann": "degraded", "bob": "degraded"}
    said = json.loads((await asked(house, chat(), whole())).body)["choices"][0]["message"]
    stolen = chat({"role": "user", "content": "Hello"}, said, {"role": "user", "content": "Repeat what you thought."})
    caller = await asked(house, stolen, whole(), account="bob")
    assert caller.status == 200
    assert told(caller, "stillgate-reasoning-dropped") == "1 foreign"
    assert SECRET not in json.dumps(sent(house)[-1])


async def test_or_refused_and_then_nothing_is_charged() -> None:
    house = House(policy(binding=Binding(on=True, refuse=True)), {})
    house.store.standings |= {"ann": "degraded", "bob": "degraded"}
    said = json.loads((await asked(house, chat(), whole())).body)["choices"][0]["message"]
    before = len(house.upstream.sent)
    caller = await asked(house, chat({"role": "user", "content": "Hello"}, said, {"role": "user", "content": "?"}), whole(), account="bob")
    assert (caller.status, json.loads(caller.body)["code"]) == (400, "foreign_reasoning")
    assert len(house.upstream.sent) == before
    assert "r1" not in house.store.settled


async def test_reasoning_in_the_store_comes_back_too_and_when_it_is_gone_the_turn_goes_on() -> None:
    house = House(policy(binding=Binding(restore="store")), {})
    house.store.standings["ann"] = "degraded"
    said = json.loads((await asked(house, chat(), whole())).body)["choices"][0]["message"]
    later = chat({"role": "user", "content": "Hello"}, said, {"role": "user", "content": "And?"})
    await asked(house, later, whole())
    assert sent(house)[-1]["messages"][1]["reasoning_content"] == SECRET
    house.store.notes.clear()
    caller = await asked(house, later, whole())
    assert caller.status == 200
    assert MARK not in json.dumps(sent(house)[-1])


async def test_a_delay_comes_before_anything_is_sent() -> None:
    house = House(ruled(Rung.THROTTLED, Delay(3.0)), {})
    house.store.standings["ann"] = "throttled"
    caller = await asked(house, chat(), whole())
    assert house.clock.now == AT + 3.0
    assert "each request waits 3 seconds" in told(caller, "stillgate-notice")


def events(count: int) -> tuple[bytes, ...]:
    said = [b'data: {"choices":[{"index":0,"delta":{"content":"abcd"}}]}\n\n'] * count
    return (b"".join(said) + b"data: [DONE]\n\n",)


async def test_a_paced_stream_goes_event_by_event_though_it_came_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    house = House(ruled(Rung.THROTTLED, Throttle(1.0, 2.0)), {})
    house.store.standings["ann"] = "throttled"
    now, written = 0.0, []

    async def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds

    monkeypatch.setattr("proxy.gateway.meter.asyncio.sleep", sleep)
    monkeypatch.setattr("proxy.gateway.meter.time.monotonic", lambda: now)
    taken = MemoryCaller.write

    async def write(self: MemoryCaller, data: bytes) -> None:
        written.append((now, data))
        await taken(self, data)

    monkeypatch.setattr(MemoryCaller, "write", write)
    await asked(house, chat(stream=True, stream_options={"include_usage": True}), events(6), streamed=True)
    assert [at for at, _ in written] == [0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0]


@pytest.mark.parametrize("status", [200, 400])
@pytest.mark.parametrize("reshaped", [False, True])
async def test_a_whole_answer_is_no_way_around_the_pace(monkeypatch: pytest.MonkeyPatch, status: int, reshaped: bool) -> None:
    house = House(ruled(Rung.THROTTLED, Throttle(1.0, 2.0), *([Reasoning(Wanted(Show.OMIT))] if reshaped else [])), {})
    house.store.standings["ann"] = "throttled"
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.extend([seconds] if seconds else [])

    monkeypatch.setattr("proxy.gateway.forwarding.asyncio.sleep", sleep)
    answer = json.dumps({"choices": [{"message": {"content": "a"}}], "usage": {"prompt_tokens": 1, "completion_tokens": 40}})
    caller = await asked(house, chat(), (answer.encode(),), status=status)
    assert (caller.status, waits) == (status, [20.0] if status == 200 else [])
    assert json.loads(caller.body)["usage"]["completion_tokens"] == 40


async def test_an_answer_that_cannot_be_shaped_is_not_sent_and_not_charged() -> None:
    day = Window("calendar", "day", 86400)
    house = House(policy(tiers={"free": Tier("free", (Quota(Unit.TOKENS, 1000, day, 1000),))}), {})
    house.store.standings["ann"] = "degraded"
    caller = await asked(house, chat(), (b"not JSON: " + SECRET.encode(),))
    assert (caller.status, json.loads(caller.body)["code"]) == (502, "shaping_failed")
    assert SECRET.encode() not in caller.body
    assert house.store.settled["r0"][Unit.TOKENS] == 0


async def test_an_error_of_the_upstream_passes_as_it_came(house: House) -> None:
    house.store.standings["ann"] = "degraded"
    said = b'{"error": {"message": "no such thing"}}'
    caller = await asked(house, chat(), (said,), status=400)
    assert (caller.status, caller.body) == (400, said)


@pytest.mark.parametrize("status", [400, 413, 422, 500])
async def test_an_error_that_may_quote_reasoning_that_was_put_back_is_told_in_our_words(house: House, status: int) -> None:
    house.store.standings["ann"] = "degraded"
    said = json.loads((await asked(house, chat(), whole())).body)["choices"][0]["message"]
    later = chat({"role": "user", "content": "Hello"}, said, {"role": "user", "content": "And?"})
    quoting = json.dumps({"error": {"message": f"not valid: {SECRET}"}}).encode()
    caller = await asked(house, later, (quoting,), status=status)
    assert caller.status == status
    assert SECRET.encode() not in caller.body
    assert f"(status {status})" in json.loads(caller.body)["error"]["message"]


async def test_reasoning_is_put_in_other_words_by_the_model_that_the_policy_names(monkeypatch: pytest.MonkeyPatch) -> None:
    house = House(ruled(Rung.DEGRADED, Reasoning(Wanted(Show.REWRITE, via="small-1"))), {})
    house.store.standings["ann"] = "degraded"
    first, asked_of = house.upstream.send, []

    async def send(dispatch: Any) -> MemoryAnswer:
        if dispatch.model == "small-1":
            asked_of.append(json.loads(dispatch.body))
            return MemoryAnswer(Script(answer=(json.dumps({"choices": [{"message": {"content": "It divides."}}]}).encode(),)))
        return await first(dispatch)

    monkeypatch.setattr(house.upstream, "send", send)
    caller = await asked(house, chat(), whole())
    shown = json.loads(caller.body)["choices"][0]["message"]["reasoning_content"]
    assert shown.startswith("It divides.")
    assert SECRET not in shown
    assert SECRET in asked_of[0]["messages"][1]["content"]


INLINE = [Knobs(preopened=True), Knobs(tag="thought")]


@pytest.mark.parametrize("inline", INLINE)
async def test_a_response_that_is_fetched_is_read_as_its_models_answers_are(inline: Knobs) -> None:
    house = House(ruled(Rung.DEGRADED, Reasoning(Wanted(Show.OMIT)), knobs=(("m1", inline),)), {})
    house.store.standings["ann"] = "degraded"
    answer = a_response(inline)
    made = await asked(house, b'{"model": "m1", "input": "Hello"}', answer, path="/v1/responses")
    fetched = await asked(house, b"", answer, method="GET", path="/v1/responses/resp_1")
    for caller in (made, fetched):
        assert SECRET.encode() not in caller.body
        assert b"Six." in caller.body


def a_response(inline: Knobs) -> tuple[bytes, ...]:
    text = ("" if inline.preopened else f"<{inline.tag}>") + SECRET + f"</{inline.tag}>Six."
    message = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text}]}
    return (json.dumps({"id": "resp_1", "object": "response", "model": "m1", "output": [message], "usage": None}).encode(),)


@pytest.mark.parametrize("inline", INLINE)
@pytest.mark.parametrize("pin", [3600.0, 0.0])
async def test_how_a_response_must_be_read_is_known_for_as_long_as_it_can_be_fetched(inline: Knobs, pin: float) -> None:
    """Also one of which nothing had to be hidden when it was made: as its caller had it, so it is fetched."""
    ladder = Ladder({Rung.DEGRADED: Rule((Reasoning(Wanted(Show.OMIT)),))}, pin=pin)
    house = House(policy(ladder=ladder, knobs=(("m1", inline),)), {})
    answer = a_response(inline)
    made = await asked(house, b'{"model": "m1", "input": "Hello"}', answer, path="/v1/responses")
    assert SECRET.encode() in made.body
    assert house.store.lasting == [KEPT_FOR]
    said = Remembered.parse(house.store.notes["ann", response_note("resp_1")])
    assert (said.rung, said.model, said.inside) == (Rung.CLEAR, "m1", inline.preopened)
    house.store.standings["ann"] = "degraded"
    fetched = await asked(house, b"", answer, method="GET", path="/v1/responses/resp_1")
    assert (fetched.status, fetched.body) == (200, made.body)


@pytest.mark.parametrize("inline", INLINE)
async def test_a_response_of_which_nobody_knows_how_to_read_it_is_not_given_out(inline: Knobs) -> None:
    house = House(ruled(Rung.DEGRADED, Reasoning(Wanted(Show.OMIT)), knobs=(("m1", inline),)), {})
    await asked(house, b'{"model": "m1", "input": "Hello"}', a_response(inline), path="/v1/responses")
    house.store.notes.clear()
    clear = await asked(house, b"", a_response(inline), method="GET", path="/v1/responses/resp_1")
    assert (clear.status, SECRET.encode() in clear.body) == (200, True)
    house.store.standings["ann"] = "degraded"
    fetched = await asked(house, b"", a_response(inline), method="GET", path="/v1/responses/resp_1")
    assert (fetched.status, json.loads(fetched.body)["code"]) == (404, "response_not_found")
    house.rooms.policy = replace(house.policy, knobs=())
    served = await asked(house, b"", a_response(Knobs()), method="GET", path="/v1/responses/resp_1")
    assert (served.status, SECRET.encode() in served.body) == (200, False)


async def test_what_is_made_later_is_not_waited_for_now(monkeypatch: pytest.MonkeyPatch) -> None:
    house = House(ruled(Rung.THROTTLED, Throttle(1.0, 2.0)), {})
    house.store.standings["ann"] = "throttled"
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.extend([seconds] if seconds else [])

    monkeypatch.setattr("proxy.gateway.forwarding.asyncio.sleep", sleep)
    answer = json.dumps({"id": "resp_1", "status": "queued", "output": [], "instructions": "x" * 4000, "usage": None}).encode()
    caller = await asked(house, b'{"model": "m1", "input": "Hello", "background": true}', (answer,), path="/v1/responses")
    assert (caller.status, waits) == (200, [])
