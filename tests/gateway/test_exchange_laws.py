"""The laws of an exchange, over any interleaving of what can happen to several at once.

Each wait of the ports in memory (tests/support/line.py) is one turn of the event loop, and a cancellation may arrive at any.
"""

import asyncio
import json
from collections import Counter

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from proxy.core.facts import Ending, Usage
from proxy.core.ladder import Rung
from proxy.core.policy import Capacity, Policy, Tier
from proxy.core.quota import HELD, Accounting, Quota, Scope, Unit, Window
from proxy.gateway.exchange import Exchange
from tests.support.line import House, MemoryBody, Script
from tests.support.policies import policy

DAY = Window("calendar", "day", 86400)
QUOTAS = (
    Quota(Unit.REQUESTS, 6, DAY, 6),
    Quota(Unit.TOKENS, 400, DAY, 400),
    Quota(Unit.OUTPUT, 250, DAY, 250, Scope.KEY),
    Quota(Unit.IN_FLIGHT, 3, HELD, 3, Scope.ORGANIZATION),
)
TIER = {"free": Tier("free", QUOTAS, models=("m*",))}
ENDINGS_OF_ENDS = {Ending.COMPLETE, Ending.REFUSED, Ending.CALLER_LEFT, Ending.UPSTREAM_BROKE, Ending.OVER_QUOTA}


def ask(**parts: object) -> bytes:
    return json.dumps({"model": "m1", "messages": [{"role": "user", "content": "Hello"}], **parts}).encode()


def event(document: object) -> bytes:
    return b"data: " + json.dumps(document).encode() + b"\n\n"


def token(words: str) -> bytes:
    return event({"choices": [{"index": 0, "delta": {"content": words}}]})


USED = {"prompt_tokens": 9, "completion_tokens": 60}
STREAM = (token("one two "), token("three " * 30), token("four " * 30), event({"choices": [], "usage": USED}), b"data: [DONE]\n\n")
WHOLE = (json.dumps({"choices": [], "usage": USED}).encode(),)
BODIES = (ask(), ask(stream=True), ask(stream=True, max_tokens=50), ask(max_tokens=70, n=2), ask(model="other"), b"{", ask(n="x"))

scripts = st.builds(
    Script,
    body=st.sampled_from(BODIES),
    answer=st.sampled_from((STREAM, STREAM[:2], WHOLE, (), (b"torn",))),
    status=st.sampled_from((200, 200, 200, 400, 503)),
    streamed=st.booleans(),
    framed=st.booleans(),
    encoding=st.sampled_from(("", "", "gzip")),
    unreachable=st.sampled_from((False, False, False, True)),
    silent=st.sampled_from((False, False, False, True)),
    breaks=st.booleans(),
    leaves_at=st.none() | st.integers(0, 7),
    cancel_at=st.none() | st.integers(0, 40),
    account=st.sampled_from(("ann", "ann", "bob", "")),
    path=st.sampled_from(("/v1/chat/completions", "/v1/chat/completions", "/v1/messages", "/v1/unknown")),
)
losses = st.dictionaries(st.integers(0, 12), st.sampled_from(("before", "after")), max_size=4)
policies = st.builds(
    lambda over, enforce, capacity: policy(
        tiers=TIER, stream_over_quota=over, enforce=enforce, capacity=capacity, idle_seconds=0.0, accounting=Accounting(slice=16)
    ),
    st.sampled_from(("finish", "slow", "stop")),
    st.sampled_from((True, True, False)),
    st.sampled_from((Capacity(0, 0.0, 1), Capacity(1, 0.0, 1), Capacity(2, 30.0, 2), Capacity(1, 30.0, 100))),
)


async def play(house: House) -> None:
    """Runs all scripts at once, cancelling where they say so, until nothing runs."""

    async def one(name: str, script: Script) -> None:
        await Exchange(house.rooms, house.arrival(name), MemoryBody(script.body), house.callers[name]).run()

    tasks = {name: asyncio.ensure_future(one(name, script)) for name, script in house.scripts.items()}
    turns = 0
    while not all(task.done() for task in tasks.values()):
        for name, script in house.scripts.items():
            if script.cancel_at == turns:
                tasks[name].cancel()
        await asyncio.sleep(0)
        turns += 1
        assert turns < 5000, "an exchange hangs"
    for name, task in tasks.items():
        if not task.cancelled():
            task.result()
        else:
            assert house.scripts[name].cancel_at is not None, "an exchange raises nothing but cancellation"


rungs = st.sampled_from(("", "", *(rung.word for rung in Rung)))
standings = st.fixed_dictionaries({"ann": rungs, "bob": rungs})


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(policies, st.lists(scripts, min_size=1, max_size=7), losses, standings)
@example(policy(tiers=TIER), [Script(ask(), WHOLE, cancel_at=turn) for turn in range(20)], {}, {})
@example(policy(tiers=TIER, capacity=Capacity(1, 30.0, 100)), [Script(ask(), WHOLE, cancel_at=turn) for turn in range(8, 30)], {}, {})
@example(policy(tiers=TIER, enforce=False), [Script(ask(stream=True), STREAM, streamed=True) for _ in range(7)], {}, {})
@example(policy(tiers=TIER), [Script(ask(), WHOLE, cancel_at=turn) for turn in range(20)], {}, {"ann": "degraded"})
def test_whatever_happens_an_exchange_ends_once_and_leaks_nothing(
    rule: Policy, wanted: list[Script], lost: dict[int, str], stand: dict[str, str]
) -> None:
    house = House(rule, {f"r{number}": script for number, script in enumerate(wanted)}, lambda number: lost.get(number, ""))
    house.store.standings |= stand
    asyncio.run(play(house))

    store, tried = house.store, Counter(house.upstream.tried)
    assert all(store.ended[name] == 1 for name in store.granted), "what was reserved is settled or released once"
    assert all(times == 1 for times in store.ended.values()), "nothing is ended twice"
    assert all(times == 1 for times in tried.values())
    if rule.enforce:
        assert tried.keys() <= store.granted, "nothing goes upstream without a grant"
        assert not tried.keys() & store.denied, "a refusal sends nothing"
        assert not store.denied & store.settled.keys(), "a refusal costs nothing"
    assert house.places.taken == 0
    assert house.places._waiting == []
    assert store.ledger.in_flight() == 0
    assert all(count.held == 0 for count in store.ledger._counts.values()), "no reservation outlives its exchange"
    assert all(answer.closed for answer in house.upstream.answers)
    for name, trace in house.telemetry.traces.items():
        assert len(trace.outcomes) == 1, "an exchange is told of once"
        outcome, script = trace.outcomes[0], house.scripts[name]
        odd = script.answer == (b"torn",) or not script.answer or script.encoding or not script.streamed
        unshapeable = stand.get(script.account) == "degraded" and odd
        assert outcome.ending in ENDINGS_OF_ENDS or (outcome.ending is Ending.FAILED and unshapeable)
        if name not in tried or (house.scripts[name].unreachable and outcome.ending is Ending.UPSTREAM_BROKE):
            assert outcome.usage == Usage()
        if store.settled.get(name):
            assert outcome.usage.output >= 1 or outcome.status >= 400, "what was answered is never charged as nothing"


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 12), st.sampled_from(("stop", "slow"))), min_size=1, max_size=8), st.sampled_from(("stop", "slow"))
)
def test_what_passes_in_streams_stays_within_the_quota_and_a_chunk_each(lengths: list[tuple[int, str]], over: str) -> None:
    """4 bytes make a token here, so that the estimate is exact and only the overshoot is left."""
    chunk = token("abcd" * 8)
    tier = {"free": Tier("free", (Quota(Unit.OUTPUT, 100, DAY, 100),))}
    rule = policy(tiers=tier, stream_over_quota=over, idle_seconds=0.0, accounting=Accounting(slice=16, typical_output=10))
    told = {f"r{n}": Script(ask(stream=True), (chunk,) * length, streamed=True) for n, (length, _) in enumerate(lengths)}
    house = House(rule, told)
    asyncio.run(play(house))
    passed = sum(caller.body.count(b"abcd") for caller in house.callers.values())
    assert passed <= 100 + 8 * len(house.store.granted)
    charged = sum(actual[Unit.OUTPUT] for actual in house.store.settled.values())
    assert charged == passed


async def test_a_compressed_stream_is_never_torn_by_an_event_of_ours() -> None:
    tier = {"free": Tier("free", (Quota(Unit.OUTPUT, 3, DAY, 3),))}
    for answer in (Script(ask(stream=True), (b"\x1f\x8b",), streamed=True, encoding="gzip", breaks=True),):
        house = House(policy(tiers=tier), {"r": answer})
        await play(house)
        assert house.callers["r"].body == b"\x1f\x8b"
        assert house.callers["r"].aborted


async def test_the_first_request_of_an_account_is_not_refused_for_a_guess() -> None:
    """operators.md B6: a small quota, no cap, no history."""
    for unit in (Unit.TOKENS, Unit.OUTPUT):
        tier = {"free": Tier("free", (Quota(unit, 100, DAY, 100),))}
        house = House(policy(tiers=tier), {"r": Script(ask(), WHOLE)})
        await play(house)
        assert house.callers["r"].status == 200


async def test_a_prompt_larger_than_the_quota_is_told_that_it_never_fits() -> None:
    tier = {"free": Tier("free", (Quota(Unit.TOKENS, 10, DAY, 10),))}
    house = House(policy(tiers=tier), {"r": Script(ask(), WHOLE)})
    await play(house)
    assert house.callers["r"].status == 400
    assert json.loads(house.callers["r"].body)["code"] == "request_exceeds_quota"
    assert house.upstream.sent == []


@pytest.mark.parametrize("leaves_at", range(3))
async def test_a_caller_who_is_gone_when_refused_is_no_error_of_ours(leaves_at: int) -> None:
    house = House(policy(tiers=TIER), {"r": Script(b"{", leaves_at=leaves_at)})
    await play(house)
    [outcome] = house.telemetry.traces["r"].outcomes
    assert (outcome.ending, outcome.usage) == (Ending.CALLER_LEFT, Usage())
