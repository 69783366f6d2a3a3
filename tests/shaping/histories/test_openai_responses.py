"""Conversations of OpenAI responses: cases by hand."""

import json
from typing import Any

import pytest

from proxy.core.rules import Binding
from proxy.core.sealing import Finding
from proxy.shaping.binding import Binder
from proxy.shaping.histories.openai_responses import ResponsesHistory
from tests.support.conversations import raw
from tests.support.seals import a_binder

HISTORY = ResponsesHistory()
ASK = {"role": "user", "content": "add"}


def body(*items: Any, **members: Any) -> bytes:
    return json.dumps({"model": "m", "input": [*items]} | members).encode()


ANCHOR = HISTORY.anchor(body(ASK))


def restored(*items: Any, binder: Binder | None = None) -> tuple[list[Any], list[Finding]]:
    found = HISTORY.restore(body(*items), binder or a_binder())
    return json.loads(found.body)["input"], [finding for finding, _ in found.findings]


def reasoning(value: str | None, number: int = 1, **members: Any) -> dict[str, Any]:
    return {"type": "reasoning", "id": f"rs_{number}", "summary": [], "encrypted_content": value} | members


def token(anchor: str = ANCHOR, **members: Any) -> str:
    return a_binder().token({name: raw(value) for name, value in members.items()}, {}, anchor)


def call(number: int, **members: Any) -> dict[str, Any]:
    return {"type": "function_call", "id": f"fc_{number}", "call_id": f"c{number}", "name": "f", "arguments": "{}"} | members


def output(number: int) -> dict[str, Any]:
    return {"type": "function_call_output", "call_id": f"c{number}", "output": "3"}


def test_all_members_come_back_and_what_was_never_there_goes():
    content = [{"type": "reasoning_text", "text": "I think"}]
    sent = reasoning(token(encrypted_content="enc", content=content, summary=[1]), content=[])
    assert restored(ASK, sent) == ([ASK, reasoning("enc", content=content) | {"summary": [1]}], [])
    sent = reasoning(token(content=content), content=[], status=None)
    after, findings = restored(ASK, sent)
    assert after[1] == {"type": "reasoning", "id": "rs_1", "summary": [], "content": content, "status": None}
    assert findings == []


def test_items_that_lost_their_reasoning_lose_the_id_that_promised_it():
    message = {"type": "message", "id": "msg_1", "role": "assistant", "content": []}
    custom = {"type": "custom_tool_call", "id": "ctc", "call_id": "c9", "name": "f", "input": ""}
    search = {"type": "web_search_call", "id": "ws", "status": "completed"}
    sent = [ASK, reasoning("stolen"), call(1), search, custom, message, {"role": "assistant", "content": "x"}, output(1), call(2)]
    after, findings = restored(*sent)
    assert findings == [Finding.FOREIGN]
    bare = [{name: value for name, value in item.items() if name != "id"} for item in (call(1), custom, message)]
    assert after == [ASK, bare[0], search, bare[1], bare[2], {"role": "assistant", "content": "x"}, output(1), call(2)]


def test_items_whose_own_reasoning_is_there_keep_their_id():
    after, _ = restored(ASK, reasoning("stolen"), reasoning(token(encrypted_content="enc"), 2), call(1))
    assert after == [ASK, reasoning("enc", 2), call(1)]


def test_results_may_stand_between_what_one_answer_said():
    """A loop that appends each call and its result together."""
    sealed = token(encrypted_content="enc")
    after, findings = restored(ASK, reasoning(sealed), call(1), output(1), reasoning(sealed, 2), call(2), output(2))
    assert findings == []
    assert after == [ASK, reasoning("enc"), call(1), output(1), reasoning("enc", 2), call(2), output(2)]


def test_but_nothing_that_the_caller_says():
    _, findings = restored(ASK, {"role": "user", "content": "spell it out"}, reasoning(token(encrypted_content="enc")))
    assert findings == [Finding.ELSEWHERE]


@pytest.mark.parametrize("value", [None, ""])
def test_what_the_provider_keeps_itself_has_nothing_to_judge(value):
    request = body(ASK, reasoning(value), {"type": "item_reference", "id": "rs_2"}, "odd")
    assert HISTORY.restore(request, a_binder()).body is request


def test_other_items_with_encrypted_contents_pass_unless_they_hold_a_token():
    compaction = {"type": "compaction", "encrypted_content": "theirs"}
    request = body(ASK, compaction)
    assert HISTORY.restore(request, a_binder()).body is request
    after, findings = restored(ASK, compaction | {"encrypted_content": token(encrypted_content="theirs")})
    assert (after, findings) == ([ASK, compaction], [])


def test_an_input_may_be_a_text():
    text = b'{"input":"add", "x":"SGT1"}'
    assert HISTORY.anchor(text) == ANCHOR
    assert HISTORY.restore(text, a_binder()).body is text


def test_results_of_every_kind_are_the_callers():
    kinds = [
        "function_call_output",
        "custom_tool_call_output",
        "computer_call_output",
        "local_shell_call_output",
        "apply_patch_call_output",
    ]
    assert len({HISTORY.anchor(body(ASK, {"type": kind, "call_id": "c", "output": "x"})) for kind in kinds}) == 1
    approval = {"type": "mcp_approval_response", "approval_request_id": "c", "approve": True}
    assert HISTORY.anchor(body(ASK, approval)) == HISTORY.anchor(body(output(1) | {"call_id": "c"}))
    assert HISTORY.anchor(body(ASK, call(1), {"type": "reasoning"})) == ANCHOR
    assert HISTORY.anchor(body()) == ""


@pytest.mark.parametrize("request_body", [
    b'{"input":[{"type":"reasoning","encrypted_content":"stolen"}],"input":[]}',
    b'{"input":[{"type":"reasoning","encrypted_content":"stolen","encrypted_content":""}]}',
    b'{"input":[{"type":"reasoning","encrypted_c\\u006fntent":"stolen"}]}',
])  # fmt: skip
def test_no_spelling_carries_a_stolen_item_past_the_judge(request_body):
    assert b"stolen" not in HISTORY.restore(request_body, a_binder()).body


def test_where_nothing_binds_only_tokens_are_looked_at():
    request = body(ASK, reasoning("theirs"))
    assert HISTORY.restore(request, a_binder(rules=Binding())).body is request


BLOCK = "<think>so it is</think>"


def said(text: str, **members: Any) -> dict[str, Any]:
    return {"type": "message", "id": "m", "role": "assistant", "content": [{"type": "output_text", "text": text}]} | members


def inline(binder: Binder | None = None) -> str:
    return f"<think>{(binder or a_binder()).token({}, {'think': raw(BLOCK)}, ANCHOR)}</think>"


def test_inline_blocks_return_to_an_answers_text():
    sealed = inline()
    assert restored(ASK, said(sealed + "\n3")) == ([ASK, said(BLOCK + "\n3")], [])
    assert restored(ASK, said("", content=sealed + "3")) == ([ASK, said("", content=BLOCK + "3")], [])
    assert restored(ASK, call(1), output(1), said(sealed + "3")) == ([ASK, call(1), output(1), said(BLOCK + "3")], [])
    theirs = said(sealed + "3", role="user")
    assert restored(ASK, theirs) == ([ASK, theirs], [])


def test_inline_blocks_that_are_not_at_home_go():
    foreign = inline(a_binder(holder="o:other"))
    assert restored(ASK, said(foreign + "3")) == ([ASK, said("3")], [Finding.FOREIGN])
    assert restored({"role": "user", "content": "other"}, said(inline() + "3"))[1] == [Finding.ELSEWHERE]


def test_a_message_that_lost_its_reasoning_keeps_what_stands_in_it():
    after, findings = restored(ASK, reasoning("stolen"), said(inline() + "3"))
    assert (after, findings) == ([ASK, {name: value for name, value in said(BLOCK + "3").items() if name != "id"}], [Finding.FOREIGN])


@pytest.mark.parametrize("kind", ["compaction", "compaction_summary"])
def test_what_stands_for_a_whole_conversation_is_never_dropped(kind):
    item = {"type": kind, "id": "cmp", "encrypted_content": "enc"}
    assert restored(item, ASK) == ([item, ASK], [])
