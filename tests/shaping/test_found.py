"""What recorded streams and a harder generator found, each as the smallest stream that shows it."""

import json

import pytest

from proxy.core.rules import Binding
from proxy.core.shaping import Knobs, Notice, Plan, Reasoning, Show
from proxy.dialects import CATALOGUE
from proxy.dialects.base import Tally
from proxy.shaping.answers.anthropic_messages import Messages
from proxy.shaping.answers.openai_chat import Chat
from proxy.shaping.histories import CATALOGUE as HISTORIES
from proxy.shaping.stream import Shaper
from tests.support.blocks import driven
from tests.support.chunks import assembled, delta, events, sse, through, told
from tests.support.seals import a_binder

OMIT = Plan(reasoning=Reasoning(Show.OMIT))
REWRITE = Plan(reasoning=Reasoning(Show.REWRITE, via="other"))
ASK = {"role": "user", "content": "Why?"}
CALL = {"tool_calls": [{"index": 0, "id": "t", "type": "function", "function": {"name": "f", "arguments": "{}"}}]}
HISTORY = HISTORIES["openai_chat"]
ANCHOR = HISTORY.anchor(json.dumps({"messages": [ASK]}).encode())
DIALECTS = {dialect.name: dialect for dialect in CATALOGUE}


def sent_back(message, binder):
    return HISTORY.restore(json.dumps({"messages": [ASK, {**message, "role": "assistant"}, ASK]}).encode(), binder)


@pytest.mark.parametrize("first", ["a", "ab", "abc"], ids=len)
@pytest.mark.parametrize("place", ["reasoning", "details", "parts"])
def test_words_of_another_model_do_not_run_into_the_token_before_them(first, place):
    """A token without padding, one length in three, would swallow them, and its honest bringer be called a forger."""
    say = {
        "reasoning": lambda text: {"reasoning": text},
        "details": lambda text: {"reasoning_details": [{"type": "reasoning.text", "text": text, "index": 0}]},
        "parts": lambda text: {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": text}]}]},
    }[place]
    binder = a_binder(rules=Binding())
    chat = Chat(REWRITE, binder, ANCHOR)
    stream = [delta(say(first)), delta(CALL), delta(say("more")), delta({}, finish="stop")]
    out = b"".join(told(chat.event(sse(each)), lambda _: "in other words") for each in stream)
    assert sent_back(assembled(out)["choices"][0]["message"], binder).findings == ()


def test_what_says_the_content_once_more_says_no_more_of_it():
    """Together's chat chunks say every piece twice, and its token's id."""
    pieces = enumerate(["<think>", "secret", "</think>", "Hi"])
    stream = [sse(delta({"content": text, "token_id": number}, text=text)) for number, text in pieces]
    out = [chunk["choices"][0] for chunk in events(through(Chat(OMIT, None, ""), stream))]
    assert [(choice["text"], choice["delta"]["token_id"]) for choice in out] == [("", None)] * 3 + [("Hi", None)]
    said = "<think>secret</think>Hi"
    body = {"choices": [{"index": 0, "text": said, "message": {"content": said}}]}
    assert json.loads(told(Chat(OMIT, None, "").whole(json.dumps(body).encode())))["choices"][0]["text"] == "Hi"


def test_a_signature_beside_the_extra_content_is_bound_too_and_comes_back():
    """Gemini's previews put a bare copy there."""
    message = {"content": "x", "extra_content": {"google": {"thought_signature": "c2ln"}}, "thought_signature": "c2ln"}
    binder, bind = a_binder(), Plan(bind=True)
    out = told(Chat(bind, binder, ANCHOR).whole(json.dumps({"choices": [{"index": 0, "message": message}]}).encode()))
    assert b"c2ln" not in out
    restored = sent_back(json.loads(out)["choices"][0]["message"], binder)
    assert (restored.findings, json.loads(restored.body)["messages"][1]) == ((), {**message, "role": "assistant"})
    stolen = sent_back(message, binder)
    assert b"c2ln" not in stolen.body
    assert len(stolen.findings) == 2
    assert b"c2ln" not in told(Chat(bind, binder, ANCHOR).event(sse(delta({"thought_signature": "c2ln"}))))


@pytest.mark.parametrize("plan", [OMIT, Plan(bind=True), Plan(notice=Notice("degraded", ("x",), "y", "z"))], ids=["omit", "bind", "notice"])
def test_a_last_event_that_lacks_its_blank_line_is_not_lost(plan):
    """It stands so at the end of recorded streams; what is torn within its data still goes."""
    chat = sse(delta({"content": "Hi"}, finish="stop")) + b"data: [DONE]\n"
    out = driven(Shaper(DIALECTS["openai_chat"], plan, Tally(), Chat(plan, None, "")), [chat])
    assert out.endswith(b"data: [DONE]\n")
    assert out.count(b"[DONE]") == 1
    stop = b'event: message_stop\ndata: {"type":"message_stop"}'
    assert driven(Shaper(DIALECTS["anthropic_messages"], plan, Tally(), Messages(plan, None, "")), [stop]) == stop
    torn = b'data: {"choices":[{"delta":{"reasoning":"secr'
    assert driven(Shaper(DIALECTS["openai_chat"], plan, Tally(), Chat(plan, None, "")), [torn]) == b""


def test_where_the_template_opened_the_tag_nothing_is_spelled_before_its_text():
    """vLLM tells the id of half a sign with an empty text."""
    plan = Plan(reasoning=OMIT.reasoning, knobs=Knobs(preopened=True))
    stream = [sse(delta({"content": ""}, token_ids=[5])), sse(delta({"content": "x</think>y"}))]
    assert events(through(Chat(plan, None, ""), stream))[0]["choices"][0]["token_ids"] is None


def test_nothing_of_ours_comes_after_the_usage():
    """To openai-python's accumulator the usage of the last chunk is the answer's, be it null."""
    used = {**delta({}), "choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}}
    stream = [sse(delta({"reasoning": "secret"})), sse(used), sse(b"[DONE]")]
    out = events(through(Chat(OMIT, a_binder(), "here"), stream))
    assert [chunk["choices"] == [] for chunk in out] == [False, False, True]
    assert out[1]["choices"][0]["delta"]["reasoning"].startswith("SGT1")
    assert out[-1]["usage"] == used["usage"]
