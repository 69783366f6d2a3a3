"""Reasoning that stands in a message as text: fields, inline blocks, OpenRouter's details."""

import msgspec
import pytest

from proxy.core.sealing import Bound, Finding
from tests.support.chats import ANCHOR, ASK, HISTORY, body, foreign, restored, token
from tests.support.conversations import raw
from tests.support.seals import FakeSeal, a_binder


def test_what_is_shown_beside_a_token_is_part_of_the_original():
    assert restored(reasoning_content="I th" + token(reasoning_content="I think")) == ({"reasoning_content": "I think"}, [])


@pytest.mark.parametrize("between", ["", "\n", " and so on "])
def test_tokens_in_one_text_are_put_together(between):
    text = token(reasoning="I think, ") + between + token(reasoning="therefore.")
    assert restored(reasoning=text) == ({"reasoning": "I think, therefore."}, [])


def test_a_text_goes_back_where_its_token_belongs():
    moved = token(reasoning="I think")
    assert restored(reasoning_content=moved, content="3") == ({"content": "3", "reasoning": "I think"}, [])
    assert restored(reasoning_content=moved, reasoning=moved) == ({"reasoning": "I think"}, [])
    both = token(reasoning="I think", reasoning_content="I think")
    assert restored(reasoning_content=both, reasoning=both) == ({"reasoning_content": "I think", "reasoning": "I think"}, [])


@pytest.mark.parametrize(("content", "after"), [
    ("\n\n3", "<think>so</think>\n\n3"), (None, "<think>so</think>"),
    ([{"type": "text", "text": "3"}], [{"type": "text", "text": "<think>so</think>"}, {"type": "text", "text": "3"}]),
])  # fmt: skip
def test_a_block_that_a_client_took_out_of_the_content_returns_to_it(content, after):
    message, findings = restored(reasoning_content=token(think="<think>so</think>"), content=content)
    assert (message, findings) == ({"content": after}, [])


def test_a_text_of_which_a_part_is_foreign_goes():
    text = token(reasoning_content="mine") + "\n" + foreign(reasoning_content="yours")
    assert restored(reasoning_content=text) == ({"reasoning_content": ""}, [Finding.FOREIGN])
    assert restored(reasoning=text.replace("x", "x")) == ({}, [Finding.FOREIGN])


BLOCK = "<think>\nso it is</think>"


@pytest.mark.parametrize(("sent", "made"), [
    ("<think>{}</think>\n\n3", BLOCK + "\n\n3"),
    ("\n <think>{}</think>3", "\n " + BLOCK + "3"),
    ("<think>\nso{}</think>3", BLOCK + "3"),
    ("<think>{}</think>\n<think>{}</think>3", BLOCK + "\n" + BLOCK + "3"),
    ("<think>{}</think>", BLOCK),
    ("so{}</think>3", BLOCK + "3"),
    ("<think>ab</think>\n<think>\nso{}</think>3", "<think>ab</think>\n" + BLOCK + "3"),
    ("<think>ab</think><think>SGT1</think><think>{}</think>3", "<think>ab</think><think>SGT1</think>" + BLOCK + "3"),
    ("ab</think> <think>\nso{}</think>3", "ab</think> " + BLOCK + "3"),
    ("<think>ab</think>3 <think>{}</think>", None),
    ("ab</think>3</think><think>{}</think>", None),
    ("3 and <think>{}", None),
    ("```\n{}", None),
])  # fmt: skip
@pytest.mark.parametrize("listed", [False, True])
def test_inline_blocks(sent, made, listed):
    sealed = token(think=BLOCK)
    text = sent.format(sealed, sealed)
    expected = text if made is None else made
    if listed:
        assert restored(content=[{"type": "text", "text": text}]) == ({"content": [{"type": "text", "text": expected}]}, [])
    else:
        assert restored(content=text) == ({"content": expected}, [])


def test_a_preopened_block_has_the_space_that_it_began_with():
    sealed = token(think="\n so</think>")
    assert restored(content=f"\n {sealed}</think>3") == ({"content": "\n so</think>3"}, [])
    assert restored(content=f"<think>{sealed}</think>3") == ({"content": "\n so</think>3"}, [])


def test_an_inline_block_that_is_not_at_home_goes():
    assert restored(content=f"<think>{foreign(think=BLOCK)}</think>\n\n3") == ({"content": "\n\n3"}, [Finding.FOREIGN])
    assert restored(content=f"<think>SGT1{'abcd' * 9}</think>3") == ({"content": "3"}, [Finding.FORGED])


LONG = "SGT1" + "abcd" * 9


@pytest.mark.parametrize("content", [
    "A token begins with <b>SGT1</b>.", "SGT1", f"`{LONG}`</i>", f"x</think>{LONG}</think>", f"so <b>{LONG}</b>", "<b>SGT1abcd</b> is one",
    f"x</think><think>{LONG}</think>", f"<b>x</b>, <b>{LONG}</b>",
])  # fmt: skip
def test_an_answer_may_speak_of_tokens(content):
    request = body(ASK, {"role": "assistant", "content": content, "reasoning": "SGT1 is", "reasoning_details": [{"text": "SGT1abc"}]})
    assert HISTORY.restore(request, a_binder()).body is request


def test_halves_of_a_sign_meet_again():
    halves = (msgspec.Raw(b'"\\ud83d"'), msgspec.Raw(b'"\\ude00 so"'))
    text = "\n".join(a_binder().token({}, {"reasoning": half}, ANCHOR) for half in halves)
    assert restored(reasoning=text, content="3") == ({"reasoning": "\U0001f600 so", "content": "3"}, [])


def test_a_token_that_nobody_can_read_is_lost_and_nobody_is_blamed():
    bound = Bound("o:acme", "m", ANCHOR)
    unread = FakeSeal().wrap(b"no object", bound, "ann", 1_700_000_000.0)
    assert restored(reasoning=unread, content="3") == ({"content": "3"}, [Finding.LOST])


def test_reasoning_details():
    sealed = a_binder().token({"thought_signature": raw("enc")}, {}, ANCHOR)
    sent = [
        {"type": "reasoning.text", "text": "I th" + token(text="I think"), "signature": sealed, "index": 0},
        {"type": "reasoning.summary", "summary": token(summary="so"), "index": 1},
        {"type": "reasoning.encrypted", "data": sealed, "index": 2},
        {"type": "reasoning.text", "text": "shown", "signature": None},
    ]
    made = [
        {"type": "reasoning.text", "text": "I think", "signature": "enc", "index": 0},
        {"type": "reasoning.summary", "summary": "so", "index": 1},
        {"type": "reasoning.encrypted", "data": "enc", "index": 2},
        {"type": "reasoning.text", "text": "shown", "signature": None},
    ]
    assert restored(reasoning_details=sent) == ({"reasoning_details": made}, [])


def test_reasoning_details_that_are_not_at_home_go():
    sent = [{"type": "reasoning.encrypted", "data": "stolen"}, {"text": foreign(text="x")}, {"text": "shown"}]
    assert restored(reasoning_details=sent) == ({"reasoning_details": [{"text": "shown"}]}, [Finding.FOREIGN] * 2)
    assert restored(reasoning_details=sent[:1], content="3") == ({"content": "3"}, [Finding.FOREIGN])
