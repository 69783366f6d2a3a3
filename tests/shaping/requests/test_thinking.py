"""Anthropic's `thinking`, turned off and made to fit."""

import json

import pytest

from proxy.shaping.edit import opened, written
from proxy.shaping.requests import thinking

ENABLED = {"type": "enabled", "budget_tokens": 9000}


@pytest.mark.parametrize(("before", "after"), [
    (ENABLED, {"type": "disabled"}), ({"type": "adaptive"}, None), ({"type": "between_tools"}, None),
    ({"type": "disabled"}, {"type": "disabled"}), (None, None),
])  # fmt: skip
def test_it_is_turned_off_in_words_that_the_model_takes(before, after):
    found = opened(json.dumps({} if before is None else {"thinking": before}).encode())
    thinking.turn_off(found)
    assert json.loads(written(found)).get("thinking") == after


@pytest.mark.parametrize("mode", ["enabled", "adaptive"])
def test_what_the_api_refuses_without_it_goes_too(mode):
    management = {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}, {"type": "clear_tool_uses_20250919"}, "odd"]}
    found = opened(json.dumps({"thinking": {"type": mode}, "context_management": management}).encode())
    thinking.turn_off(found)
    assert json.loads(written(found))["context_management"]["edits"] == management["edits"][1:]


@pytest.mark.parametrize(("most", "budget"), [(9001, 9000), (9000, 4500), (1500, 1024), (1025, 1024), (1024, None), (1, None)])
def test_a_budget_fits_below_what_may_be_said_in_all(most, budget):
    found = opened(json.dumps({"thinking": ENABLED}).encode())
    thinking.fit(found, most)
    after = json.loads(written(found))["thinking"]
    assert after.get("budget_tokens") == budget
    assert after["type"] == ("disabled" if budget is None else "enabled")


@pytest.mark.parametrize(("messages", "within"), [
    ([], False), (["odd"], False), ([{"role": "user", "content": "x"}], False), ([{"role": "user", "content": ["odd"]}], False),
    ([{"role": "user", "content": [{"type": "text", "text": "x"}, {"type": "tool_result", "tool_use_id": "t"}]}], True),
    ([{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t"}]}, {"role": "assistant", "content": "x"}], False),
])  # fmt: skip
def test_a_tool_turn_is_open_while_its_results_are_the_last_word(messages, within):
    assert thinking.in_a_tool_turn(opened(json.dumps({"messages": messages}).encode())) is within
