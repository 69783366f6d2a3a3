"""Anthropic's answers: the laws over generated messages, then the hard ones by hand."""

import json
import re

import anthropic
import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.rules import Binding
from proxy.core.sealing import MARK, Finding
from proxy.core.shaping import Knobs, Plan, Reasoning, Show
from proxy.dialects.anthropic_messages import Messages as Dialect
from proxy.shaping.answers.anthropic_messages import MOST_OPEN, Messages
from proxy.shaping.base import MOST_HELD, ShapingError
from tests.support.blocks import (
    NOTICE,
    WAYS,
    assembled,
    binders,
    ends,
    events_of,
    frames,
    messages,
    plans,
    reworded,
    run,
    streamed,
)  # fmt: skip
from tests.support.seals import a_binder

OMIT = Plan(reasoning=Reasoning(Show.OMIT))
REWRITE = Plan(reasoning=Reasoning(Show.REWRITE, via="small"))
BIND = Plan(bind=True)
STILL = tuple(way for way in WAYS if way.show is not Show.REWRITE)


def shaped(stream, plan, binder=None, chunks=None):
    return streamed(Dialect(), plan, Messages(plan, binder, "turn"), chunks or [stream])


def whole(message, plan, binder=None):
    return json.loads(run(Messages(plan, binder, "turn").whole(json.dumps(message, ensure_ascii=False).encode())))


def held(binder, token):
    return {name: bytes(value) for name, value in binder.opened(token, "turn")[1].items()}


def thoughts(message):
    return [block for block in message["content"] if block["type"] == "thinking"]


@given(messages(), plans(), binders(), ends)
def test_byte_by_byte_is_all_at_once(message, plan, binder, end):
    stream = frames(message[1], end)
    assert shaped(stream, plan, binder, [stream[i : i + 1] for i in range(len(stream))]) == shaped(stream, plan, binder)


@given(messages(), binders(), ends)
def test_an_empty_plan_changes_no_byte(message, binder, end):
    stream, body = frames(message[1], end), json.dumps(message[0]).encode()
    assert shaped(stream, Plan(), binder) == stream
    assert run(Messages(Plan(), binder, "").whole(body)) is body


@given(messages(), plans(STILL), binders())
def test_shaping_twice_is_shaping_once(message, plan, binder):
    once = shaped(frames(message[1]), plan, binder)
    assert shaped(once, plan, binder) == once
    body = run(Messages(plan, binder, "turn").whole(json.dumps(message[0]).encode()))
    assert run(Messages(plan, binder, "turn").whole(body)) == body


@given(messages(), plans(), binders(), ends)
def test_shaped_then_assembled_is_assembled_then_shaped(message, plan, binder, end):
    stream = frames(message[1], end)
    assert assembled(shaped(stream, plan, binder)) == whole(assembled(stream), plan, binder)
    assert list(whole(message[0], plan, binder)) == [*message[0], *(["stillgate"] if plan.notice else [])]


@given(messages(), plans(), binders())
def test_no_reasoning_beyond_the_limit_and_nothing_else_changed(message, plan, binder):
    found = whole(message[0], plan, binder)
    assert found.pop("stillgate", None) == (plan.notice and {"rung": "degraded", "measures": ["reasoning is left out"],
        "notice": "Why, and what to do.", "reference": "r-1"})  # fmt: skip
    for new, old in zip(thoughts(found), thoughts(message[0]), strict=True):
        way, text = plan.reasoning, old["thinking"]
        summary = text if way.show is Show.SUMMARY and plan.knobs.names else ""
        rewritten = reworded(text) if text else ""
        shown = {Show.ALL: text, Show.KEEP: text[: way.keep * 4], Show.SUMMARY: summary, Show.REWRITE: rewritten, Show.OMIT: ""}
        assert new["thinking"] == shown[way.show]
    for block in (*found["content"], *message[0]["content"]):
        for name in {"thinking": ("thinking", "signature"), "redacted_thinking": ("data",)}.get(block["type"], ()):
            block[name] = ""
    assert found == message[0]


@given(messages(), plans(), binders())
def test_every_event_stays_and_every_block_that_opens_closes(message, plan, binder):
    before, after = events_of(frames(message[1])), events_of(shaped(frames(message[1]), plan, binder))
    rest, opened, added = list(before), None, 0
    for event in after:
        if rest and (event["type"], event.get("index"), event.get("delta", {}).get("type")) == (
            rest[0]["type"], rest[0].get("index"), rest[0].get("delta", {}).get("type"),
        ):  # fmt: skip
            rest.pop(0)
        else:
            added += 1
            assert event["type"] == "content_block_delta"
        if event["type"] == "content_block_start":
            opened = event["index"]
        if event["type"] in {"content_block_delta", "content_block_stop"}:
            assert event["index"] == opened
    assert rest == []
    assert added <= 2 * len(thoughts(message[0]))
    assert [event["type"] for event in after].count("message_stop") == 1


@given(messages(), plans(), binders())
def test_what_was_hidden_or_bound_comes_back_as_it_was(message, plan, binder):
    found = assembled(shaped(frames(message[1]), plan, binder))
    for new, old in zip(found["content"], message[0]["content"], strict=True):
        name = {"thinking": "signature", "redacted_thinking": "data"}.get(old["type"])
        token = new[name] if name else ""
        hidden = old["type"] == "thinking" and old["thinking"] != new["thinking"]
        if binder is None or not ((hidden and binder.restores) or (plan.bind and binder.binds and old.get(name))):
            assert token == (old[name] if name else "")
            continue
        opened, members = binder.opened(token, "turn")
        assert opened.finding is Finding.HOME
        restored = new | {name: json.loads(bytes(value)) for name, value in members.items()}
        assert restored == (old if binder.restores else old | {"thinking": new["thinking"]} if hidden else old)


def a_thought(*deltas, start=None):
    start = {"type": "thinking", "thinking": "", "signature": ""} | (start or {})
    blocks = [{"type": "content_block_start", "index": 0, "content_block": start}]
    blocks += [{"type": "content_block_delta", "index": 0, "delta": delta} for delta in deltas]
    return frames([{"type": "message_start", "message": {"id": "m", "content": [], "usage": {}}}, *blocks,
                   {"type": "content_block_stop", "index": 0}])  # fmt: skip


def think(text):
    return {"type": "thinking_delta", "thinking": text}


def sign(text):
    return {"type": "signature_delta", "signature": text}


def test_the_official_sdk_reads_what_is_left():
    stream = a_thought(think("secret "), think("plan"), sign("c2ln")) + frames([
        {"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "hi"}},
        {"type": "content_block_stop", "index": 1},
        {"type": "message_delta", "delta": {"stop_reason": "refusal", "stop_sequence": None,
                                            "stop_details": {"type": "refusal", "category": "cyber", "explanation": None}},
         "usage": {"output_tokens": 5}},
        {"type": "message_stop"},
    ])  # fmt: skip
    plan, binder = Plan(reasoning=Reasoning(Show.REWRITE, via="small"), notice=NOTICE), a_binder()
    out = shaped(stream, plan, binder)
    transport = httpx2.MockTransport(lambda request: httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=out))
    with (
        anthropic.Anthropic(api_key="k", base_url="http://gateway", http_client=httpx2.Client(transport=transport)) as client,
        client.messages.stream(model="m", max_tokens=9, messages=[{"role": "user", "content": "?"}]) as told,
    ):
        message = told.get_final_message()
    thought, said = message.content
    assert (thought.thinking, said.text, message.stop_reason) == (reworded("secret plan"), "hi", "refusal")
    assert message.stop_details.category == "cyber"
    assert held(binder, thought.signature) == {"signature": b'"c2ln"', "thinking": b'"secret plan"'}
    assert message.stillgate["rung"] == "degraded"


def test_a_summary_is_shown_where_the_model_was_asked_for_it():
    stream, summary = a_thought(think("in short"), sign("c2ln")), Reasoning(Show.SUMMARY)
    knows = Plan(reasoning=summary, knobs=Knobs(frozenset({"display"})))
    assert shaped(stream, knows, a_binder()) == stream
    assert b"in short" not in shaped(stream, Plan(reasoning=summary), None)


def test_a_block_without_a_signature_is_given_one_only_where_its_text_must_come_back():
    stream = a_thought(think("secret"))
    binder = a_binder()
    *_, delta, stop = events_of(shaped(stream, OMIT, binder))
    assert (delta["index"], delta["delta"]["type"], stop["type"]) == (0, "signature_delta", "content_block_stop")
    assert held(binder, delta["delta"]["signature"]) == {"signature": b'""', "thinking": b'"secret"'}
    for other in (None, a_binder(rules=Binding(on=True, restore="never"))):
        assert len(events_of(shaped(stream, OMIT, other))) == len(events_of(stream))


def test_a_signature_that_comes_early_is_replaced_when_more_text_was_hidden():
    """Nobody does so; a text that is hidden and lost would cost the caller its next turn."""
    binder = a_binder(rules=Binding(on=False))
    for stream in (a_thought(think("all of it"), start={"signature": "c2ln"}), a_thought(sign("c2ln"), think("all of it"))):
        signature = assembled(shaped(stream, OMIT, binder) + frames([{"type": "message_stop"}]))["content"][0]["signature"]
        assert held(binder, signature) == {"signature": b'"c2ln"', "thinking": b'"all of it"'}


def test_text_and_signature_in_the_start_of_a_block():
    binder = a_binder()
    out = shaped(a_thought(start={"thinking": "secret", "signature": "c2ln"}), Plan(reasoning=OMIT.reasoning, bind=True), binder)
    assert b"secret" not in out
    assert b"c2ln" not in out
    assert held(binder, events_of(out)[1]["content_block"]["signature"])["thinking"] == b'"secret"'


def test_text_in_the_start_of_a_block_that_has_no_signature_yet():
    binder = a_binder()
    events = events_of(shaped(a_thought(think("more"), start={"thinking": "secret and "}), OMIT, binder))
    assert events[1]["content_block"] == {"type": "thinking", "thinking": "", "signature": ""}
    assert held(binder, events[-2]["delta"]["signature"]) == {"signature": b'""', "thinking": b'"secret and more"'}


def test_a_block_that_knows_no_signature():
    binder, thought = a_binder(), {"type": "thinking", "thinking": "secret"}
    found = whole({"content": [thought]}, OMIT, binder)["content"][0]
    assert held(binder, found["signature"]) == {"thinking": b'"secret"'}
    start = frames([{"type": "content_block_start", "index": 0, "content_block": thought}, {"type": "content_block_stop", "index": 0}])
    assert events_of(shaped(start, OMIT, binder))[1]["delta"]["signature"] == found["signature"]


def test_blocks_that_are_closed_are_forgotten():
    shaper, stream = Messages(OMIT, a_binder(), ""), a_thought(think("x" * 65536), sign("c2ln"))
    for at in range(MOST_OPEN + 1):
        for frame in re.findall(b".+?\n\n", stream.replace(b'"index":0', b'"index":%d' % at), re.DOTALL):
            assert b"xx" not in run(shaper.event(frame))


def test_a_delta_of_a_block_that_never_began_is_hidden_all_the_same():
    frame = frames([{"type": "content_block_delta", "index": 7, "delta": think("secret")}])
    assert b"secret" not in shaped(frame, OMIT)


def test_a_message_start_that_holds_thinking():
    start = frames([{"type": "message_start", "message": {"content": [{"type": "thinking", "thinking": "secret", "signature": "s"}]}}])
    assert events_of(shaped(start, OMIT))[0]["message"]["content"] == [{"type": "thinking", "thinking": "", "signature": "s"}]


def test_escapes_fool_nobody():
    frame = b'data: {"\\u0074ype":"content_block_\\u0064elta","index":0,"delta":{"type":"thin\\u006bing_delta","thinking":"secret"}}\n\n'
    assert b"secret" not in shaped(frame, OMIT)
    signature = b'data: {"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"\\u0053GT1abc"}}\n\n'
    assert shaped(signature, BIND, a_binder()) == signature


def test_an_emoji_that_a_stream_cuts_in_two():
    """Half a surrogate pair is JSON; a text that nothing hides passes as it came."""
    halves = [b'{"type":"content_block_delta","index":%d,"delta":{"type":"%b","%b":"\\%b"}}' % (0, kind, name, half)
              for kind, name in ((b"text_delta", b"text"), (b"thinking_delta", b"thinking")) for half in (b"ud83d", b"ude00")]  # fmt: skip
    said, thought = (b"".join(b"data: %b\n\n" % half for half in pair) for pair in (halves[:2], halves[2:]))
    assert shaped(said, OMIT, a_binder()) == said
    assert shaped(thought, BIND, a_binder()) == thought
    stop = b'data: {"type":"content_block_stop","index":0}\n\n'
    binder = a_binder()
    *pieces, delta, _ = events_of(shaped(thought + stop, OMIT, binder))
    assert [event["delta"]["thinking"] for event in pieces] == ["", ""]
    assert json.loads(held(binder, delta["delta"]["signature"])["thinking"]) == "\U0001f600"


@pytest.mark.parametrize(
    "data", [b"{torn", b'{"type":"x"} more', b"nonsense", b"[1", b'{"type":"ping","x":"\x01"}', b'{"type":"ping","x":NaN}', b"[" * 100_000]
)
def test_nonsense_under_a_plan_is_an_error_and_passes_without_one(data):
    frame = b"data: %b\n\n" % data
    for plan, binder in ((OMIT, None), (BIND, a_binder())):
        with pytest.raises(ShapingError):
            shaped(frame, plan, binder)
        with pytest.raises(ShapingError):
            run(Messages(plan, binder, "").whole(data))
    for plan in (Plan(notice=NOTICE), Plan(bind=True)):
        assert shaped(frame, plan) == frame
        assert run(Messages(plan, None, "").whole(data)) == data


@pytest.mark.parametrize("frame", [
    b": ping\n\n", b"data: [DONE]\n\n", b"data:\n\n", b"event: x\n\n", b"data: 5\r\n\r\n", b"data: [1,2]\n\n", b'data: {"type":[]}\n\n',
    b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"thinking"}}\n\n',
    b'data: {"type":"content_block_delta","index":0,"delta":"thinking_delta"}\n\n', b'data: {"type":"content_block_delta"}\n\n',
    b'data: {"type":"content_block_start","index":0,"content_block":null}\n\n', b'data: {"type":"content_block_stop"}\n\n',
    b'data: {"type":"message_start","message":null}\n\n', b'data: {"type":"message_start"}\n\n', b'data: {}\n\n',
    b'data: {"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":null}}\n\n',
    b'data: {"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":""}}\n\n',
    b'data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"\xff"}}\n\n',
])  # fmt: skip
def test_what_is_not_understood_passes_as_it_came(frame):
    plan = Plan(reasoning=OMIT.reasoning, bind=True, notice=NOTICE)
    assert run(Messages(plan, a_binder(), "").event(frame)) is frame


@pytest.mark.parametrize("body", [b'{"input_tokens": 5}', b'{"type":"error","error":{"message":"no"}}'])
def test_a_count_of_tokens_and_an_error_pass_as_they_came(body):
    assert run(Messages(Plan(reasoning=OMIT.reasoning, notice=NOTICE), None, "").whole(body)) is body


def test_other_lines_of_a_frame_stay():
    frame = b'id: 7\r\n: note\r\nevent: content_block_delta\r\ndata: {"type":"content_block_delta","index":0,\r\n' \
        b'data: "delta":{"type":"thinking_delta","thinking":"secret", "estimated_tokens": 5}}\r\nretry: 3\r\n\r\n'  # fmt: skip
    out = shaped(frame, OMIT)
    assert out.startswith(b"id: 7\r\n: note\r\nevent: content_block_delta\r\ndata: {")
    assert out.endswith(b"}\r\nretry: 3\r\n\r\n")
    assert events_of(out)[0]["delta"] == {"type": "thinking_delta", "thinking": "", "estimated_tokens": 5}


@pytest.mark.parametrize("text", [b'"secret \xff"', b'["secret"]', b'{"text":"secret"}'])
def test_thinking_that_cannot_be_read_is_an_error_where_it_is_hidden(text):
    frame = b'data: {"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":%b}}\n\n' % text
    with pytest.raises(ShapingError):
        run(Messages(OMIT, None, "").event(frame))
    assert run(Messages(BIND, a_binder(), "").event(frame)) is frame


def test_a_block_without_an_index():
    stream = a_thought(think("secret"), sign("c2ln")).replace(b'"index":0,', b"").replace(b',"index":0', b"")
    assert b"index" not in stream
    out = shaped(stream, REWRITE, a_binder())
    assert [event.get("delta", {}).get("thinking") for event in events_of(out)] == [None, None, "", reworded("secret"), None, None]


def test_a_stream_that_breaks_off_in_a_thought_is_owed_nothing():
    stream = a_thought(think("secret")).rsplit(b"event:", 1)[0]
    out = shaped(stream, REWRITE, a_binder())
    assert len(events_of(out)) == len(events_of(stream))
    assert b"secret" not in out


def test_what_is_held_is_bounded():
    delta, shaper = frames([{"type": "content_block_delta", "index": 0, "delta": think("x" * 65536)}]), Messages(OMIT, a_binder(), "")
    for _ in range(MOST_HELD // 65536):
        run(shaper.event(delta))
    with pytest.raises(ShapingError):
        run(shaper.event(delta))
    unheld = Messages(OMIT, None, "")
    for _ in range(MOST_HELD // 65536 + 1):
        run(unheld.event(delta))


@pytest.mark.parametrize(("size", "fits", "binder"), [(65536, MOST_HELD // 65536, a_binder()), (1, MOST_OPEN, None)])
def test_blocks_that_are_never_closed_are_bounded_together(size, fits, binder):
    shaper = Messages(OMIT, binder, "")
    deltas = [frames([{"type": "content_block_delta", "index": at, "delta": think("x" * size)}]) for at in range(fits + 1)]
    for delta in deltas[:-1]:
        run(shaper.event(delta))
    with pytest.raises(ShapingError):
        run(shaper.event(deltas[-1]))


@given(st.data())
def test_an_honest_signature_is_never_handed_out_when_it_is_bound(data):
    whole_message, events = data.draw(messages())
    out = shaped(frames(events), BIND, a_binder())
    for block in assembled(out)["content"]:
        value = block.get("signature") or block.get("data") or MARK
        assert value.startswith(MARK)
    assert len(events_of(out)) == len(events_of(frames(events)))
    assert len(assembled(out)["content"]) == len(whole_message["content"])
