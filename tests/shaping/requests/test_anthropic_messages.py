"""Anthropic messages: cases by hand."""

import json
from typing import Any

import pytest

from proxy.core.shaping import Knobs, Plan, Reasoning, Show
from proxy.shaping.requests.anthropic_messages import MessagesRequest
from proxy.shaping.requests.members import LEAST_BUDGET

ENABLED = {"type": "enabled", "budget_tokens": 16000}
ADAPTIVE = {"type": "adaptive"}
TOOL_TURN = [
    {"role": "user", "content": "add"},
    {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "f", "input": {}}]},
    {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "3"}]},
]


def shaped(plan: Plan, **members: Any) -> dict[str, Any]:
    body = {"model": "m", "max_tokens": 32000, "messages": [{"role": "user", "content": "hi"}]} | members
    return json.loads(MessagesRequest().request(json.dumps(body).encode(), plan))


def hiding(show: Show, *names: str) -> Plan:
    return Plan(reasoning=Reasoning(show), knobs=Knobs(frozenset(names)))


def effort(level: str, *names: str) -> Plan:
    return Plan(reasoning=Reasoning(effort=level), knobs=Knobs(frozenset(names)))


@pytest.mark.parametrize(("show", "names", "before", "after"), [
    (Show.OMIT, ["display"], None, "omitted"),
    (Show.OMIT, ["display"], "summarized", "omitted"),
    (Show.OMIT, [], "summarized", "omitted"),
    (Show.OMIT, [], None, None),
    (Show.SUMMARY, ["display"], None, "summarized"),
    (Show.SUMMARY, ["display"], "omitted", "omitted"),
    (Show.KEEP, ["display"], None, None),
    (Show.REWRITE, ["display"], "summarized", "summarized"),
])  # fmt: skip
@pytest.mark.parametrize("thinking", [ENABLED, ADAPTIVE])
def test_display(show, names, before, after, thinking):
    config = thinking | ({"display": before} if before else {})
    assert shaped(hiding(show, *names), thinking=config)["thinking"].get("display") == after


@pytest.mark.parametrize("thinking", [{"type": "disabled"}, {"type": "between_tools"}])
def test_modes_without_a_display_get_none(thinking):
    assert shaped(hiding(Show.OMIT, "display"), thinking=thinking)["thinking"] == thinking


def test_thinking_is_never_turned_on():
    assert "thinking" not in shaped(Plan(reasoning=Reasoning(Show.OMIT, effort="low"), knobs=Knobs(frozenset({"display", "budget"}))))


@pytest.mark.parametrize(("level", "asked", "got"), [
    ("low", 16000, 2048), ("minimal", 16000, LEAST_BUDGET), ("medium", 16000, 8192), ("high", 30000, 24000), ("max", 31000, 31000),
    ("medium", 2000, 2000),
])  # fmt: skip
def test_budgets_come_down_to_what_an_effort_means(level, asked, got):
    assert shaped(effort(level), thinking=ENABLED | {"budget_tokens": asked})["thinking"]["budget_tokens"] == got


@pytest.mark.parametrize(("level", "names", "asked", "got"), [
    ("medium", [], "max", "medium"), ("medium", ["effort"], None, "medium"), ("high", ["effort"], None, None), ("medium", [], None, None),
    ("none", [], "high", "low"), ("minimal", ["effort"], None, "low"), ("high", [], "low", "low"),
])  # fmt: skip
def test_effort_in_words(level, names, asked, got):
    members = {"output_config": {"format": {"x": 1}, "effort": asked}} if asked else {}
    assert shaped(effort(level, *names), **members).get("output_config", {}).get("effort") == got


def test_none_disables_thinking_but_not_within_a_tool_turn():
    assert shaped(effort("none"), thinking=ENABLED)["thinking"] == {"type": "disabled"}
    within = shaped(effort("none"), thinking=ENABLED, messages=TOOL_TURN)
    assert within["thinking"] == {"type": "enabled", "budget_tokens": LEAST_BUDGET}


def test_none_leaves_adaptive_thinking_to_models_that_know_nothing_else():
    assert shaped(effort("none"), thinking=ADAPTIVE)["thinking"] == ADAPTIVE
    assert shaped(effort("none", "budget"), thinking=ADAPTIVE)["thinking"] == {"type": "disabled"}


def test_what_thinking_alone_allows_goes_with_it():
    management = {"edits": [{"type": "clear_thinking_20251015"}, {"type": "clear_tool_uses_20250919"}]}
    after = shaped(effort("none"), thinking=ENABLED, context_management=management)
    assert after["context_management"] == {"edits": [{"type": "clear_tool_uses_20250919"}]}


@pytest.mark.parametrize(("cap", "thinking", "after"), [
    (20000, ENABLED, ENABLED),
    (8000, ENABLED, ENABLED | {"budget_tokens": 4000}),
    (1500, ENABLED, ENABLED | {"budget_tokens": 1024}),
    (1024, ENABLED, {"type": "disabled"}),
    (1, ENABLED, {"type": "disabled"}),
    (100, ADAPTIVE, ADAPTIVE),
    (100, {"type": "disabled"}, {"type": "disabled"}),
])  # fmt: skip
def test_a_cap_leaves_room_for_an_answer_behind_the_thinking(cap, thinking, after):
    found = shaped(Plan(output_cap=cap), thinking=thinking)
    assert found["max_tokens"] == cap
    assert found["thinking"] == after


def test_a_cap_that_is_low_enough_changes_nothing():
    """An interleaved budget may be above it: a header that is not seen here allows that."""
    body = b'{"max_tokens": 2000, "model":"m", "thinking": {"type":"enabled", "budget_tokens": 9000}}'
    assert MessagesRequest().request(body, Plan(output_cap=2000)) is body


def test_a_count_of_tokens_gets_no_cap():
    body = b'{"model": "m", "messages": []}'
    assert MessagesRequest().request(body, Plan(output_cap=5, knobs=Knobs(frozenset({"max_tokens"})))) is body


@pytest.mark.parametrize(("before", "after"), [
    (None, "be kind"), ("", "be kind"), ("x", "x\n\nbe kind"), ("be kind", "be kind"),
    ([], [{"type": "text", "text": "be kind"}]),
    ([{"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}],
     [{"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}, {"type": "text", "text": "be kind"}]),
    (7, 7),
])  # fmt: skip
def test_instructions_stand_at_the_end_of_the_system_prompt(before, after):
    members = {} if before is None else {"system": before}
    assert shaped(Plan(instruct=("be kind",)), **members)["system"] == after
    assert shaped(Plan(instruct=("be kind",)), system=after)["system"] == after


def test_what_is_not_touched_keeps_its_bytes():
    body = b'{ "model":"m",  "metadata": {"a" : 1e3, "b":"\\u0041\\/"}, "max_tokens": 9 ,"x":[ ]}'
    after = MessagesRequest().request(body, Plan(output_cap=5))
    assert after == b'{"model":"m","metadata":{"a" : 1e3, "b":"\\u0041\\/"},"max_tokens":5,"x":[ ]}'
