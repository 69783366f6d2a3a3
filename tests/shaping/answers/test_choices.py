"""Laws of shaped answers in OpenAI's two completion dialects."""

import json
import re
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from proxy.core.rules import Binding
from proxy.core.shaping import NO_LOGPROBS, Knobs, Logprobs, Notice, Plan, Reasoning, Show
from proxy.shaping.answers import CATALOGUE
from proxy.shaping.answers.choices import MOST_CHOICES
from proxy.shaping.base import MOST_HELD, ShapingError
from proxy.shaping.hiding import CHARACTERS
from tests.support.chunks import STREAMS, assembled, delta, events, scripts, sse, through, told
from tests.support.seals import a_binder

DIALECTS = ["openai_chat", "openai_completions"]
KEEP = 1
NOTICE = Notice("degraded", ("reasoning is left out",), "Because.", "ref-1")
FIELDS = ("reasoning", "reasoning_content")

hiding = st.builds(
    lambda show, notice: Plan(reasoning=Reasoning(show, KEEP), bind=True, notice=notice),
    st.sampled_from([Show.OMIT, Show.KEEP, Show.SUMMARY, Show.REWRITE]),
    st.sampled_from([None, NOTICE]),
)
settled = hiding.filter(lambda plan: plan.reasoning.show is not Show.REWRITE)
"""What another model makes of a text, it may make something else of the next time."""
binders = st.sampled_from([a_binder(), a_binder(rules=Binding(restore="never")), None])
_token = re.compile(r"\n?(SGT1[A-Za-z0-9+/=]+)")
_block = re.compile(r"<think>(?:(?!</think>).)*?(SGT1[A-Za-z0-9+/=]+)</think>", re.DOTALL)


def shaper(dialect, plan, binder, anchor="here"):
    return CATALOGUE[dialect](plan, binder, anchor)


def unsealed(binder, token, name):
    return json.loads(bytes(binder.opened(token, "here")[1][name]))


def restored(whole, binder):
    """The answer as the history gives it back to the provider."""
    for choice in whole["choices"]:
        said = choice.get("message", choice)
        for name in FIELDS:
            tokens = _token.findall(said.get(name) or "")
            if tokens:
                said[name] = "".join(unsealed(binder, token, name) for token in tokens)
        for name in ("content", "text"):
            if said.get(name):
                said[name] = _block.sub(lambda match: unsealed(binder, match[1], "think"), said[name])
    return whole


@pytest.mark.parametrize("dialect", DIALECTS)
@given(script=scripts(), plan=hiding, binder=binders, data=st.data())
def test_byte_by_byte_is_all_at_once(dialect, script, plan, binder, data):
    stream = STREAMS[dialect](script).replace(b"\n", data.draw(st.sampled_from([b"\n", b"\r\n", b"\r"])))
    whole = through(shaper(dialect, plan, binder), [stream])
    assert through(shaper(dialect, plan, binder), [stream[at : at + 1] for at in range(len(stream))]) == whole
    cut = data.draw(st.integers(0, len(stream)))
    assert through(shaper(dialect, plan, binder), [stream[:cut], b"", stream[cut:]]) == whole


@pytest.mark.parametrize("dialect", DIALECTS)
@given(script=scripts())
def test_an_empty_plan_changes_no_byte(dialect, script):
    stream = STREAMS[dialect](script)
    assert through(shaper(dialect, Plan(), a_binder()), [stream]) == stream
    body = json.dumps(assembled(stream, dialect)).encode()
    assert told(shaper(dialect, Plan(), None).whole(body)) is body


@pytest.mark.parametrize("dialect", DIALECTS)
@given(script=scripts(), plan=settled, binder=binders)
def test_shaping_twice_is_shaping_once(dialect, script, plan, binder):
    """To the byte, but for what looks like the beginning of a tag: that may be passed on with one frame the first time, and with the
    next one the second time, where it ends what is kept of a block, or a choice that is never finished."""
    stream = STREAMS[dialect](script)
    once = through(shaper(dialect, plan, binder), [stream])
    twice = through(shaper(dialect, plan, binder), [once])
    assert assembled(twice, dialect) == assembled(once, dialect)
    unfinished = {index for index, _, finish in script if finish} < {index for index, _, _ in script}
    assert twice == once or unfinished or plan.reasoning.show is Show.KEEP
    body = told(shaper(dialect, plan, binder).whole(json.dumps(assembled(stream, dialect)).encode()))
    assert told(shaper(dialect, plan, binder).whole(body)) == body


@pytest.mark.parametrize("dialect", DIALECTS)
@given(script=scripts(tags=False), plan=settled, binder=binders)
def test_shaping_twice_is_shaping_once_to_the_byte_where_there_are_no_tags(dialect, script, plan, binder):
    plan = replace(plan, knobs=Knobs(tag=""))
    once = through(shaper(dialect, plan, binder), [STREAMS[dialect](script)])
    assert through(shaper(dialect, plan, binder), [once]) == once


@pytest.mark.parametrize("dialect", DIALECTS)
@given(script=scripts(), plan=hiding)
def test_what_was_hidden_comes_back_byte_for_byte(dialect, script, plan):
    binder = a_binder()
    plain = assembled(STREAMS[dialect](script), dialect)
    streamed = assembled(through(shaper(dialect, plan, binder), [STREAMS[dialect](script)]), dialect)
    whole = json.loads(told(shaper(dialect, plan, binder).whole(json.dumps(plain).encode())))
    for shaped in (streamed, whole):
        assert shaped.pop("stillgate", None) == (None if plan.notice is None else whole_notice())
        assert restored(shaped, binder) == plain


def whole_notice():
    return {"rung": "degraded", "measures": ["reasoning is left out"], "notice": "Because.", "reference": "ref-1"}


@pytest.mark.parametrize("dialect", DIALECTS)
@given(script=scripts(), plan=settled)
def test_shape_then_assemble_is_assemble_then_shape(dialect, script, plan):
    """Without tokens to the letter; with them, what they stand for is (the law above)."""
    stream = STREAMS[dialect](script)
    streamed = assembled(through(shaper(dialect, plan, None), [stream]), dialect)
    whole = told(shaper(dialect, plan, None).whole(json.dumps(assembled(stream, dialect)).encode()))
    assert streamed == json.loads(whole)


@pytest.mark.parametrize("dialect", DIALECTS)
@given(script=scripts(tags=False), plan=settled)
def test_no_reasoning_beyond_the_limit_and_nothing_else_changed(dialect, script, plan):
    plan = Plan(reasoning=plan.reasoning, knobs=Knobs(tag=""))
    stream = STREAMS[dialect](script)
    plain, shaped = assembled(stream, dialect), assembled(through(shaper(dialect, plan, None), [stream]), dialect)
    most = KEEP * CHARACTERS if plan.reasoning.show is Show.KEEP else 0
    for choice in plain["choices"]:
        said = choice.get("message", choice)
        said.update({name: said[name][:most] for name in FIELDS if name in said})
    assert shaped == plain


@pytest.mark.parametrize("dialect", DIALECTS)
@given(script=scripts(), plan=hiding, binder=binders)
def test_every_event_stays_in_its_place(dialect, script, plan, binder):
    """What is put in has nothing but reasoning in it, or what was held of a text; what was there keeps all but that."""
    answer = shaper(dialect, plan, binder)
    for frame in STREAMS[dialect](script).split(b"\n\n")[:-1]:
        out = told(answer.event(frame + b"\n\n"))
        *added, last = out.split(b"\n\n")[:-1]
        if frame == b"data: [DONE]":
            assert last == frame
            continue
        was, now = events(frame)[0], events(last)[0]
        now.pop("stillgate", None)
        assert _bare(now) == _bare(was)
        assert all(each["id"] == was["id"] for each in events(b"\n\n".join(added)))


def _bare(chunk):
    for choice in chunk["choices"]:
        said = choice.get("delta", choice)
        for name in (*FIELDS, "content", "text"):
            assert isinstance(said.pop(name, ""), str)
    return chunk


@pytest.mark.parametrize("dialect", DIALECTS)
@given(data=st.binary(max_size=80))
@example(data=b"{")
@example(data=b'{"choices": 5}')
@example(data=b'{"choices": [null, 3, {"delta": 4, "index": "x"}]}')
@example(data=b"5")
def test_nonsense_passes_as_it_came_or_is_refused(dialect, data):
    frame = b"data: " + data.replace(b"\n", b"").replace(b"\r", b"") + b"\n\n"
    plan = Plan(reasoning=Reasoning(Show.OMIT))
    try:
        assert told(shaper(dialect, plan, None).event(frame)) == frame
    except ShapingError:
        assert dialect
    assert told(shaper(dialect, Plan(notice=NOTICE), None).event(frame)).startswith(b"data: ")


@pytest.mark.parametrize("torn", [b"{torn", b'{"choices":[{"delta":{"content":"x"}}]', b"\xff"])
@pytest.mark.parametrize("plan", [Plan(reasoning=Reasoning(Show.OMIT)), Plan(bind=True), Plan(logprobs=Logprobs(NO_LOGPROBS))])
def test_what_is_no_json_is_refused_under_a_plan_that_hides(plan, torn):
    with pytest.raises(ShapingError):
        told(shaper("openai_chat", plan, a_binder()).event(sse(torn)))


ODD = (b"5", b"[]", b'"secret"', b'["secret"]', b'{"choices": "secret"}', b'{"choices": {"delta": {}}}')


@pytest.mark.parametrize("odd", ODD)
def test_what_is_no_chunk_is_refused_where_something_is_hidden_and_passes_elsewhere(odd):
    for plan in (Plan(reasoning=Reasoning(Show.OMIT)), Plan(logprobs=Logprobs(NO_LOGPROBS))):
        with pytest.raises(ShapingError):
            told(shaper("openai_chat", plan, a_binder()).event(sse(odd)))
    for plan in (Plan(bind=True), Plan(notice=NOTICE)):
        assert told(shaper("openai_chat", plan, a_binder()).event(sse(odd))) == sse(odd)


@pytest.mark.parametrize("data", [b'{"error": {"message": "no"}}', b'{"object": "ping"}', b'{"choices": []}', b'{"choices": null}'])
def test_what_is_not_understood_passes(data):
    assert told(shaper("openai_chat", Plan(reasoning=Reasoning(Show.OMIT), notice=NOTICE), a_binder()).event(sse(data))) == sse(data)


def test_comments_and_empty_events_pass():
    answer = shaper("openai_chat", Plan(reasoning=Reasoning(Show.OMIT)), None)
    for frame in (b": ping\n\n", b"event: x\n\n", b"data:\n\n", b"\n\n", b"data: [DONE]\r\n\r\n"):
        assert told(answer.event(frame)) is frame


def test_a_mark_of_byte_order_hides_nothing():
    answer = shaper("openai_chat", Plan(reasoning=Reasoning(Show.OMIT)), None)
    out = told(answer.event(b"\xef\xbb\xbf" + sse(delta({"reasoning": "secret"}))))
    assert out.startswith(b"\xef\xbb\xbfdata: {")
    assert b"secret" not in out


def test_escapes_hide_nothing():
    answer = shaper("openai_chat", Plan(reasoning=Reasoning(Show.OMIT)), None)
    key = b'data: {"choices":[{"index":0,"delta":{"\\u0072easoning":"secret"}}]}\n\n'
    tag = b'data: {"choices":[{"index":0,"delta":{"content":"\\u003cthink\\u003esecret\\u003c/think\\u003eHi"}}]}\n\n'
    assert b"secret" not in told(answer.event(key))
    assert events(told(answer.event(tag)))[0]["choices"][0]["delta"] == {"content": "Hi"}


@pytest.mark.parametrize("raw", [b"5", b'{"text":"secret"}', b'"\xff"', b'["x"]'])
def test_reasoning_that_cannot_be_read_is_refused(raw):
    with pytest.raises(ShapingError):
        told(
            shaper("openai_chat", Plan(reasoning=Reasoning(Show.OMIT)), None).event(
                b'data: {"choices":[{"delta":{"reasoning":%b}}]}\n\n' % raw
            )
        )


def test_half_a_sign_passes_in_an_answer_and_is_whole_in_a_token():
    binder = a_binder()
    answer = shaper("openai_chat", Plan(reasoning=Reasoning(Show.OMIT)), binder)
    halves = [b'{"choices":[{"index":0,"delta":{"reasoning":"\\ud83d"}}]}', b'{"choices":[{"index":0,"delta":{"reasoning":"\\ude00"}}]}']
    content = sse(b'{"choices":[{"index":0,"delta":{"content":"Hi \\ud83d"}}]}')
    out = b"".join(told(answer.event(each)) for each in [*map(sse, halves), content])
    assert out.endswith(content)
    token = events(out)[2]["choices"][0]["delta"]["reasoning"]
    assert unsealed(binder, token, "reasoning") == "😀"
    body = b'{"choices":[{"message":{"reasoning":"x","content":"Hi \\ud83d"}}]}'
    assert b'"content":"Hi \\ud83d"' in told(shaper("openai_chat", Plan(reasoning=Reasoning(Show.OMIT)), None).whole(body))


def test_more_than_may_be_held_is_refused():
    answer = shaper("openai_chat", Plan(reasoning=Reasoning(Show.OMIT)), a_binder())
    stream = b"".join(sse(delta({"reasoning": "x" * (MOST_HELD // 3)}, index)) for index in range(4))
    with pytest.raises(ShapingError, match="longer"):
        through(answer, [stream])
    forgetful = shaper("openai_chat", Plan(reasoning=Reasoning(Show.OMIT)), None)
    assert b"xx" not in through(forgetful, [stream * 2])


def test_room_is_given_back_as_pieces_end():
    answer = shaper("openai_chat", Plan(reasoning=Reasoning(Show.OMIT)), a_binder())
    for _ in range(3):
        told(answer.event(sse(delta({"reasoning": "x" * (MOST_HELD // 2)}))))
        assert told(answer.event(sse(delta({"content": "y"})))).count(b"data: ") == 2


def test_too_many_choices_are_refused():
    answer = shaper("openai_chat", Plan(reasoning=Reasoning(Show.OMIT)), a_binder())
    stream = b"".join(sse(delta({"content": "x"}, index)) for index in range(MOST_CHOICES + 1))
    with pytest.raises(ShapingError, match="choices"):
        through(answer, [stream])


@pytest.mark.parametrize("body", [b"", b"[]", b"{torn", b'{"choices": 3}', b"{}"])
def test_a_whole_answer_that_is_none_is_refused(body):
    with pytest.raises(ShapingError):
        told(shaper("openai_chat", Plan(reasoning=Reasoning(Show.OMIT)), a_binder()).whole(body))
    assert told(shaper("openai_chat", Plan(notice=NOTICE), a_binder()).whole(body)) is body


def test_an_error_is_an_answer():
    body = b'{"error": {"message": "overloaded"}}'
    assert told(shaper("openai_chat", Plan(reasoning=Reasoning(Show.OMIT)), a_binder()).whole(body)) is body


def test_the_notice_stands_once_in_the_first_chunk_with_choices():
    answer = shaper("openai_chat", Plan(notice=NOTICE), None)
    out = b"".join(told(answer.event(sse(each))) for each in ({"choices": []}, delta({"content": "a"}), delta({"content": "b"})))
    assert [chunk.get("stillgate") for chunk in events(out)] == [None, whole_notice(), None]
    assert list(events(out)[1])[-1] == "stillgate"
