"""Legacy completions: cases by hand."""

import json
from typing import Any

import pytest

from proxy.core.shaping import NO_LOGPROBS, Knobs, Logprobs, Plan, Reasoning, Show
from proxy.shaping.requests.openai_completions import CompletionsRequest


def shaped(plan: Plan, **members: Any) -> dict[str, Any]:
    return json.loads(CompletionsRequest().request(json.dumps({"model": "m"} | members).encode(), plan))


def test_logprobs_are_a_number_here():
    assert shaped(Plan(logprobs=Logprobs(NO_LOGPROBS)), logprobs=5, echo=True, prompt="a") == {"model": "m", "echo": True, "prompt": "a"}
    assert shaped(Plan(logprobs=Logprobs(2)), logprobs=5, echo=True)["logprobs"] == 2
    assert shaped(Plan(logprobs=Logprobs(2)), logprobs=-1)["logprobs"] == 2
    assert shaped(Plan(logprobs=Logprobs(2)), logprobs=1)["logprobs"] == 1


@pytest.mark.parametrize("show", [Show.OMIT, Show.KEEP, Show.SUMMARY, Show.REWRITE])
def test_the_prompt_is_not_echoed_where_reasoning_is_hidden(show):
    plan = Plan(reasoning=Reasoning(show, 1))
    assert shaped(plan, echo=True, max_tokens=9) == {"model": "m", "max_tokens": 9}
    assert shaped(plan, echo=True, max_tokens=0) == {"model": "m", "max_tokens": 1}
    assert shaped(plan, max_tokens=0) == {"model": "m", "max_tokens": 0}
    for other in (Plan(logprobs=Logprobs(2)), Plan(output_cap=9), Plan(bind=True)):
        assert shaped(other, echo=True, max_tokens=0) == {"model": "m", "echo": True, "max_tokens": 0}


@pytest.mark.parametrize(("members", "cap", "after"), [
    ({"prompt": "a"}, 60, 60),
    ({"prompt": ["a", "b", "c"]}, 60, 20),
    ({"prompt": [1, 2, 3]}, 60, 60),
    ({"prompt": [[1], [2]], "n": 3}, 60, 10),
    ({"prompt": ["a", "b"], "n": 2, "best_of": 5}, 60, 6),
    ({"prompt": ["a"] * 70}, 60, 1),
    ({"prompt": ["a", "b"], "best_of": 100}, 60, 1),
    ({"prompt": []}, 60, 60),
])  # fmt: skip
def test_a_cap_is_for_all_prompts_and_choices_together(members, cap, after):
    found = shaped(Plan(output_cap=cap), max_tokens=1000, **members)
    assert found["max_tokens"] == after
    assert found["prompt"] == members["prompt"]
    assert found.get("best_of", 1) <= max(1, cap // len(members["prompt"] or "x"))


def test_a_cap_is_added_where_it_is_known():
    assert shaped(Plan(output_cap=9, knobs=Knobs(frozenset({"max_tokens"})))) == {"model": "m", "max_tokens": 9}
    assert shaped(Plan(output_cap=9, knobs=Knobs(frozenset({"max_completion_tokens"})))) == {"model": "m"}


def test_instructions_and_effort_have_no_place():
    body = b'{"model":"m","prompt":"a","n":1}'
    assert CompletionsRequest().request(body, Plan(instruct=("x",), reasoning=Reasoning(effort="low"), single_choice=True)) is body


def test_usage_is_asked_for():
    assert shaped(Plan(ask_for_usage=True), stream=True)["stream_options"] == {"include_usage": True}
