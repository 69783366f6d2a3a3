"""Effort, in all the words that chat's servers have for it."""

import json
from typing import Any

import pytest

from proxy.core.shaping import Knobs, Plan, Reasoning
from proxy.shaping.requests.openai_chat import ChatRequest

USER = {"role": "user", "content": "hi"}
TEMPLATE = "chat_template_kwargs"


def google(**config: Any) -> dict[str, Any]:
    """Gemini's own parameters."""
    return {"extra_body": {"google": {"thinking_config": config}}}


def added(plan: Plan, **members: Any) -> dict[str, Any]:
    """What is there beyond the model and the messages."""
    body = {"model": "m", "messages": [USER]} | members
    found = json.loads(ChatRequest().request(json.dumps(body).encode(), plan))
    return {name: value for name, value in found.items() if name not in {"model", "messages"}}


def knows(*names: str) -> Knobs:
    return Knobs(frozenset(names))


@pytest.mark.parametrize(("level", "before", "after"), [
    ("low", {"reasoning_effort": "high"}, {"reasoning_effort": "low"}),
    ("low", {"reasoning_effort": "minimal"}, {"reasoning_effort": "minimal"}),
    ("low", {"reasoning_effort": "ultra"}, {"reasoning_effort": "low"}),
    ("low", {"reasoning": {"effort": "xhigh", "exclude": False}}, {"reasoning": {"effort": "low", "exclude": False}}),
    ("medium", {"reasoning": {"max_tokens": 20000}}, {"reasoning": {"max_tokens": 8192}}),
    ("low", google(thinking_budget=-1), google(thinking_budget=2048)),
    ("low", google(thinking_level="high"), google(thinking_level="low")),
    ("low", {TEMPLATE: {"reasoning_effort": "high"}}, {TEMPLATE: {"reasoning_effort": "low"}}),
    ("low", {"thinking_budget": 9000}, {"thinking_budget": 2048}),
    ("none", {"enable_thinking": True}, {"enable_thinking": False}),
    ("none", {TEMPLATE: {"thinking": True}}, {TEMPLATE: {"thinking": False}}),
    ("none", {"thinking": {"type": "enabled"}}, {"thinking": {"type": "disabled"}}),
    ("low", {"thinking": {"type": "enabled"}}, {"thinking": {"type": "enabled"}}),
    ("max", {"reasoning_effort": "max"}, {"reasoning_effort": "max"}),
])  # fmt: skip
def test_every_word_for_effort_is_lowered_without_any_knob(level, before, after):
    assert added(Plan(reasoning=Reasoning(effort=level)), **before) == after


@pytest.mark.parametrize(("level", "names", "before", "after"), [
    ("low", ["reasoning_effort", "exclude"], {}, {"reasoning_effort": "low"}),
    ("low", ["exclude"], {}, {"reasoning": {"effort": "low"}}),
    ("low", ["exclude"], {"reasoning": {"exclude": True}}, {"reasoning": {"exclude": True, "effort": "low"}}),
    ("low", ["include_thoughts"], {}, google(thinking_budget=2048)),
    ("medium", ["reasoning_effort"], {}, {}),
    ("low", [], {}, {}),
    ("low", ["reasoning_effort"], google(thinking_budget=9),
     google(thinking_budget=9)),
    ("none", ["enable_thinking"], {}, {TEMPLATE: {"enable_thinking": False}}),
    ("none", ["enable_thinking"], {TEMPLATE: {"x": 1}}, {TEMPLATE: {"x": 1, "enable_thinking": False}}),
    ("none", ["enable_thinking"], {"enable_thinking": True}, {"enable_thinking": False}),
    ("none", ["enable_thinking"], {TEMPLATE: [1]}, {TEMPLATE: [1]}),
    ("none", ["thinking_type"], {}, {"thinking": {"type": "disabled"}}),
    ("low", ["enable_thinking", "thinking_type"], {}, {}),
])  # fmt: skip
def test_an_effort_is_added_only_where_it_is_known_and_lowers(level, names, before, after):
    assert added(Plan(reasoning=Reasoning(effort=level), knobs=knows(*names)), **before) == after


@pytest.mark.parametrize("role", ["tool", "function"])
def test_thinking_is_not_turned_off_within_a_tool_turn(role):
    plan = Plan(reasoning=Reasoning(effort="none"), knobs=knows("enable_thinking", "thinking_type"))
    messages = [USER, {"role": "assistant", "content": None}, {"role": role, "content": "3"}]
    assert added(plan, messages=messages, enable_thinking=True) == {"enable_thinking": True}
