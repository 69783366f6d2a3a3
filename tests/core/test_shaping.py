"""Plans: laws of their `strictest`, and that what is demanded is seen to edit a request or an answer."""

from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.shaping import EFFORTS, NO_LOGPROBS, Knobs, Logprobs, Notice, Plan, Reasoning, Show, strictest

names = st.sampled_from(["", "small-1", "small-2"])
efforts = st.sampled_from(["", *EFFORTS])
reasonings = st.one_of(
    st.builds(Reasoning, st.sampled_from([Show.ALL, Show.SUMMARY, Show.OMIT]), effort=efforts),
    st.builds(Reasoning, st.just(Show.KEEP), st.integers(1, 3) | st.integers(1, 10**6), efforts),
    st.builds(Reasoning, st.just(Show.REWRITE), effort=efforts, via=st.sampled_from(["small-1", "small-2"])),
)
logprobs = st.builds(Logprobs, st.none() | st.integers(NO_LOGPROBS, 20), st.none() | st.integers(0, 10))
plans = st.builds(
    Plan,
    ask_for_usage=st.booleans(),
    reasoning=reasonings,
    logprobs=logprobs,
    output_cap=st.none() | st.integers(1, 10**6),
    single_choice=st.booleans(),
    model=names,
    instruct=st.frozensets(st.sampled_from(["Answers only.", "Be brief."])).map(lambda found: tuple(sorted(found))),
    bind=st.booleans(),
)


def at_least(one: Plan, other: Plan) -> bool:
    """Is `one` in no member milder than `other`?"""
    return (
        one.ask_for_usage >= other.ask_for_usage
        and _shows_no_more(one.reasoning, other.reasoning)
        and _no_more(one.logprobs.most, other.logprobs.most)
        and _no_more(one.logprobs.decimals, other.logprobs.decimals)
        and _no_more(one.output_cap, other.output_cap)
        and one.single_choice >= other.single_choice
        and (not other.model or bool(one.model))
        and set(one.instruct) >= set(other.instruct)
        and one.bind >= other.bind
    )


def _shows_no_more(one: Reasoning, other: Reasoning) -> bool:
    fewer = one.show > other.show or (one.show is other.show and one.keep <= other.keep)
    return fewer and (not other.effort or (bool(one.effort) and EFFORTS.index(one.effort) <= EFFORTS.index(other.effort)))


def _no_more(one: int | None, other: int | None) -> bool:
    return other is None or (one is not None and one <= other)


@given(plans, plans, plans)
def test_order_and_brackets_mean_nothing(one: Plan, two: Plan, three: Plan) -> None:
    assert strictest(one, two) == strictest(two, one)
    assert strictest(strictest(one, two), three) == strictest(one, strictest(two, three)) == strictest(three, one, two)


@given(plans)
def test_twice_is_once_and_the_empty_plan_adds_nothing(one: Plan) -> None:
    assert strictest(one, one) == strictest(one, Plan()) == strictest(Plan(), one) == one


@given(plans, plans)
def test_never_milder_than_either_and_edits_where_either_does(one: Plan, other: Plan) -> None:
    both = strictest(one, other)
    assert at_least(both, one)
    assert at_least(both, other)
    assert both.edits_request >= (one.edits_request or other.edits_request)
    assert both.edits_answer >= (one.edits_answer or other.edits_answer)


@given(plans, plans)
def test_the_model_that_answers_and_the_one_that_rewrites_are_among_those_named(one: Plan, other: Plan) -> None:
    both = strictest(one, other)
    assert both.model in {one.model, other.model}
    assert both.reasoning.via in {one.reasoning.via, other.reasoning.via}


EDITS = {
    "ask_for_usage": (Plan(ask_for_usage=True), True, True),
    "reasoning": (Plan(reasoning=Reasoning(Show.OMIT)), True, True),
    "logprobs": (Plan(logprobs=Logprobs(NO_LOGPROBS)), True, True),
    "output_cap": (Plan(output_cap=1), True, False),
    "single_choice": (Plan(single_choice=True), True, False),
    "model": (Plan(model="small-1"), True, False),
    "instruct": (Plan(instruct=("Be brief.",)), True, False),
    "bind": (Plan(bind=True), False, True),
    "notice": (Plan(notice=Notice("degraded", (), "", "")), False, True),
    "knobs": (Plan(knobs=Knobs(frozenset({"display"}))), False, False),
}
"""By member: a plan with it alone, and whether that edits a request, an answer."""


@pytest.mark.parametrize("name", [field.name for field in fields(Plan)])
def test_each_member_edits_what_it_should(name: str) -> None:
    plan, request, answer = EDITS[name]
    assert (plan.edits_request, plan.edits_answer) == (request, answer)
    assert bool(plan) == (request or answer)


def test_an_effort_alone_edits_no_answer() -> None:
    plan = Plan(reasoning=Reasoning(effort="low"))
    assert plan.edits_request
    assert not plan.edits_answer


def test_the_empty_plan_is_false() -> None:
    assert not Plan()
    assert replace(Plan()) == Plan()
