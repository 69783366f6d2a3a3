"""Ways around a quota that somebody has thought of, each with what it costs now."""

import json
from typing import Any

import pytest

from proxy.core.policy import Capacity, Tier
from proxy.core.quota import Accounting, Price, Quota, Unit, Window
from proxy.dialects import CATALOGUE
from proxy.dialects.peek import prompt_size
from proxy.errors import CallerError
from tests.support.line import House, Script
from tests.support.policies import policy

DAY = Window("calendar", "day", 86400)
QUOTAS = tuple(Quota(unit, 10**12, DAY, 10**12) for unit in (Unit.REQUESTS, Unit.INPUT, Unit.OUTPUT, Unit.SPEND))
RULE = policy(tiers={"free": Tier("free", QUOTAS)})
DONE = b"data: [DONE]\n\n"


def ask(**parts: Any) -> bytes:
    return json.dumps({"model": "m", "messages": [], **parts}).encode()


def event(**parts: Any) -> bytes:
    return b"data: " + json.dumps(parts).encode() + b"\n\n"


def says(text: str, **parts: Any) -> bytes:
    return event(choices=[{"delta": {"content": text, **parts}}])


async def charged(script: Script, rule: Any = RULE, house: House | None = None, name: str = "r") -> dict[Unit, int]:
    house = house or House(rule, {name: script})
    await house.exchange(name).run()
    return house.store.settled[name]


async def test_a_cap_under_a_name_we_know_does_not_hide_one_under_another() -> None:
    stream = Script(ask(max_tokens=1, n_predict=5000, stream=True), (says("word " * 4000), DONE), streamed=True)
    assert (await charged(stream))[Unit.OUTPUT] == 5000


async def test_a_cap_that_is_kept_corrects_the_estimate() -> None:
    stream = Script(ask(max_tokens=40, stream=True), (says("extraordinarily " * 18), DONE), streamed=True)
    assert (await charged(stream))[Unit.OUTPUT] == 40


async def test_sound_is_not_counted_as_text() -> None:
    sound = says("", audio={"id": "a", "data": "QUJD" * 8000, "transcript": "Hello there!"})
    assert (await charged(Script(ask(stream=True), (sound, DONE), streamed=True)))[Unit.OUTPUT] == 3


@pytest.mark.parametrize("odd", [{"id": 1}, {"model": ["m"]}, {"choices": None}, {"system_fingerprint": {}}])
async def test_an_odd_member_does_not_hide_the_usage_beside_it(odd: dict[str, Any]) -> None:
    last = event(**{"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 77.0}, **odd})
    house = House(RULE, {"r": Script(ask(stream=True), (says("hi"), last, DONE), streamed=True)})
    assert (await charged(house.scripts["r"], house=house))[Unit.OUTPUT] == 77
    assert b"usage" not in house.callers["r"].body


async def test_what_cannot_be_read_is_not_free() -> None:
    torn = b'data: {"choices":[{"delta":{"content":"' + b"x" * 4000 + b"\n\n"
    assert (await charged(Script(ask(stream=True), (torn, DONE), streamed=True)))[Unit.OUTPUT] >= 1000


@pytest.mark.parametrize("stream", [True, False])
async def test_a_whole_answer_without_usage_costs_its_size(stream: bool) -> None:
    """Also where a stream was asked for and something else came."""
    answer = json.dumps({"choices": [{"message": {"content": "word " * 8000}}]}).encode()
    assert (await charged(Script(ask(stream=stream), (answer,))))[Unit.OUTPUT] == pytest.approx(10_000, rel=0.01)


async def test_leaving_before_the_report_does_not_make_hidden_reasoning_free() -> None:
    told = event(choices=[], usage={"prompt_tokens": 3, "completion_tokens": 310, "completion_tokens_details": {"reasoning_tokens": 300}})
    whole = Script(ask(stream=True), (says("word " * 8), told, DONE), streamed=True)
    left = Script(ask(stream=True), (says("word " * 8), told, DONE), streamed=True, leaves_at=2)
    house = House(RULE, {"r": whole, "s": left})
    await charged(whole, house=house)
    assert (await charged(left, house=house, name="s"))[Unit.OUTPUT] == pytest.approx(310, rel=0.1)


async def test_an_answer_that_goes_on_without_the_caller_costs_what_was_reserved() -> None:
    queued = json.dumps({"id": "resp_1", "status": "queued", "model": "m", "usage": None}).encode()
    body = json.dumps({"model": "m", "input": "x", "background": True}).encode()
    assert (await charged(Script(body, (queued,), path="/v1/responses")))[Unit.OUTPUT] == 16 * 512
    capped = json.dumps({"model": "m", "input": "x", "background": True, "stream": True, "max_output_tokens": 900}).encode()
    assert (await charged(Script(capped, (b": hi\n\n",), streamed=True, path="/v1/responses", leaves_at=1)))[Unit.OUTPUT] == 900


async def test_a_model_left_out_is_priced_as_the_one_that_answered() -> None:
    prices = (("big*", Price(10_000_000, 20_000_000, 0, 0)), ("*", Price(1, 1, 0, 0)))
    rule = policy(tiers={"free": Tier("free", QUOTAS)}, accounting=Accounting(prices=prices))
    answer = json.dumps({"model": "big-1", "choices": [], "usage": {"prompt_tokens": 10**6, "completion_tokens": 10**6}}).encode()
    body = json.dumps({"messages": []}).encode()
    house = House(rule, {"r": Script(body, (answer,))})
    assert (await charged(house.scripts["r"], house=house))[Unit.SPEND] == 30_000_000
    reserved = next(claim.cost for claim in house.store.claimed if claim.quota.unit is Unit.SPEND)
    assert reserved >= 512 * 20


async def test_who_closes_on_the_last_event_is_charged_what_the_provider_said() -> None:
    told = event(choices=[], usage={"prompt_tokens": 3, "completion_tokens": 10})
    stream = Script(ask(stream=True), (says("word " * 80), told, DONE), streamed=True, leaves_at=3)
    assert (await charged(stream))[Unit.OUTPUT] == 10


async def test_shadow_refuses_nothing() -> None:
    """A model outside the tier, a quota used up, an upstream that is full: decided and recorded, and served."""
    tier = Tier("free", (Quota(Unit.REQUESTS, 0, DAY, 0),), models=("small-*",))
    rule = policy(enforce=False, tiers={"free": tier}, capacity=Capacity(1, 0.01, 0))
    answer = json.dumps({"model": "m", "choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 1}}).encode()
    house = House(rule, {name: Script(ask(), (answer,)) for name in ("r", "s")})
    house.rooms.places.join()
    for name in ("r", "s"):
        await house.exchange(name).run()
        assert house.callers[name].status == 200


def test_media_is_told_from_text_by_where_it_stands() -> None:
    picture = b'{"url":"data:image/png;base64,' + b"QUJD" * 1000 + b'"}'
    assert prompt_size(picture) == (len(picture) - 4000, 1)
    prose = b'{"content":"base64 ' + b"one_long_word_" * 1000 + b'"}'
    assert prompt_size(prose) == (len(prose), 0)


def test_a_models_name_is_bounded() -> None:
    with pytest.raises(CallerError, match="longer than 256"):
        CATALOGUE[0].read(CATALOGUE[0].routes[0], ask(model="m" * 257))
