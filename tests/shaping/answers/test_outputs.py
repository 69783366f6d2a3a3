"""Inline reasoning in the text of a Responses message: the laws over generated answers, then the hard ones by hand."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.rules import Binding
from proxy.core.shaping import Knobs, Plan, Reasoning, Show
from proxy.dialects.openai_responses import Responses as Dialect
from proxy.shaping.answers.openai_chat import Chat
from proxy.shaping.answers.openai_responses import Responses
from proxy.shaping.answers.outputs import MOST_OPEN
from proxy.shaping.base import ShapingError
from proxy.shaping.histories import CATALOGUE as HISTORIES
from tests.support.blocks import events_of, frames, run, streamed
from tests.support.chunks import WORDS, cuts, told
from tests.support.seals import a_binder

OMIT = Plan(reasoning=Reasoning(Show.OMIT))
HISTORY = HISTORIES["openai_responses"]
ASK = {"role": "user", "content": "Why?"}
ANCHOR = HISTORY.anchor(json.dumps({"input": [ASK]}).encode())

plans = st.builds(
    lambda show, preopened: Plan(reasoning=Reasoning(show, 1), knobs=Knobs(preopened=preopened)),
    st.sampled_from([Show.OMIT, Show.KEEP, Show.SUMMARY, Show.REWRITE]),
    st.booleans(),
)
binders = st.sampled_from([a_binder(), a_binder(rules=Binding(restore="never")), None])


@st.composite
def answers(draw):
    """A message's text, and where its deltas are cut."""
    blocks = [f"<think>{draw(WORDS)}</think>{draw(st.sampled_from(['', ' ']))}" for _ in range(draw(st.integers(0, 2)))]
    text = draw(st.sampled_from(["", "\n"])) + "".join(blocks) + draw(st.sampled_from(["", "x"])) + draw(WORDS)
    return text, cuts(draw, text)


def output(text, likely=None):
    return {"type": "output_text", "text": text, "annotations": [], **({} if likely is None else {"logprobs": likely})}


def message(*parts, **more):
    return {"type": "message", "id": "m", "role": "assistant", "content": [*parts], **more}


def response(*items):
    return {"id": "r", "object": "response", "status": "completed", "output": [*items]}


def told_by(text, pieces, likely=None, at=0):
    """The events of one message."""
    here = {"output_index": at, "item_id": "m", "content_index": 0}
    spelled = {} if likely is None else {"logprobs": likely}
    return [
        {"type": "response.output_item.added", "output_index": at, "item": message()},
        {"type": "response.content_part.added", **here, "part": output("", likely and [])},
        *({"type": "response.output_text.delta", **here, "delta": piece, **spelled, "obfuscation": "xy"} for piece in pieces),
        {"type": "response.output_text.done", **here, "text": text, **spelled},
        {"type": "response.content_part.done", **here, "part": output(text, likely)},
        {"type": "response.output_item.done", "output_index": at, "item": message(output(text, likely))},
        {"type": "response.completed", "response": response(message(output(text, likely)))},
    ]


def shaped(plan, binder, events, chunks=None):
    return events_of(streamed(Dialect(), plan, Responses(plan, binder, ANCHOR), chunks or [frames(events)]))


def texts(events):
    """As the deltas, the whole text, the part, the item and the snapshot tell it."""
    *deltas, whole, part, item, last = (each for each in events if "delta" in each or each["type"].endswith((".done", ".completed")))
    joined = "".join(each["delta"] for each in deltas)
    told_items = item["item"], last["response"]["output"][0]
    return [joined, whole["text"], part["part"]["text"], *(each["content"][0]["text"] for each in told_items)]


def as_in_chat(plan, binder, text):
    body = json.dumps({"choices": [{"message": {"content": text}}]}).encode()
    return json.loads(told(Chat(plan, binder, ANCHOR).whole(body)))["choices"][0]["message"]["content"]


@given(answers(), plans, binders)
def test_all_that_tells_a_text_agrees_and_says_what_chat_does(answer, plan, binder):
    text, pieces = answer
    joined, *wholes = texts(shaped(plan, binder, told_by(text, pieces)))
    assert set(wholes) == {as_in_chat(plan, binder, text) if plan.reasoning.show is not Show.REWRITE else wholes[0]}
    assert joined == wholes[0] or wholes[0].startswith(joined)  # what is owed where it breaks off has no event of its own
    whole = json.loads(run(Responses(plan, binder, ANCHOR).whole(json.dumps(response(message(output(text)))).encode())))
    assert whole["output"][0]["content"][0]["text"] == wholes[0]


@given(answers(), plans)
def test_the_deltas_say_it_all_where_an_answer_follows(answer, plan):
    text, pieces = answer
    binder = a_binder()
    text, pieces = text + "</think>y", [*pieces, "</think>y"]
    joined, whole, *_ = texts(shaped(plan, binder, told_by(text, pieces)))
    assert joined == whole


@given(answers(), plans, binders)
def test_cuts_of_bytes_do_not_matter(answer, plan, binder):
    sent = told_by(*answer)
    stream = frames(sent)
    assert shaped(plan, binder, sent, [stream[at : at + 1] for at in range(len(stream))]) == shaped(plan, binder, sent)


@given(answers(), plans)
def test_no_event_is_added_and_nothing_but_the_text_changes(answer, plan):
    before = told_by(*answer)
    after = shaped(plan, a_binder(), before)
    assert [each["type"] for each in after] == [each["type"] for each in before]
    for was, now in zip(before, after, strict=True):
        changed = {name for name in was if was[name] != now[name]}
        assert changed <= {"delta", "obfuscation", "text", "part", "item", "response"}
        assert set(now) == set(was)


@given(answers(), plans, st.booleans())
def test_the_history_puts_it_all_back(answer, plan, stored):
    text, pieces = answer
    binder = a_binder(rules=Binding(on=True, restore="store" if stored else "sealed"))
    shown = shaped(plan, binder, told_by(text, pieces))[-1]["response"]["output"]
    found = HISTORY.restore(json.dumps({"input": [ASK, *shown, ASK]}).encode(), binder)
    assert found.findings == ()
    assert json.loads(found.body)["input"] == [ASK, message(output(text)), ASK]


@given(answers(), plans.filter(lambda plan: plan.reasoning.show is not Show.REWRITE and not plan.knobs.preopened), binders)
def test_shaping_twice_is_shaping_once(answer, plan, binder):
    body = json.dumps(response(message(output(answer[0])))).encode()
    once = run(Responses(plan, binder, ANCHOR).whole(body))
    assert run(Responses(plan, binder, ANCHOR).whole(once)) == once


def test_a_token_stands_in_place():
    binder = a_binder()
    found = shaped(OMIT, binder, told_by("<think>secret</think>\nHi", ["<thi", "nk>secr", "et</think>\n", "Hi"]))
    deltas = [each["delta"] for each in found if "delta" in each]
    assert [deltas[0], deltas[1], deltas[3]] == ["", "", "Hi"]
    token = deltas[2].removeprefix("<think>").removesuffix("</think>\n")
    assert json.loads(bytes(binder.opened(token, ANCHOR)[1]["think"])) == "<think>secret</think>"
    assert [each["obfuscation"] for each in found if "delta" in each] == ["", "", "", "xy"]


def test_log_probabilities_go_with_it():
    likely = [{"token": "a", "logprob": -0.1, "bytes": [97], "top_logprobs": []}]
    found = shaped(OMIT, None, told_by("<think>a</think>Hi", ["<thi", "nk>a</think>", "Hi"], likely))
    assert json.dumps(likely)[1:-1] not in json.dumps(found)
    plain = told_by("Hi <think>", ["Hi", " <think>"], likely)
    assert shaped(OMIT, None, plain) == plain


def test_words_are_asked_for_once():
    shaper, asked = Responses(Plan(reasoning=Reasoning(Show.REWRITE, via="small")), None, ""), []
    for each in told_by("<think>secret</think>Hi", ["<think>secret</think>", "Hi"]):
        step = shaper.event(frames([each]))
        try:
            asked.append(next(step).text)
            step.send("in short")
        except StopIteration as done:
            assert b"secret" not in done.value
    assert asked == ["secret"]


def test_a_server_that_parts_reasoning_itself_opens_no_tag():
    plan = Plan(reasoning=OMIT.reasoning, knobs=Knobs(preopened=True))
    thought = {"type": "reasoning", "summary": []}
    begun = {"type": "response.output_item.added", "output_index": 0, "item": thought}
    rest = told_by("Hi", ["H", "i"], at=1)[:-1]
    sent = [begun, *rest, {"type": "response.completed", "response": response(thought, message(output("Hi")))}]
    assert shaped(plan, None, sent) == sent


def test_a_stream_that_is_taken_up_in_the_middle():
    """Blank until the template's tag closes; any other model's answer passes."""
    _, _, *rest = told_by("<think>secret</think>Hi", ["ret</think>", "Hi"])
    preopened = Plan(reasoning=OMIT.reasoning, knobs=Knobs(preopened=True))
    assert [each["delta"] for each in shaped(preopened, None, rest) if "delta" in each] == ["", "Hi"]
    plain = told_by("Hi there", ["there"])[2:]
    assert shaped(OMIT, None, plain) == plain


@pytest.mark.parametrize("item", [
    message(output("<think>a</think>"), role="user"), message({"type": "input_text", "text": "<think>a</think>"}),
    message(output("x"), output("<think>a</think>")), message({"type": "refusal", "refusal": "<think>a</think>"}),
    {"type": "message", "role": "assistant", "content": "<think>"}, {"type": "function_call", "arguments": "<think>a</think>"},
])  # fmt: skip
def test_what_is_no_answers_beginning_stays(item):
    body = json.dumps(response(item)).encode()
    assert run(Responses(OMIT, a_binder(), "").whole(body)) is body


def test_the_text_that_a_response_tells_once_more():
    body = response(message(output("<think>a</think>Hi"))) | {"output_text": "<think>a</think>Hi"}
    found = json.loads(run(Responses(OMIT, None, "").whole(json.dumps(body).encode())))
    assert (found["output_text"], found["output"][0]["content"][0]["text"]) == ("Hi", "Hi")


@pytest.mark.parametrize("odd", [
    b'{"type":"response.output_text.delta","output_index":0,"delta":5}',
    b'{"type":"response.output_text.done","output_index":0,"text":["<think>"]}',
])  # fmt: skip
def test_what_cannot_be_read_is_refused(odd):
    shaper = Responses(OMIT, None, "")
    run(shaper.event(frames(told_by("Hi", [])[:1])))
    with pytest.raises(ShapingError):
        run(shaper.event(b"data: " + odd + b"\n\n"))


def test_texts_are_counted():
    shaper = Responses(OMIT, None, "")
    for at in range(MOST_OPEN):
        run(shaper.event(frames([{"type": "response.output_item.added", "output_index": at, "item": message()}])))
    with pytest.raises(ShapingError):
        run(shaper.event(frames([{"type": "response.output_item.added", "output_index": MOST_OPEN, "item": message()}])))
