"""OpenAI's Responses: the laws over generated responses, then the hard ones by hand."""

import json
from copy import deepcopy
from dataclasses import replace

import httpx2
import openai
import pytest
from hypothesis import given

from proxy.core.rules import Binding
from proxy.core.sealing import MARK, Finding
from proxy.core.shaping import Logprobs, Plan, Reasoning, Show
from proxy.dialects.openai_responses import Responses as Dialect
from proxy.shaping.answers.openai_responses import MOST_ITEMS, Responses
from proxy.shaping.base import ShapingError
from tests.support.blocks import NOTICE, WAYS, binders, ends, events_of, frames, plans, reworded, run, streamed
from tests.support.items import part, put_together, responses
from tests.support.seals import a_binder

OMIT = Plan(reasoning=Reasoning(Show.OMIT))
KEEP = Plan(reasoning=Reasoning(Show.KEEP, keep=1))
REWRITE = Plan(reasoning=Reasoning(Show.REWRITE, via="small"))
SUMMARY = Plan(reasoning=Reasoning(Show.SUMMARY))
BIND = Plan(bind=True)
STILL = tuple(way for way in WAYS if way.show is not Show.REWRITE)


def shaped(stream, plan, binder=None, chunks=None):
    return streamed(Dialect(), plan, Responses(plan, binder, "turn"), chunks or [stream])


def whole(response, plan, binder=None):
    return json.loads(run(Responses(plan, binder, "turn").whole(json.dumps(response, separators=(",", ":"), ensure_ascii=False).encode())))


def event(plan, binder=None, **members):
    return events_of(shaped(frames([members]), plan, binder))[0]


def reasoning(response):
    return [item for item in response["output"] if item["type"] == "reasoning"]


def told(item):
    return [each["text"] for member in ("summary", "content") for each in item.get(member, [])]


def held(binder, token, anchor="turn"):
    opened, members = binder.opened(token, anchor)
    assert opened.finding is Finding.HOME
    return {name: json.loads(bytes(value)) for name, value in members.items()}


@given(responses(), plans(), binders(), ends)
def test_byte_by_byte_is_all_at_once(response, plan, binder, end):
    stream = frames(response[1], end)
    assert shaped(stream, plan, binder, [stream[i : i + 1] for i in range(len(stream))]) == shaped(stream, plan, binder)


@given(responses(), binders(), ends)
def test_an_empty_plan_changes_no_byte(response, binder, end):
    stream, body = frames(response[1], end), json.dumps(response[0]).encode()
    assert shaped(stream, Plan(), binder) == stream
    assert run(Responses(Plan(), binder, "").whole(body)) is body


@given(responses(), plans(STILL), binders())
def test_shaping_twice_is_shaping_once(response, plan, binder):
    once = shaped(frames(response[1]), plan, binder)
    assert shaped(once, plan, binder) == once
    body = run(Responses(plan, binder, "turn").whole(json.dumps(response[0]).encode()))
    assert run(Responses(plan, binder, "turn").whole(body)) == body


@given(responses(), plans(), binders())
def test_every_event_tells_the_same_as_the_whole_answer(response, plan, binder):
    """Shaped, then put together by its deltas, its ends or its last snapshot, is put together, then shaped."""
    events = events_of(shaped(frames(response[1]), plan, binder))
    expected = whole(response[0], plan, binder)
    assert events[-1]["response"] == expected
    pieces, done = put_together(events)
    assert done == expected["output"]
    for piece, item in zip(pieces, expected["output"], strict=True):
        if item["type"] == "reasoning":
            rewritten = plan.reasoning.show is Show.REWRITE
            assert told(piece) == ([""] * len(told(item)) if rewritten else told(item))


@given(responses(), plans(), binders())
def test_no_event_is_added_or_lost_and_nothing_else_changes(response, plan, binder):
    """Where texts hold no tags: of an answer that ends as one may begin, the end is told by the whole text only."""
    plan = replace(plan, knobs=replace(plan.knobs, tag=""))
    before, after = deepcopy(response[1]), events_of(shaped(frames(response[1]), plan, binder))
    for event in (*before, *after):
        snapshot = event.get("response", {})
        snapshot.pop("stillgate", None)
        event.pop("obfuscation", None)
        event.pop("logprobs", None)
        parts = [event] if event["type"].startswith("response.reasoning") else []
        parts += [event["part"]] if "part" in event else []
        for item in [event["item"]] if "item" in event else snapshot.get("output", []):
            item.pop("encrypted_content", None)
            parts += [*item.get("summary", []), *item.get("content", [])]
        for each in parts:
            each.pop("logprobs", None)
            if each.get("type") != "output_text":
                each |= {name: "" for name in ("delta", "text") if name in each}
    assert after == before


@given(responses(), plans(), binders())
def test_no_reasoning_beyond_the_limit(response, plan, binder):
    found, way = whole(response[0], plan, binder), plan.reasoning
    for new, old in zip(reasoning(found), reasoning(response[0]), strict=True):
        if way.show is Show.KEEP:
            assert "".join(told(new)) == "".join(told(old))[: way.keep * 4]
        elif way.show is Show.REWRITE:
            assert told(new) == [text and reworded(text) for text in told(old)]
        else:
            hidden = {Show.ALL: (), Show.SUMMARY: ("content",), Show.OMIT: ("summary", "content")}[way.show]
            assert told(new) == told(old | {name: [part("", "") for _ in old.get(name, ())] for name in hidden})


@given(responses(), plans(), binders())
def test_what_was_hidden_or_bound_comes_back_as_it_was(response, plan, binder):
    for new, old in zip(reasoning(whole(response[0], plan, binder)), reasoning(response[0]), strict=True):
        hidden, opaque = told(new) != told(old), old.get("encrypted_content")
        if binder is None or not ((hidden and binder.restores) or (plan.bind and binder.binds and opaque)):
            assert new.get("encrypted_content") == opaque
            continue
        members = held(binder, new.pop("encrypted_content"))
        assert new | members == (old if binder.restores or not hidden else old | {name: new[name] for name in new if name != "id"})
        assert list(members) == [name for name in ("encrypted_content", "summary", "content") if name in members]


@given(responses(), plans())
def test_logprobs_are_the_plans(response, plan):
    out = shaped(frames(response[1]), plan)
    if plan.logprobs.most == -1:
        assert b'"logprob"' not in out
    if plan.logprobs.most == 1:
        assert b"-2.5" not in out
        assert b"-0.123" not in out


@given(responses())
def test_an_honest_blob_is_never_handed_out_when_it_is_bound(response):
    plan, binder = BIND, a_binder()
    for event in events_of(shaped(frames(response[1]), plan, binder)):
        for item in [event["item"]] if "item" in event else event.get("response", {}).get("output", []):
            assert (item.get("encrypted_content") or MARK).startswith(MARK)


def test_the_official_sdk_reads_what_is_left():
    item = {"id": "rs", "type": "reasoning", "summary": [part("summary_text", "secret plan")], "encrypted_content": "blob"}
    said = {"id": "m", "type": "message", "role": "assistant", "status": "completed", "content": [
        {"type": "output_text", "text": "hi", "annotations": [], "logprobs": []}]}  # fmt: skip
    response = {"id": "r", "object": "response", "created_at": 1, "status": "completed", "model": "m", "output": [item, said], "tools": [],
                "parallel_tool_calls": True, "tool_choice": "auto"}  # fmt: skip
    here, there = {"item_id": "rs", "output_index": 0, "summary_index": 0}, {"item_id": "m", "output_index": 1, "content_index": 0}
    events = [
        {"type": "response.created", "response": response | {"output": [], "status": "in_progress"}},
        {"type": "response.output_item.added", "output_index": 0, "item": item | {"summary": []}},
        {"type": "response.reasoning_summary_part.added", **here, "part": part("summary_text", "")},
        {"type": "response.reasoning_summary_text.delta", **here, "delta": "secret plan"},
        {"type": "response.reasoning_summary_text.done", **here, "text": "secret plan"},
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": "response.output_item.added", "output_index": 1, "item": said | {"content": []}},
        {"type": "response.content_part.added", **there, "part": said["content"][0] | {"text": ""}},
        {"type": "response.output_text.delta", **there, "delta": "hi", "logprobs": []},
        {"type": "response.output_item.done", "output_index": 1, "item": said},
        {"type": "response.completed", "response": response},
    ]  # fmt: skip
    binder = a_binder()
    out = shaped(frames([each | {"sequence_number": at} for at, each in enumerate(events)]), OMIT, binder)
    transport = httpx2.MockTransport(lambda request: httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=out))
    with (
        openai.OpenAI(api_key="k", base_url="http://gateway", http_client=httpx2.Client(transport=transport)) as client,
        client.responses.stream(model="m", input="?") as stream,
    ):
        found = stream.get_final_response()
    thought = found.output[0]
    assert (found.output_text, thought.summary[0].text) == ("hi", "")
    assert held(binder, thought.encrypted_content) == {"encrypted_content": "blob", "summary": item["summary"]}


def test_a_list_of_what_went_in_is_bound_to_the_place_of_its_response():
    """Bound to none, its blocks would open behind any question."""
    item = {"type": "reasoning", "summary": [part("summary_text", "secret")], "encrypted_content": "blob"}
    asked = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "?"}]}
    page = {"object": "list", "data": [asked, item], "first_id": "a", "has_more": False}
    binder, plan = a_binder(), Plan(reasoning=OMIT.reasoning, bind=True, notice=NOTICE)
    found = whole(page, plan, binder)
    assert (found["data"][0], list(found)) == (asked, [*page, "stillgate"])
    assert found["data"][1]["summary"] == [part("summary_text", "")]
    token = found["data"][1]["encrypted_content"]
    assert held(binder, token, "turn")["summary"] == item["summary"]
    assert binder.opened(token, "another turn")[0].finding is Finding.ELSEWHERE


def test_a_stream_that_is_taken_up_in_the_middle_shows_nothing_more():
    """Else a caller who goes on from every number in turn would be shown all of it."""
    here = {"output_index": 0, "item_id": "rs", "summary_index": 0}
    added = {"type": "response.output_item.added", "output_index": 0, "item": {"id": "rs", "type": "reasoning", "summary": []}}
    deltas = [{"type": "response.reasoning_summary_text.delta", **here, "delta": piece} for piece in ("ab", "cd", "ef")]
    done = {"type": "response.reasoning_summary_text.done", **here, "text": "abcdef"}
    item = {"type": "response.output_item.done", "output_index": 0, "item": added["item"] | {"summary": [part("summary_text", "abcdef")]}}
    found = events_of(shaped(frames([added, *deltas, done, item]), KEEP))
    assert [each["delta"] for each in found[1:4]] == ["ab", "cd", ""]
    assert (found[4]["text"], told(found[5]["item"])) == ("abcd", ["abcd"])
    found = events_of(shaped(frames([*deltas[1:], done, item]), KEEP))
    assert [each.get("delta", each.get("text")) for each in found[:3]] == ["", "", ""]
    assert told(found[3]["item"]) == ["abcd"]


def test_what_was_shown_of_text_that_came_in_another_order_stays_so():
    item = {"id": "rs", "type": "reasoning", "summary": [part("summary_text", "abc")], "content": [part("reasoning_text", "xyz")]}
    events = [
        {"type": "response.output_item.added", "output_index": 0, "item": {"id": "rs", "type": "reasoning", "summary": []}},
        {"type": "response.reasoning_text.delta", "output_index": 0, "content_index": 0, "delta": "xyz"},
        {"type": "response.reasoning_summary_text.delta", "output_index": 0, "summary_index": 0, "delta": "abc"},
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": "response.completed", "response": {"output": [item]}},
    ]
    found = events_of(shaped(frames(events), KEEP))
    assert [each["delta"] for each in found[1:3]] == ["xyz", "a"]
    assert told(found[3]["item"]) == told(found[4]["response"]["output"][0]) == ["a", "xyz"]


@pytest.mark.parametrize(("kind", "members", "shown"), [
    ("response.reasoning.delta", {"delta": "secret"}, {"delta": ""}),
    ("response.reasoning.delta", {"delta": {"text": "secret", "x": 1}}, {"delta": {"text": "", "x": 1}}),
    ("response.reasoning.done", {"text": "secret"}, {"text": ""}),
    ("response.reasoning_summary.delta", {"delta": {"text": "secret"}}, {"delta": {"text": ""}}),
    ("response.reasoning_summary.done", {"text": "secret"}, {"text": ""}),
    ("response.reasoning_summary_part.added", {"part": part("summary_text", "secret")}, {"part": part("summary_text", "")}),
    ("response.content_part.done", {"part": part("reasoning_text", "secret")}, {"part": part("reasoning_text", "")}),
    ("response.reasoning_to_come.delta", {"delta": "secret"}, {"delta": ""}),
    ("response.reasoning_text.delta", {"delta": "secret", "obfuscation": "abcdef"}, {"delta": "", "obfuscation": ""}),
    ("response.output_item.done", {"item": {"type": "reasoning", "summary": ["secret"], "content": "secret"}},
     {"item": {"type": "reasoning", "summary": [""], "content": ""}}),
    ("response.later", {"item": {"type": "reasoning", "summary": None, "content": [{"text": {"a": "secret"}}, {"x": 1}, None]}},
     {"item": {"type": "reasoning", "summary": None, "content": [{"text": ""}, {"x": 1}, None]}}),
    ("response.queued", {"response": {"output": None, "output_messages": ["secret"], "input_messages": None}},
     {"response": {"output": None, "output_messages": None, "input_messages": None}}),
])  # fmt: skip
def test_every_place_where_reasoning_stands(kind, members, shown):
    for plan in (OMIT, Plan(reasoning=OMIT.reasoning, bind=True)):
        assert event(plan, None, type=kind, sequence_number=3, **members) == {"type": kind, "sequence_number": 3, **shown}


def test_a_summary_is_shown_and_what_it_sums_up_is_not():
    item = {"type": "reasoning", "summary": [part("summary_text", "short")], "content": [part("reasoning_text", "long")]}
    binder = a_binder()
    found = event(SUMMARY, binder, type="response.output_item.done", item=item)["item"]
    assert told(found) == ["short", ""]
    assert held(binder, found["encrypted_content"]) == {"summary": item["summary"], "content": item["content"]}
    for kind, text in (("response.reasoning_summary_text.delta", "x"), ("response.reasoning_text.delta", "")):
        assert event(SUMMARY, type=kind, delta="x")["delta"] == text


def test_text_in_other_words_is_asked_for_once():
    item = {"id": "rs", "type": "reasoning", "summary": [part("summary_text", "secret"), part("summary_text", "")]}
    shaper, asked = Responses(REWRITE, None, ""), []
    for told_event in (
        {"type": "response.reasoning_summary_text.delta", "delta": "secret"},
        {"type": "response.reasoning_summary_text.done", "text": "secret"},
        {"type": "response.output_item.done", "item": item}, {"type": "response.completed", "response": {"output": [item]}},
    ):  # fmt: skip
        step = shaper.event(frames([told_event]))
        try:
            asked.append(next(step).text)
            step.send("in short")
        except StopIteration as done:
            assert b"secret" not in done.value
    assert asked == ["secret"]


def test_a_rewriting_that_fails_shows_nothing():
    step = Responses(REWRITE, None, "").event(frames([{"type": "response.reasoning_text.done", "text": "secret"}]))
    next(step)
    with pytest.raises(StopIteration) as done:
        step.send("")
    assert events_of(done.value.value)[0]["text"] == ""


def test_an_item_that_was_added_is_bound_too():
    binder = a_binder()
    added = event(BIND, binder, type="response.output_item.added", item={"type": "reasoning", "summary": [], "encrypted_content": "part"})
    assert held(binder, added["item"]["encrypted_content"]) == {"encrypted_content": "part"}


@pytest.mark.parametrize("binder", [None, a_binder(), a_binder(rules=Binding(on=True, restore="never"))])
def test_nothing_is_added_where_nothing_is_to_come_back(binder):
    item = {"type": "reasoning", "summary": [], "content": None}
    frame = frames([{"type": "response.output_item.done", "item": item}])
    assert shaped(frame, Plan(reasoning=OMIT.reasoning, bind=True), binder) == frame


def test_half_a_pair_and_no_text_at_all_are_hidden():
    binder = a_binder()
    for text in (b"secret \\ud83d", b"secret \xff"):
        for plan in (OMIT, KEEP, REWRITE):
            delta = b'data: {"type":"response.reasoning_text.delta","delta":"%b"}\n\n' % text
            item = b'data: {"type":"response.output_item.done","item":{"type":"reasoning","summary":[{"text":"%b"}]}}\n\n' % text
            for frame in (delta, item):
                assert b"secret" not in run(Responses(plan, binder, "").event(frame)) or plan is KEEP


@pytest.mark.parametrize("data", [b"{torn", b'{"type":"x"} more', b"nonsense", b"[1"])
def test_nonsense_under_a_plan_is_an_error_and_passes_without_one(data):
    frame = b"data: %b\n\n" % data
    for plan, binder in ((OMIT, None), (BIND, a_binder())):
        with pytest.raises(ShapingError):
            shaped(frame, plan, binder)
        with pytest.raises(ShapingError):
            run(Responses(plan, binder, "").whole(data))
    for plan in (Plan(notice=NOTICE), Plan(bind=True), Plan(logprobs=Logprobs(-1))):
        assert shaped(frame, plan) == frame
        assert run(Responses(plan, None, "").whole(data)) == data


@pytest.mark.parametrize("frame", [
    b": ping\n\n", b"data: [DONE]\n\n", b"data: 5\n\n", b'data: {"type":[]}\n\n',
    b'data: {"type":"response.completed","response":null}\n\n',
    b'event: error\ndata: {"type":"error","code":"x","message":"response.reasoning"}\n\n', b'data: {"type":"keepalive"}\n\n',
    b'data: {"type":"response.output_item.done","item":{"type":"compaction","encrypted_content":"x"}}\n\n',
    b'data: {"type":"response.output_item.done","item":"reasoning","output_index":[]}\n\n',
    b'data: {"type":"response.reasoning_text.delta","delta":""}\n\n', b'data: {"type":"response.reasoning_text.delta","delta":null}\n\n',
    b'data: {"type":"response.output_text.delta", "delta":"reasoning", "logprobs": [ ]}\r\n\r\n',
])  # fmt: skip
def test_what_is_not_understood_passes_as_it_came(frame):
    plan = Plan(reasoning=OMIT.reasoning, bind=True, notice=NOTICE, logprobs=Logprobs(2))
    assert run(Responses(plan, a_binder(), "").event(frame)) is frame


@pytest.mark.parametrize("body", [b'{"id":"r","object":"response.deleted","deleted":true}', b'{"error":{"message":"no"}}'])
def test_what_is_no_response_passes_as_it_came(body):
    assert run(Responses(Plan(reasoning=OMIT.reasoning, notice=NOTICE), None, "").whole(body)) is body


def test_escapes_fool_nobody():
    frame = b'data: {"\\u0074ype":"response.re\\u0061soning_text.delta","d\\u0065lta":"secret"}\n\n'
    assert b"secret" not in shaped(frame, OMIT)


def test_items_are_counted():
    shaper = Responses(KEEP, None, "")
    item = {"type": "response.output_item.added", "item": {"type": "reasoning"}}
    for at in range(MOST_ITEMS):
        run(shaper.event(frames([item | {"output_index": at}])))
    with pytest.raises(ShapingError):
        run(shaper.event(frames([item | {"output_index": MOST_ITEMS}])))
