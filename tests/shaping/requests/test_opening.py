"""Switches that close what a template would open: believed where the model knows them, and nowhere else."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.shaping import Knobs, Plan, Reasoning, Show
from proxy.errors import CallerError
from proxy.shaping.requests import CATALOGUE
from proxy.shaping.requests.opening import OFF, opens

CHAT, RESPONSES = "openai_chat", "openai_responses"
TEMPLATE = "chat_template_kwargs"

SWITCHED: list[tuple[str, str, dict[str, Any]]] = [
    (CHAT, "enable_thinking", {TEMPLATE: {"enable_thinking": False}}),
    (CHAT, "enable_thinking", {"enable_thinking": False}),
    (CHAT, "enable_thinking", {"enable_thinking": False, TEMPLATE: {"x": 1}}),
    (CHAT, "thinking_type", {"thinking": {"type": "disabled"}}),
    (CHAT, "reasoning_effort", {"reasoning_effort": "none"}),
    (RESPONSES, "effort", {"reasoning": {"effort": "none"}}),
]

odd = st.sampled_from(
    [None, True, False, 0, "none", "disabled", [], {}, {"type": "disabled"}, {"effort": "none"}, {"enable_thinking": False}]
)
bodies = st.dictionaries(st.sampled_from(["thinking", "enable_thinking", TEMPLATE, "reasoning", "reasoning_effort"]), odd)


def asked(dialect: str, body: dict[str, Any], *names: str, preopened: bool = True) -> bool:
    """As it goes to the provider."""
    plan = Plan(reasoning=Reasoning(Show.OMIT), knobs=Knobs(frozenset(names), preopened=preopened))
    return opens(dialect, CATALOGUE[dialect].request(json.dumps(body).encode(), plan), plan)


@pytest.mark.parametrize(("dialect", "knob", "body"), SWITCHED)
def test_a_switch_that_the_model_knows_is_believed(dialect, knob, body):
    assert not asked(dialect, body, knob)
    assert asked(dialect, {}, knob)


@pytest.mark.parametrize(("dialect", "knob", "body"), SWITCHED)
def test_one_that_it_does_not_know_is_not(dialect, knob, body):
    """Else whoever says it to a server that does not listen is shown everything."""
    assert asked(dialect, body, *({name for switches in OFF.values() for name in switches} - {knob}))


@given(st.sampled_from(list(CATALOGUE)), bodies)
def test_without_a_knob_only_the_policy_decides(dialect, body):
    for preopened in (True, False):
        assert asked(dialect, body, preopened=preopened) is preopened


def test_a_legacy_prompt_passes_through_no_template():
    assert asked("openai_completions", {TEMPLATE: {"enable_thinking": False}}, "enable_thinking", "reasoning_effort")


def test_the_template_has_the_last_word():
    assert asked(CHAT, {"enable_thinking": False, TEMPLATE: {"enable_thinking": True}}, "enable_thinking")
    assert asked(CHAT, {TEMPLATE: {"thinking": False}}, "enable_thinking")


@pytest.mark.parametrize(("dialect", "knob", "body"), [
    (CHAT, "enable_thinking", b'{"chat_template_kwargs":{"enable_thinking":true,"enable_thinking":false}}'),
    (CHAT, "thinking_type", b'{"thinking":{"typ\\u0065":"enabled","type":"disabled"}}'),
    (RESPONSES, "effort", b'{"reasoning":{"effort":"high","effort":"none"}}'),
])  # fmt: skip
def test_a_switch_that_two_readers_could_read_differently_is_not_believed(dialect, knob, body):
    assert opens(dialect, body, Plan(knobs=Knobs(frozenset({knob}), preopened=True)))


@pytest.mark.parametrize(("show", "preopened"), [(Show.ALL, True), (Show.OMIT, False)])
def test_the_template_is_told_only_where_it_matters(show, preopened):
    body = b'{"enable_thinking":false}'
    plan = Plan(reasoning=Reasoning(show, effort="low"), knobs=Knobs(frozenset({"enable_thinking"}), preopened=preopened))
    assert CATALOGUE[CHAT].request(body, plan) is body


def test_thinking_that_the_policy_itself_turns_off_opens_nothing():
    plan = Plan(reasoning=Reasoning(Show.OMIT, effort="none"), knobs=Knobs(frozenset({"enable_thinking"}), preopened=True))
    assert not opens(CHAT, CATALOGUE[CHAT].request(b'{"messages":[]}', plan), plan)


BEGUN: list[tuple[str, dict[str, Any], bool]] = [
    ("openai_completions", {"prompt": "Think. <think>"}, True),
    ("openai_completions", {"prompt": ["a", "Think. <think>first"]}, True),
    ("openai_completions", {"prompt": "Think. <thi"}, True),
    ("openai_completions", {"prompt": "Of <think>a</think> and"}, False),
    (CHAT, {"messages": [{"role": "user", "content": "?"}, {"role": "assistant", "content": "<think>"}]}, True),
    (CHAT, {"messages": [{"role": "assistant", "content": [{"type": "text", "text": "<think>so"}]}]}, True),
    (CHAT, {"messages": [{"role": "assistant", "content": "<think>a</think>b"}]}, False),
    (CHAT, {"messages": [{"role": "user", "content": "What is <think>?"}]}, False),
    (CHAT, {"messages": [{"role": "user", "content": "Why? <think>"}], "add_generation_prompt": False}, True),
    (RESPONSES, {"input": [{"role": "user", "content": "?"}, {"role": "assistant", "content": "<think>"}]}, True),
    (RESPONSES, {"input": "What is <think>?"}, False),
]


@pytest.mark.parametrize(("dialect", "body", "begun"), BEGUN)
def test_a_tag_that_the_caller_opens_is_open(dialect, body, begun):
    """What follows is reasoning, and the answer never says so. However it is spelled."""
    plan = Plan(reasoning=Reasoning(Show.OMIT), knobs=Knobs())
    said = json.dumps(body)
    assert opens(dialect, said.encode(), plan) is begun
    assert opens(dialect, said.replace("<thi", "\\u003c\\u0074hi").encode(), plan) is begun


@pytest.mark.parametrize("prompt", [[1, 2], [[1], [2]], ["text", [1]]])
def test_a_prompt_that_cannot_be_read_is_not_taken_while_reasoning_in_text_is_hidden(prompt):
    body = json.dumps({"prompt": prompt}).encode()
    with pytest.raises(CallerError, match="as text"):
        opens("openai_completions", body, Plan(reasoning=Reasoning(Show.OMIT), knobs=Knobs()))
    assert not opens("openai_completions", body, Plan(reasoning=Reasoning(Show.OMIT), knobs=Knobs(tag="")))
