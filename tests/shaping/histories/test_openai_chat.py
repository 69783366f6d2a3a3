"""Conversations of OpenAI chat completions: turns, openings, and what no spelling carries past the judge."""

import pytest

from proxy.core.rules import Binding
from tests.support.chats import ANCHOR, ASK, HISTORY, body, signed, token
from tests.support.seals import a_binder


def test_so_may_the_caller():
    request = body(
        ASK, {"role": "assistant", "content": "3"}, {"role": "user", "content": f"<think>{token(think='<think>so</think>')}</think>"}
    )
    assert HISTORY.restore(request, a_binder()).body is request


def test_plain_reasoning_is_no_secret_of_ours():
    request = body(ASK, {"role": "assistant", "reasoning_content": "I think"})
    assert HISTORY.restore(request, a_binder()).body is request


def test_anchors():
    system, tool = {"role": "system", "content": "be kind"}, {"role": "tool", "tool_call_id": "c", "content": "3"}
    assert HISTORY.anchor(body(system)) == ""
    assert HISTORY.anchor(body(system, ASK)) == ANCHOR
    assert HISTORY.anchor(body(ASK, tool)) == HISTORY.anchor(body(tool | {"content": "cleared"})) != ANCHOR
    assert HISTORY.anchor(body(ASK, system)) != ANCHOR
    assert HISTORY.anchor(body({"role": "function", "name": "f", "content": "3"})) != HISTORY.anchor(body(tool))


@pytest.mark.parametrize("request_body", [
    b'{"messages":[{"role":"assistant","reasoning_details":[{"data":"stolen"}],"reasoning_details":[]}]}',
    b'{"messages":[{"role":"assistant","reasoning_details":[{"data":"stolen"}]}],"messages":[]}',
    b'{"messages":[{"role":"assistant","reasoning_details":[{"d\\u0061ta":"stolen"}]}]}',
    b'{"messages":[{"role":"assistant","reasoning_details":[{"data":"stolen","data":""}]}]}',
    b'{"messages":[{"role":"assistant","tool_calls":[{"extra_content":{"google":{"thought_signature":"stolen","thought_signature":""}}}]}]}',
])  # fmt: skip
def test_no_spelling_carries_a_stolen_value_past_the_judge(request_body):
    assert b"stolen" not in HISTORY.restore(request_body, a_binder()).body


def test_where_nothing_binds_only_tokens_are_looked_at():
    request = body(ASK, {"role": "assistant", "reasoning_details": [{"data": "theirs"}], "tool_calls": [signed("theirs")]})
    assert HISTORY.restore(request, a_binder(rules=Binding())).body is request
