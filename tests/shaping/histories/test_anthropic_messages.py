"""Conversations of Anthropic messages: cases by hand."""

import json
from typing import Any

import pytest

from proxy.core.rules import Binding
from proxy.core.sealing import Finding
from proxy.shaping.binding import Binder
from proxy.shaping.histories.anthropic_messages import MessagesHistory
from tests.support.conversations import raw
from tests.support.seals import a_binder

HISTORY = MessagesHistory()
USE = {"type": "tool_use", "id": "t1", "name": "f", "input": {}}
RESULT = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "3"}]}
ASK = {"role": "user", "content": "add"}


def body(*messages: dict[str, Any], **members: Any) -> bytes:
    return json.dumps({"model": "m", "messages": [*messages]} | members).encode()


def thought(binder: Binder, question: bytes, **hidden: str) -> dict[str, Any]:
    """Hidden thinking in answer to the request `question`."""
    members = {name: raw(value) for name, value in hidden.items()}
    token = binder.token({"signature": raw("sig")}, members, HISTORY.anchor(question))
    return {"type": "thinking", "thinking": "", "signature": token}


def said(*blocks: dict[str, Any]) -> dict[str, Any]:
    return {"role": "assistant", "content": [*blocks]}


def restored(request: bytes, binder: Binder | None = None) -> tuple[dict[str, Any], list[Finding]]:
    found = HISTORY.restore(request, binder or a_binder())
    return json.loads(found.body), [finding for finding, _ in found.findings]


FOREIGN = {"type": "thinking", "thinking": "x", "signature": "stolen"}
MODES = [
    ({"type": "enabled", "budget_tokens": 2000}, {"type": "disabled"}),
    ({"type": "adaptive"}, None),
    ({"type": "disabled"}, {"type": "disabled"}),
    (None, None),
]


@pytest.mark.parametrize(("before", "after"), MODES)
def test_an_open_tool_turn_that_loses_a_block_loses_all_and_goes_on_without_thinking(before, after):
    whole = thought(a_binder(), body(ASK), thinking="I think")
    members = {} if before is None else {"thinking": before}
    found, findings = restored(body(ASK, said(whole, FOREIGN, USE), RESULT, **members))
    assert findings == [Finding.FOREIGN]
    assert found["messages"] == [ASK, said(USE), RESULT]
    assert found.get("thinking") == after


@pytest.mark.parametrize("beside", [{"role": "user", "content": "be quick"}, {"role": "system", "content": "be quick"}])
def test_what_is_said_beside_results_does_not_end_the_turn(beside):
    found, _ = restored(body(ASK, said(FOREIGN, USE), RESULT, beside, thinking={"type": "enabled", "budget_tokens": 2000}))
    assert found["thinking"] == {"type": "disabled"}


def test_an_answer_that_is_to_be_continued_is_open_too():
    found, _ = restored(body(ASK, said(FOREIGN, {"type": "text", "text": "3"}), thinking={"type": "enabled", "budget_tokens": 2000}))
    assert found["thinking"] == {"type": "disabled"}


def test_an_earlier_turn_loses_the_block_only():
    thinking = {"type": "enabled", "budget_tokens": 2000}
    found, findings = restored(body(ASK, said(FOREIGN, USE), RESULT, said({"type": "text", "text": "3"}), ASK, thinking=thinking))
    assert findings == [Finding.FOREIGN]
    assert found["messages"][1] == said(USE)
    assert found["thinking"] == thinking


def test_a_message_that_had_nothing_else_goes_whole():
    found, _ = restored(body(ASK, said(FOREIGN), ASK))
    assert found["messages"] == [ASK, ASK]


def test_the_block_keeps_its_other_members_and_their_order():
    block = {"cache_control": {"type": "ephemeral"}} | thought(a_binder(), body(ASK), thinking="I think")
    request = body(ASK, said(block))
    after = HISTORY.restore(request, a_binder()).body
    assert b'{"cache_control":{"type": "ephemeral"},"type":"thinking","thinking":"I think","signature":"sig"}' in after


def test_a_signature_that_the_upstream_never_made_goes():
    token = a_binder().token({}, {"thinking": raw("I think")}, HISTORY.anchor(body(ASK)))
    found, findings = restored(body(ASK, said({"type": "thinking", "thinking": "", "signature": token})))
    assert findings == []
    assert found["messages"][1] == said({"type": "thinking", "thinking": "I think"})


def test_text_that_was_not_hidden_stays_as_the_caller_sends_it():
    block = thought(a_binder(), body(ASK)) | {"thinking": "shown"}
    found, _ = restored(body(ASK, said(block)))
    assert found["messages"][1] == said({"type": "thinking", "thinking": "shown", "signature": "sig"})


@pytest.mark.parametrize("signature", ["", None])
def test_no_signature_is_nothing_to_judge(signature):
    request = body(ASK, said({"type": "thinking", "thinking": "x", "signature": signature}))
    assert HISTORY.restore(request, a_binder()).body is request


def test_a_token_of_redacted_thinking_is_forged_in_a_signature():
    token = a_binder().token({"data": raw("red")}, {}, HISTORY.anchor(body(ASK)))
    _, findings = restored(body(ASK, said({"type": "thinking", "thinking": "", "signature": token}), ASK))
    assert findings == [Finding.FORGED]


def test_a_thinking_block_of_the_callers_is_no_business_of_ours():
    """Only the assistant's are read as such; the API refuses others."""
    request = body(ASK | {"content": [FOREIGN]})
    assert HISTORY.restore(request, a_binder()).body is request


@pytest.mark.parametrize("request_body", [
    b'{"messages":[{"role":"assistant","content":[{"type":"thinking","signature":"stolen"}]}],"messages":[]}',
    b'{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":[{"type":"thinking","signature":"stolen"}],"content":"x"}]}',
    b'{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":[{"type":"thinking","signature":"stolen","signature":""}]}]}',
    b'{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":[{"type":"thinking","s\\u0069gnature":"stolen"}]}]}',
    b'{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":[{"type":"thinking","signature":"stolen"}],"role":"user"}]}',
])  # fmt: skip
def test_no_spelling_carries_a_stolen_block_past_the_judge(request_body):
    """An upstream may take the first of two members, where we take the last."""
    after = HISTORY.restore(request_body, a_binder()).body
    assert b"stolen" not in after or b"assistant" not in after


def test_only_what_may_matter_is_looked_at():
    request = body(ASK, said({"type": "text", "text": "x"}))
    assert HISTORY.restore(request, a_binder()).body is request
    loose = a_binder(rules=Binding(on=False))
    request = body(ASK, said(FOREIGN, USE), RESULT)
    assert HISTORY.restore(request, loose).body is request


def test_the_anchor_is_the_callers_last_turn():
    assert HISTORY.anchor(body()) == ""
    assert HISTORY.anchor(b"{}") == ""
    first = HISTORY.anchor(body(ASK))
    assert HISTORY.anchor(body(ASK, said(USE))) == first
    assert HISTORY.anchor(body(ASK, said(USE), RESULT)) != first
    both = {"role": "user", "content": [*RESULT["content"], {"type": "text", "text": "go on"}]}
    assert len({HISTORY.anchor(body(each)) for each in (ASK, RESULT, both)}) == 3


def test_pictures_count_where_there_is_nothing_else():
    def picture(data: str, *others: dict[str, Any]) -> dict[str, Any]:
        return {"role": "user", "content": [{"type": "image", "source": {"type": "base64", "data": data}}, *others]}

    text = {"type": "text", "text": "what is it?"}
    assert HISTORY.anchor(body(picture("a"))) != HISTORY.anchor(body(picture("b")))
    assert HISTORY.anchor(body(picture("a", text))) == HISTORY.anchor(body(picture("b", text)))
