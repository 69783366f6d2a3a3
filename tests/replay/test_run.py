"""The line with recorded time: what is decided, when, and what is learned."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.enforcement import Forward, Refuse
from proxy.core.ladder import Rung, Steps
from proxy.core.logits import LogitGuard
from proxy.core.policy import Policy, Tier
from proxy.core.risk import Risk
from proxy.core.rules import Ladder, Rule
from proxy.core.sanctions.block import Block
from proxy.core.sanctions.throttle import Throttle
from proxy.learning.score import Score
from proxy.learning.sketch import Keyed
from proxy.replay.run import ACTIONS, SECRET, Decided, Replay, replayed
from proxy.replay.trace import Exchange, Unread, parsed
from tests.support.traces import RULES, START, STEPS, Told, encoded, recorded, risky, sketched


def decided(policy: Policy, told: Told, *lines: dict[str, Any]) -> list[Decided]:
    read = [parsed(index, encoded(line)) for index, line in enumerate(lines)]
    return [found[0] for _, found in replayed(read, [Replay(policy, told)], Keyed(SECRET))]


def asked(times: int, account: str = "ann", every: float = 60.0, **parts: Any) -> list[dict[str, Any]]:
    return [recorded(account, number * every, f"{account} asks {number}", **parts) for number in range(times)]


def test_an_account_climbs_and_what_is_decided_is_decided_before_it_is_learned() -> None:
    found = decided(risky(), Told({"ann": 20.0}), *asked(6))
    assert [(each.score, each.action) for each in found] == [
        (0, "allow"), (20, "allow"), (40, "watch"), (60, "throttle"), (80, "verify"), (99, "block"),
    ]  # fmt: skip
    assert [each.campaign for each in found] == ["", "", "", "c1", "c1", "c1"]


def test_each_rung_has_its_action() -> None:
    assert len(ACTIONS) == len(Rung)
    found = decided(risky(), Told({"ann": 6.5}), *asked(17))
    assert {ACTIONS[each.earned]: each.action for each in found} == {action: action for action in ACTIONS}


def test_where_there_is_not_enough_to_say_the_score_is_zero() -> None:
    assert [each.score for each in decided(risky(), Told({}), *asked(3))] == [0, 0, 0]


def test_a_standing_moves_at_recorded_time() -> None:
    replay = Replay(risky(), Told({"ann": 50.0}))
    list(replayed([parsed(0, encoded(line)) for line in asked(2, every=500.0)], [replay], Keyed(SECRET)))
    assert replay.seats["ann"].standing.since == START + 500.0


def test_a_rung_that_expires_does_so_by_recorded_time() -> None:
    steps = Steps(at=STEPS, expires={Rung.BLOCKED: 3600.0})
    lines = [recorded("ann", 0.0), recorded("ann", 60.0), recorded("ann", 3700.0)]
    found = decided(risky(ladder=Ladder(RULES, steps)), Told({"ann": 95.0}), *lines)
    assert [each.action for each in found] == ["allow", "block", "degrade"]


def test_a_quiet_account_comes_down_while_others_ask() -> None:
    class Fades(Told):
        def score(self, account: str) -> Score:
            return Score(70.0 if self.counts[account] == 1 else 5.0)

    lines = [recorded("ann", 0.0), recorded("ann", 60.0), *(recorded("bob", 600.0 * n) for n in range(1, 9)), recorded("ann", 4801.0)]
    found = [each for each in decided(risky(), Fades({}), *lines) if each.account == "ann"]
    assert [each.action for each in found] == ["allow", "throttle", "allow"]


def test_a_trusted_account_is_left_alone_and_still_scored() -> None:
    found = decided(risky(trusted=frozenset({"ann"})), Told({"ann": 50.0}), *asked(3))[-1]
    assert (found.score, found.action, found.earned) == (99, "allow", Rung.BLOCKED)


def test_a_watched_account_is_watched() -> None:
    assert decided(risky(watch=frozenset({"ann"})), Told({}), *asked(1))[0].action == "watch"


@pytest.mark.parametrize(
    "shadowed", [{"enforce": False}, {"rules": {Rung.BLOCKED: Rule((Block(),), enforce=False)}}], ids=["policy", "rung"]
)
def test_what_stands_in_shadow_is_not_done(shadowed: dict[str, Any]) -> None:
    told = Told({"ann": 50.0})
    found = decided(risky(**shadowed), told, *asked(3))[-1]
    assert (found.action, found.earned) == ("allow", Rung.BLOCKED)
    assert found.decision is not None
    assert isinstance(found.decision.enforcement, Forward)
    assert isinstance(found.decision.advised, Refuse)


def test_a_rung_that_demands_nothing_only_watches() -> None:
    assert decided(risky({Rung.BLOCKED: Rule()}), Told({"ann": 50.0}), *asked(3))[-1].action == "watch"


@pytest.mark.parametrize("parts", [{}, {"enforce": False}, {"trusted": frozenset({"ann"})}])
def test_the_analysis_hears_once_who_reached_the_block_and_when(parts: dict[str, Any]) -> None:
    """In shadow too: scores must not depend on what is done with them, or a policy could not be tried out."""
    told = Told({"ann": 50.0})
    decided(risky(**parts), told, *asked(5))
    assert told.stopped == [("ann", START + 60.0)]


def test_an_unknown_dialect_is_decided_by_standing_and_not_learned() -> None:
    told = Told({"ann": 99.0})
    found = decided(risky(), told, recorded(), recorded(dialect="smoke_signals"), recorded(dialect="openai_chat", request=[1]))
    assert [each.action for each in found] == ["allow", "block", "block"]
    assert len(told.seen) == 1


@pytest.mark.parametrize("dialect", ["openai_chat", "anthropic_messages", "openai_responses", "openai_completions", "openai_embeddings"])
def test_every_dialect_that_costs_is_learned_from(dialect: str) -> None:
    told = Told({})
    request = {"model": "m", "input": "Hi.", "prompt": "Hi.", "max_tokens": 5, "messages": [{"role": "user", "content": "Hi."}]}
    decided(risky(), told, recorded(dialect=dialect, request=request))
    assert [(seen.account, seen.dialect, seen.at) for seen in told.seen] == [("ann", dialect, START)]


def test_a_tier_that_the_policy_does_not_know_falls_to_its_default() -> None:
    tiers = {"free": Tier("free", models=("demo-*",)), "team": Tier("team")}
    facts = {"tier": "enterprise"}
    lines = [recorded(account_facts=facts), recorded(account_facts=facts, request={"model": "other-1", "messages": []})]
    first, second = (each.decision for each in decided(risky(tiers=tiers), Told({}), *lines))
    assert first is not None
    assert isinstance(first.enforcement, Forward)
    assert second is not None
    assert isinstance(second.enforcement, Refuse)


def test_a_guard_is_seen_and_is_no_standing() -> None:
    guard = LogitGuard(never_together=frozenset({"logit_bias", "logprobs"}))
    request = {"model": "demo-small", "messages": [], "logprobs": True, "logit_bias": {"5": 100}}
    found = decided(risky(logit_guard=guard), Told({}), recorded(request=request))[0]
    assert found.action == "allow"
    assert found.decision is not None
    assert isinstance(found.decision.enforcement, Refuse)


def test_going_on_from_a_response_is_no_fault_of_the_recording() -> None:
    policy = risky()
    policy = replace(policy, binding=replace(policy.binding, on=True))
    request = {"model": "demo-small", "input": "Go on.", "previous_response_id": "resp_1"}
    found = decided(policy, Told({}), recorded(dialect="openai_responses", request=request))[0]
    assert found.decision is not None
    assert isinstance(found.decision.enforcement, Forward)


def test_a_policy_without_risk_learns_nothing() -> None:
    told = Told({"ann": 99.0})
    assert [each.action for each in decided(risky(risk=Risk()), told, *asked(3))] == ["allow"] * 3
    assert told.seen == []


def test_two_policies_learn_each_by_itself() -> None:
    strict, mild = Told({"ann": 50.0}), Told({"ann": 1.0})
    replays = [Replay(risky(), strict), Replay(risky(rules={Rung.THROTTLED: Rule((Throttle(0.1),))}), mild)]
    found = [both for _, both in replayed([parsed(i, encoded(line)) for i, line in enumerate(asked(3))], replays, Keyed(SECRET))]
    assert [(one.action, other.action) for one, other in found] == [("allow", "allow"), ("watch", "allow"), ("block", "allow")]
    assert strict.seen == mild.seen


def test_what_a_sketch_tells_of_a_request_is_decided_alike() -> None:
    guard = LogitGuard(never_together=frozenset({"logit_bias", "logprobs"}))
    request = {"model": "demo-small", "messages": [{"role": "user", "content": "Hi."}], "logprobs": True, "logit_bias": {"5": 100}}
    lines = [recorded(), recorded(request=request)]
    told = [Told({"ann": 60.0}), Told({"ann": 60.0})]
    text, sketch = (decided(risky(logit_guard=guard), each, *form) for each, form in zip(told, (lines, map(sketched, lines)), strict=True))
    assert [type(each.decision.enforcement) for each in text if each.decision] == [Forward, Refuse]
    assert [type(each.decision.enforcement) for each in sketch if each.decision] == [Forward, Refuse]
    assert [(each.score, each.action) for each in text] == [(each.score, each.action) for each in sketch]
    assert told[0].seen == [replace(each, request=other.request) for each, other in zip(told[1].seen, told[0].seen, strict=True)]


_LINES = st.one_of(
    st.builds(encoded, st.builds(recorded, st.sampled_from(["ann", "bob"]), st.floats(0, 1e6), st.text(max_size=10))),
    st.sampled_from([b"", b"{", b'{"time":1,"account":"ann"}', encoded(recorded(dialect="?")), encoded(recorded(request=3))]),
    st.binary(max_size=40),
)


@given(st.lists(_LINES, max_size=12))
def test_as_many_decisions_as_lines(raw: list[bytes]) -> None:
    lines = [parsed(index, line) for index, line in enumerate(raw)]
    found = [each[0] for _, each in replayed(lines, [Replay(risky(), Told({"ann": 30.0}))], Keyed(SECRET))]
    assert [each.index for each in found] == list(range(len(raw)))
    for line, each in zip(lines, found, strict=True):
        assert each.account == (line.account if isinstance(line, Unread) else line.account.id)
        assert each.action == "allow" or isinstance(line, Exchange)
