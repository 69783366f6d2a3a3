"""OpenAI responses: cases by hand."""

import json
from typing import Any

import pytest

from proxy.core.shaping import NO_LOGPROBS, Knobs, Logprobs, Plan, Reasoning, Show
from proxy.shaping.requests.openai_responses import ResponsesRequest


def shaped(plan: Plan, **members: Any) -> dict[str, Any]:
    found = json.loads(ResponsesRequest().request(json.dumps({"model": "m"} | members).encode(), plan))
    assert found.pop("model") == "m"
    return found


def knows(*names: str) -> Knobs:
    return Knobs(frozenset(names))


@pytest.mark.parametrize(("show", "names", "before", "after"), [
    (Show.OMIT, [], {"summary": "auto", "effort": "low"}, {"effort": "low"}),
    (Show.OMIT, [], {"generate_summary": "detailed"}, {}),
    (Show.SUMMARY, ["summary"], {"summary": "detailed"}, {"summary": "concise"}),
    (Show.SUMMARY, [], {"summary": "detailed"}, {"summary": "detailed"}),
    (Show.SUMMARY, ["summary"], {"summary": "auto"}, {"summary": "auto"}),
    (Show.SUMMARY, ["summary"], {}, {}),
    (Show.KEEP, ["summary"], {"summary": "detailed"}, {"summary": "detailed"}),
])  # fmt: skip
def test_summaries(show, names, before, after):
    assert shaped(Plan(reasoning=Reasoning(show), knobs=knows(*names)), reasoning=before) == {"reasoning": after}


def test_encrypted_reasoning_keeps_coming():
    include = ["reasoning.encrypted_content", "message.output_text.logprobs"]
    assert shaped(Plan(reasoning=Reasoning(Show.OMIT)), include=include) == {"include": include}
    assert shaped(Plan(logprobs=Logprobs(NO_LOGPROBS)), include=include, top_logprobs=5) == {"include": include[:1]}
    assert shaped(Plan(logprobs=Logprobs(2)), include=include, top_logprobs=5) == {"include": include, "top_logprobs": 2}


@pytest.mark.parametrize(("level", "names", "before", "after"), [
    ("low", [], {"reasoning": {"effort": "high"}}, {"reasoning": {"effort": "low"}}),
    ("low", ["effort"], {}, {"reasoning": {"effort": "low"}}),
    ("low", ["effort"], {"reasoning": None}, {"reasoning": {"effort": "low"}}),
    ("low", ["effort"], {"reasoning": {"summary": "auto"}}, {"reasoning": {"summary": "auto", "effort": "low"}}),
    ("low", ["effort"], {"reasoning": {"effort": "none"}}, {"reasoning": {"effort": "none"}}),
    ("high", ["effort"], {}, {}),
    ("low", ["reasoning_effort"], {}, {}),
])  # fmt: skip
def test_effort(level, names, before, after):
    assert shaped(Plan(reasoning=Reasoning(effort=level), knobs=knows(*names)), **before) == after


@pytest.mark.parametrize(("cap", "names", "before", "after"), [
    (100, [], {"max_output_tokens": 500}, {"max_output_tokens": 100}),
    (5, [], {"max_output_tokens": 500}, {"max_output_tokens": 16}),
    (100, ["max_output_tokens"], {}, {"max_output_tokens": 100}),
    (100, ["max_tokens"], {}, {}),
])  # fmt: skip
def test_a_cap_is_no_lower_than_the_provider_takes(cap, names, before, after):
    assert shaped(Plan(output_cap=cap, knobs=knows(*names)), **before) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [({}, "be kind"), ({"instructions": None}, "be kind"), ({"instructions": "x"}, "x\n\nbe kind"), ({"instructions": [1]}, [1])],
)
def test_instructions_are_joined_once(before, after):
    plan = Plan(instruct=("be kind",))
    assert shaped(plan, **before) == {"instructions": after}
    assert shaped(plan, instructions=after) == {"instructions": after}


def test_a_fetched_response_has_no_body():
    assert ResponsesRequest().request(b"", Plan(output_cap=5, instruct=("x",))) == b""


def test_what_shows_the_models_own_messages_is_taken_out_where_reasoning_is_hidden():
    assert shaped(Plan(reasoning=Reasoning(Show.OMIT)), enable_response_messages=True, echo=True) == {}
    assert shaped(Plan(instruct=("x",)), enable_response_messages=True)["enable_response_messages"] is True
