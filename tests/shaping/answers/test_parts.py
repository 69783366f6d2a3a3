"""Reasoning in a content that is a list of parts: the laws over generated answers, then the hard ones by hand."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.rules import Binding
from proxy.core.sealing import MARK
from proxy.core.shaping import Knobs, Plan, Reasoning, Show
from proxy.shaping.answers.openai_chat import Chat
from proxy.shaping.base import MOST_HELD, ShapingError
from proxy.shaping.hiding import CHARACTERS
from proxy.shaping.histories import CATALOGUE as HISTORIES
from tests.support.chunks import WORDS, delta, events, sse, through, told
from tests.support.seals import a_binder

KEEP = 1
OMIT = Plan(reasoning=Reasoning(Show.OMIT))
CALL = {"tool_calls": [{"index": 0, "id": "t", "type": "function", "function": {"name": "f", "arguments": "{}"}}]}
ASK = {"role": "user", "content": "Why?"}
HISTORY = HISTORIES["openai_chat"]

plans = st.builds(
    lambda show, preopened: Plan(reasoning=Reasoning(show, KEEP), knobs=Knobs(preopened=preopened)),
    st.sampled_from([Show.OMIT, Show.KEEP, Show.SUMMARY, Show.REWRITE]),
    st.booleans(),
)
binders = st.sampled_from([a_binder(), a_binder(rules=Binding(restore="never")), None])
thoughts = st.text(alphabet='ab é😀\n"\\', min_size=1, max_size=12)


def thinking(*texts, **more):
    return {"type": "thinking", "thinking": [text(each) for each in texts], **more}


def text(said):
    return {"type": "text", "text": said}


@st.composite
def contents(draw, calls=True):
    """What one choice says, delta by delta: it thinks, and then answers or calls; perhaps twice."""
    out = [{"role": "assistant", "content": ""}] if draw(st.booleans()) else []
    for _ in range(draw(st.integers(1, 2))):
        thoughts_told = draw(st.lists(st.lists(thoughts, min_size=1, max_size=2), min_size=1, max_size=3))
        answer = draw(WORDS.filter(bool)).replace("<", "")
        said = [[thinking(*each)] for each in thoughts_told]
        ending = draw(st.sampled_from(["text", "part", "same list", "call"] if calls else ["text", "part", "same list"]))
        if ending == "same list":
            said[-1].append(text("x" + answer))
        out += [{"content": each} for each in said]
        out += {"text": [{"content": "x" + answer}], "part": [{"content": [text("x" + answer)]}], "call": [CALL]}.get(ending, [])
    return out


def stream(deltas):
    return b"".join(sse(delta(each)) for each in deltas) + sse(delta({}, finish="stop")) + sse(b"[DONE]")


def assembled(stream):
    """As a client does it that joins texts: one part for thoughts that follow each other; what else it was told."""
    content, others = [], []
    for chunk in events(stream):
        said = chunk["choices"][0]["delta"]
        raw = said.get("content") or []
        for part in [text(raw)] if isinstance(raw, str) else raw:
            kind = part["type"]
            words = "".join(each.get("text", "") for each in part["thinking"]) if kind == "thinking" else part["text"]
            if content and content[-1]["type"] == kind:
                words = _words(content.pop()) + words
            content.append(thinking(words) if kind == "thinking" else text(words))
        if "tool_calls" in said:
            content.append(text(""))  # a call parts what was thought before it from what comes after it
            others.append(said["tool_calls"])
    return content, others


def _words(part):
    return part["thinking"][0]["text"] if part["type"] == "thinking" else part["text"]


def whole(plan, binder, message):
    body = json.dumps({"choices": [{"message": message}]}).encode()
    return json.loads(told(Chat(plan, binder, ANCHOR).whole(body)))["choices"][0]["message"]


ANCHOR = HISTORY.anchor(json.dumps({"messages": [ASK]}).encode())


@given(contents(), plans, binders)
def test_byte_by_byte_is_all_at_once(deltas, plan, binder):
    sent = stream(deltas)
    once = through(Chat(plan, binder, ANCHOR), [sent])
    assert through(Chat(plan, binder, ANCHOR), [sent[at : at + 1] for at in range(len(sent))]) == once


@given(contents(), plans, binders)
def test_no_reasoning_beyond_the_limit_and_nothing_else_changed(deltas, plan, binder):
    before, calls = assembled(stream(deltas))
    after, same = assembled(through(Chat(plan, binder, ANCHOR), [stream(deltas)]))
    assert same == calls
    assert [part for part in after if part["type"] == "text"] == [part for part in before if part["type"] == "text"]
    assert [part["type"] for part in after] == [part["type"] for part in before]
    shown = "".join(_words(part).split(MARK)[0] for part in after if part["type"] == "thinking")
    most = KEEP * CHARACTERS if plan.reasoning.show is Show.KEEP else 0
    if plan.reasoning.show is not Show.REWRITE:
        assert shown == "".join(_words(part) for part in before if part["type"] == "thinking")[:most]


@given(contents(calls=False), plans)
def test_shape_then_assemble_is_assemble_then_shape(deltas, plan):
    binder = a_binder()
    content, _ = assembled(stream(deltas))
    after, _ = assembled(through(Chat(plan, binder, ANCHOR), [stream(deltas)]))
    assert whole(plan, binder, {"content": content})["content"] == after


@given(contents(), plans.filter(lambda plan: plan.reasoning.show is not Show.REWRITE), binders)
def test_shaping_twice_is_shaping_once(deltas, plan, binder):
    once = through(Chat(plan, binder, ANCHOR), [stream(deltas)])
    assert through(Chat(plan, binder, ANCHOR), [once]) == once
    content, _ = assembled(stream(deltas))
    shaped = whole(plan, binder, {"content": content})
    assert whole(plan, binder, shaped) == shaped


@given(contents(), plans, st.booleans(), st.booleans())
def test_the_history_puts_it_all_back(deltas, plan, stored, joins):
    """Whether the client joins what it was told, or keeps every part that came."""
    binder = a_binder(rules=Binding(restore="store" if stored else "sealed"))
    shaped = through(Chat(plan, binder, ANCHOR), [stream(deltas)])
    made, sent = assembled(stream(deltas))[0], assembled(shaped)[0]
    if not joins:
        pieces = [event["choices"][0]["delta"] for event in events(shaped)]
        sent = []
        for each in pieces:
            said = each.get("content") or []
            sent += [text(said)] if isinstance(said, str) else said
            sent += [text("")] if "tool_calls" in each else []
    body = json.dumps({"messages": [ASK, {"role": "assistant", "content": sent}, ASK]}).encode()
    found = HISTORY.restore(body, binder)
    assert found.findings == ()
    back = json.loads(found.body)["messages"][1]["content"]
    assert "".join(_all(part) for part in back).replace("||", "") == "".join(_all(part) for part in made).replace("||", "")


def _all(part):
    return "|" + "".join(each["text"] for each in part["thinking"]) + "|" if part["type"] == "thinking" else part["text"]


def test_an_empty_plan_changes_no_byte():
    body = json.dumps({"choices": [{"message": {"content": [thinking("a"), text("b")]}}]}).encode()
    assert told(Chat(Plan(), a_binder(), "").whole(body)) is body


def test_a_token_stands_before_the_answer():
    binder = a_binder()
    first, second, ours, last, _ = events(through(Chat(OMIT, binder, ANCHOR), [stream([
        {"content": [thinking("I ")]}, {"content": [thinking("think", closed=True)]}, {"content": "so"},
    ])]))  # fmt: skip
    said = [each["choices"][0]["delta"] for each in (first, second, ours, last)]
    assert [said[0], said[1], said[3]] == [{"content": [thinking("")]}, {"content": [thinking("", closed=True)]}, {"content": "so"}]
    ((part,),) = said[2].values()
    assert json.loads(bytes(binder.opened(_words(part), ANCHOR)[1]["thinking"])) == "I think"


def test_what_it_refers_to_stays_and_a_bare_text_goes():
    reference = {"type": "reference", "reference_ids": [3]}
    content = [{"type": "thinking", "thinking": [text("a"), reference]}, {"type": "thinking", "thinking": "b"}, text("c")]
    assert whole(OMIT, None, {"content": content})["content"] == [
        {"type": "thinking", "thinking": [text(""), reference]}, {"type": "thinking", "thinking": ""}, text("c"),
    ]  # fmt: skip
    binder = a_binder()
    after = whole(OMIT, binder, {"content": content})
    body = json.dumps({"messages": [ASK, {"role": "assistant", **after}]}).encode()
    back = json.loads(HISTORY.restore(body, binder).body)["messages"][1]["content"]
    assert back == [{"type": "thinking", "thinking": [text("ab"), reference]}, text("c")]


def test_reasoning_that_never_ends():
    binder = a_binder()
    chunks = [delta({"content": [thinking("a")]}), delta({"content": [thinking("b")]}, finish="length")]
    out = events(through(Chat(OMIT, binder, ANCHOR), [b"".join(map(sse, chunks))]))
    (part,) = out[1]["choices"][0]["delta"]["content"]
    assert json.loads(bytes(binder.opened(_words(part), ANCHOR)[1]["thinking"])) == "ab"
    (_, ours) = events(through(Chat(OMIT, binder, ANCHOR), [sse(chunks[0])]))
    assert MARK in json.dumps(ours["choices"][0]["delta"])


def test_log_probabilities_go_with_it():
    likely = {"content": [{"token": "a", "logprob": -0.1, "top_logprobs": []}]}
    out = events(through(Chat(OMIT, None, ""), [sse(delta({"content": [thinking("a")]}, logprobs=likely, token_ids=[1]))]))
    assert (out[0]["choices"][0]["logprobs"], out[0]["choices"][0]["token_ids"]) == (None, None)


def test_it_is_found_behind_an_answer_and_under_every_spelling():
    answer = Chat(Plan(reasoning=OMIT.reasoning, knobs=Knobs(tag="")), None, "")
    told(answer.event(sse(delta({"content": "Hi"}))))
    late = b'{"choices":[{"index":0,"delta":{"c\\u006fntent": [{"type":"\\u0074hinking","thinking":[{"type":"text","text":"secret"}]}]}}]}'
    assert b"secret" not in told(answer.event(sse(late)))


@pytest.mark.parametrize("odd", [b'{"type":"thinking","thinking":5}', b'{"type":"thinking","thinking":[{"text":["secret"]}]}', b"torn"])
def test_what_cannot_be_read_is_refused(odd):
    with pytest.raises(ShapingError):
        told(Chat(OMIT, None, "").event(b'data: {"choices":[{"index":0,"delta":{"content":[%b]}}]}\n\n' % odd))


@pytest.mark.parametrize("odd", [b"5", b'["\xff"]', b'[{"type":"thinking"}]', b'[{"type":"thinking","thinking":null}]', b"[]"])
def test_what_holds_no_reasoning_passes(odd):
    frame = b'data: {"choices":[{"index":0,"delta":{"content":%b}}]}\n\n' % odd
    assert told(Chat(OMIT, None, "").event(frame)) == frame


def test_more_than_may_be_held_is_refused():
    with pytest.raises(ShapingError, match="longer"):
        through(Chat(OMIT, a_binder(), ""), [stream([{"content": [thinking("x" * (MOST_HELD // 2))]}] * 3)])
