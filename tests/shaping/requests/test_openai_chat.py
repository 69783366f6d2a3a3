"""OpenAI chat completions: cases by hand."""

import json
from typing import Any

import pytest

from proxy.core.shaping import NO_LOGPROBS, Knobs, Logprobs, Plan, Reasoning, Show
from proxy.shaping.requests.openai_chat import ChatRequest

USER = {"role": "user", "content": "hi"}
TEMPLATE = "chat_template_kwargs"


def google(**config: Any) -> dict[str, Any]:
    """Gemini's own parameters."""
    return {"extra_body": {"google": {"thinking_config": config}}}


def shaped(plan: Plan, **members: Any) -> dict[str, Any]:
    body = {"model": "m", "messages": [USER]} | members
    return json.loads(ChatRequest().request(json.dumps(body).encode(), plan))


def added(plan: Plan, **members: Any) -> dict[str, Any]:
    """What is there beyond the model and the messages."""
    return {name: value for name, value in shaped(plan, **members).items() if name not in {"model", "messages"}}


def knows(*names: str) -> Knobs:
    return Knobs(frozenset(names))


@pytest.mark.parametrize("show", [Show.OMIT, Show.SUMMARY, Show.KEEP, Show.REWRITE])
@pytest.mark.parametrize("members", [
    {}, {"include_reasoning": True}, {"include_reasoning": False}, {"reasoning": {"exclude": True}}, {TEMPLATE: {"enable_thinking": True}},
])  # fmt: skip
def test_reasoning_keeps_coming_as_the_caller_asked_for_it(show, members):
    plan = Plan(reasoning=Reasoning(show), knobs=knows("include_reasoning", "exclude", "enable_thinking"))
    assert added(plan, **members) == members


def test_gemini_thoughts_need_not_come():
    asked, hidden = google(include_thoughts=True, thinking_budget=7), google(include_thoughts=False, thinking_budget=7)
    assert added(Plan(reasoning=Reasoning(Show.OMIT)), **asked) == hidden
    assert added(Plan(reasoning=Reasoning(Show.SUMMARY)), **asked) == asked


SHOWN = {
    "logprobs": True, "top_logprobs": 20, "prompt_logprobs": -1, "return_token_ids": True, "return_tokens_as_token_ids": True,
    "logprob_token_ids": [1],
}  # fmt: skip


def test_no_logprobs_takes_out_all_that_shows_them_but_no_bias():
    assert added(Plan(logprobs=Logprobs(NO_LOGPROBS)), **SHOWN, logit_bias={"1": 1}) == {"logit_bias": {"1": 1}}


def test_a_number_of_logprobs_is_a_ceiling():
    found = added(Plan(logprobs=Logprobs(5)), **SHOWN)
    assert (found["logprobs"], found["top_logprobs"], found["prompt_logprobs"]) == (True, 5, 5)
    assert "logprob_token_ids" not in found
    assert added(Plan(logprobs=Logprobs(5)), top_logprobs=3) == {"top_logprobs": 3}
    assert added(Plan(logprobs=Logprobs(None, 2)), **SHOWN) == SHOWN


def test_hidden_reasoning_is_not_spelled_by_token_ids():
    found = added(Plan(reasoning=Reasoning(Show.OMIT)), **SHOWN, enable_response_messages=True)
    assert set(SHOWN) - set(found) == {"return_token_ids", "prompt_logprobs"}
    assert "enable_response_messages" not in found


@pytest.mark.parametrize(("names", "before", "after"), [
    ([], {"max_tokens": 500}, {"max_tokens": 100}),
    ([], {"max_tokens": 50}, {"max_tokens": 50}),
    ([], {"max_tokens": 500, "max_completion_tokens": 500}, {"max_tokens": 100, "max_completion_tokens": 100}),
    ([], {}, {}),
    (["max_tokens"], {}, {"max_tokens": 100}),
    (["max_tokens", "max_completion_tokens"], {}, {"max_completion_tokens": 100}),
    (["max_tokens"], {"max_tokens": None}, {"max_tokens": 100}),
    (["max_completion_tokens"], {"max_tokens": 500}, {"max_tokens": 100}),
    ([], {"max_tokens": 500, "n": 4}, {"max_tokens": 25, "n": 4}),
    ([], {"max_tokens": 500, "n": 300}, {"max_tokens": 1, "n": 100}),
])  # fmt: skip
def test_a_cap_is_for_all_choices_together(names, before, after):
    assert added(Plan(output_cap=100, knobs=knows(*names)), **before) == after


def test_a_cap_of_one_token_leaves_one_choice():
    assert added(Plan(output_cap=1), max_tokens=9, n=3) == {"max_tokens": 1, "n": 1}


@pytest.mark.parametrize(
    ("before", "after"), [({"n": 5, "best_of": 7}, {"n": 1, "best_of": 1}), ({"n": 1}, {"n": 1}), ({"n": 0}, {"n": 0}), ({}, {})]
)
def test_a_single_choice_touches_only_what_is_there(before, after):
    assert added(Plan(single_choice=True), **before) == after


@pytest.mark.parametrize(("before", "role", "place"), [
    ([USER], "system", 0),
    ([{"role": "developer", "content": "a"}, {"role": "system", "content": "b"}, USER, {"role": "system", "content": "c"}], "developer", 2),
    ([], "system", 0),
    ([{"role": "system", "content": "a"}], "system", 1),
])  # fmt: skip
def test_instructions_follow_the_leading_system_messages(before, role, place):
    plan = Plan(instruct=("be brief", "be kind"))
    after = shaped(plan, messages=before)["messages"]
    assert after == [*before[:place], {"role": role, "content": "be brief\n\nbe kind"}, *before[place:]]
    assert shaped(plan, messages=after)["messages"] == after


def test_another_model_answers():
    assert shaped(Plan(model="small"))["model"] == "small"
    assert json.loads(ChatRequest().request(b"{}", Plan(model="small"))) == {"model": "small"}


def test_usage_is_asked_of_streams_only():
    plan = Plan(ask_for_usage=True)
    assert added(plan, stream=True)["stream_options"] == {"include_usage": True}
    assert added(plan, stream=True, stream_options={"x": 1})["stream_options"] == {"x": 1, "include_usage": True}
    for quiet in (b'{"model":"m","stream":false}', b'{"model":"m", "stream":true, "stream_options":{ "include_usage":true}}'):
        assert ChatRequest().request(quiet, plan) is quiet


@pytest.mark.parametrize("name", [b"thinking", b"chat_template_kwargs", b"extra_body", b"messages"])
def test_also_where_what_is_read_need_not_change(name):
    body = b'{"model":"m","%b":{"type":"enabled"},"%b":{}}' % (name, name)
    assert ChatRequest().request(body, Plan(reasoning=Reasoning(effort="low"))) == b'{"model":"m","%b":{}}' % name


def test_what_stands_twice_stands_once_afterwards():
    """An upstream that reads the first of two would not do what was decided on the second."""
    body = b'{"model":"m","reasoning":{"effort":"max"},"reasoning":{"effort":"low"}}'
    after = ChatRequest().request(body, Plan(reasoning=Reasoning(effort="low")))
    assert after == b'{"model":"m","reasoning":{"effort":"low"}}'
