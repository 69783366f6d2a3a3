"""OpenRouter's reasoning details."""

import json

import pytest

from proxy.core.shaping import Plan, Reasoning, Show
from proxy.shaping.answers.openai_chat import Chat
from proxy.shaping.base import ShapingError
from tests.support.chunks import assembled, delta, events, sse, through, told
from tests.support.seals import a_binder

OMIT = Plan(reasoning=Reasoning(Show.OMIT), bind=True)


def entry(text, index=0, **more):
    return {"type": "reasoning.text", "text": text, "format": "anthropic-claude-v1", "index": index, **more}


def unsealed(binder, token, name):
    return json.loads(bytes(binder.opened(token, "here")[1][name]))


CHUNKS = [
    delta({"reasoning_details": [entry("one ")], "reasoning": "one "}),
    delta({"reasoning_details": [entry("thought")], "reasoning": "thought"}),
    delta({"reasoning_details": [{"type": "reasoning.text", "signature": "c2ln", "index": 0}]}),
    delta({"reasoning_details": [entry("another", 1), {"type": "reasoning.encrypted", "data": "ZGF0YQ==", "index": 2}]}),
    delta({"content": "Hi"}),
    delta({}, finish="stop"),
]


def test_each_entry_gets_its_own_tokens():
    binder = a_binder()
    out = through(Chat(OMIT, binder, "here"), [*map(sse, CHUNKS), sse(b"[DONE]")])
    assert len(events(out)) == len(CHUNKS) + 1
    mine = events(out)[4]["choices"][0]["delta"]["reasoning_details"]
    assert [each.keys() for each in mine] == [{"type", "text", "format", "index"}] * 2
    first, second, third = assembled(out)["choices"][0]["message"]["reasoning_details"]
    assert (unsealed(binder, first["text"], "text"), unsealed(binder, first["signature"], "thought_signature")) == ("one thought", "c2ln")
    assert unsealed(binder, second["text"], "text") == "another"
    assert unsealed(binder, third["data"], "thought_signature") == "ZGF0YQ=="


def test_streamed_and_whole_are_the_same():
    plain = b"".join(map(sse, CHUNKS))
    for binder in (a_binder(), None):
        for plan in (OMIT, Plan(reasoning=Reasoning(Show.KEEP, keep=2), bind=True), Plan(reasoning=Reasoning(Show.REWRITE), bind=True)):
            streamed = assembled(through(Chat(plan, binder, "here"), [plain]))
            whole = told(Chat(plan, binder, "here").whole(json.dumps(assembled(plain)).encode()))
            assert json.loads(whole) == streamed


def test_what_is_kept_is_kept_of_all_entries_together():
    plan = Plan(reasoning=Reasoning(Show.KEEP, keep=1))
    body = {"choices": [{"message": {"reasoning_details": [entry("ab"), entry("cdef", 1), entry("gh", 2)]}}]}
    (choice,) = json.loads(told(Chat(plan, None, "").whole(json.dumps(body).encode())))["choices"]
    assert [each["text"] for each in choice["message"]["reasoning_details"]] == ["ab", "cd", ""]


def test_twice_is_once():
    once = through(Chat(OMIT, a_binder(), "here"), [*map(sse, CHUNKS)])
    assert through(Chat(OMIT, a_binder(), "here"), [once]) == once


@pytest.mark.parametrize("raw", [b'"text"', b"{}", b'[{"text": 5}]'])
def test_what_cannot_be_read_is_refused(raw):
    with pytest.raises(ShapingError):
        told(Chat(OMIT, None, "").event(b'data: {"choices":[{"delta":{"reasoning_details":%b}}]}\n\n' % raw))


@pytest.mark.parametrize("raw", [b"[null, 5]", b"[]", b'[{"type":"odd","x":1}]', b"null"])
def test_what_says_nothing_stays(raw):
    frame = b'data: {"choices":[{"delta":{"reasoning_details":%b}}]}\n\n' % raw
    assert told(Chat(OMIT, a_binder(), "").event(frame)) == frame
