"""Chat answers: hard cases made by hand, and the official SDK's own accumulator as the oracle."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletionChunk

from proxy.core.rules import Binding
from proxy.core.shaping import NO_LOGPROBS, Knobs, Logprobs, Plan, Reasoning, Show
from proxy.shaping.answers.openai_chat import Chat
from proxy.shaping.base import ShapingError
from proxy.shaping.histories import CATALOGUE as HISTORIES
from tests.support.chunks import as_chat, assembled, delta, events, scripts, sse, through, told
from tests.support.seals import a_binder

OMIT = Plan(reasoning=Reasoning(Show.OMIT))
KEEP = Plan(reasoning=Reasoning(Show.KEEP, keep=1))
CALL = {"tool_calls": [{"index": 0, "id": "t", "type": "function", "function": {"name": "f", "arguments": "{}"}}]}


def stream(*chunks):
    return b"".join(map(sse, chunks)) + sse(b"[DONE]")


def deltas(out):
    return [choice["delta"] for chunk in events(out) for choice in chunk["choices"]]


def shaped(plan, *chunks, binder=None):
    return deltas(through(Chat(plan, binder, "here"), [stream(*chunks)]))


def unsealed(binder, token, name):
    return json.loads(bytes(binder.opened(token, "here")[1][name]))


@given(scripts())
def test_the_official_accumulator_takes_every_stream(script):
    """Tool calls and answer text are what they are without us. (Its first chunk must be of the first choice, or it fails by itself.)"""
    script = [(0, {"role": "assistant", "content": ""}, None), *script]
    plain = _accumulated(as_chat(script))
    for plan in (OMIT, KEEP):
        mine = _accumulated(through(Chat(plan, a_binder(), "here"), [as_chat(script)]))
        assert [_said(choice) for choice in mine.choices] == [_said(choice) for choice in plain.choices]


def _accumulated(streamed):
    state = ChatCompletionStreamState()
    for chunk in events(streamed):
        state.handle_chunk(ChatCompletionChunk.model_validate(chunk))
    return state.current_completion_snapshot


def _said(choice):
    content = choice.message.content or ""
    return choice.index, choice.finish_reason, choice.message.tool_calls, content.lstrip().rpartition("</think>")[2]


@given(st.text(max_size=20), st.sampled_from([" ", "", "\n"]), st.text(max_size=20))
def test_the_answer_is_what_follows_the_block(thought, space, said):
    content = f"<think>{thought.replace('</think>', '')}</think>{space}{said}".replace("</think><think>", "</think>.")
    answer = content.partition("</think>")[2]
    body = json.dumps({"choices": [{"message": {"content": content}}]}).encode()
    if not answer.lstrip().startswith("<think>"):
        assert json.loads(told(Chat(OMIT, None, "").whole(body)))["choices"][0]["message"]["content"] == answer


def test_a_token_is_put_before_the_answer():
    binder = a_binder()
    out = shaped(
        OMIT, delta({"role": "assistant", "content": ""}), delta({"reasoning_content": "I th"}), delta({"reasoning_content": "ink"}),
        delta({"content": "Hi"}), delta({}, finish="stop"), binder=binder,
    )  # fmt: skip
    token = out[3]["reasoning_content"]
    assert out == [
        {"role": "assistant", "content": ""}, {"reasoning_content": ""}, {"reasoning_content": ""}, {"reasoning_content": token},
        {"content": "Hi"}, {},
    ]  # fmt: skip
    assert unsealed(binder, token, "reasoning_content") == "I think"


def test_where_nothing_comes_back_nothing_is_put_in():
    chunks = [delta({"reasoning": "a"}), delta({"content": "Hi"}), delta({}, finish="stop")]
    for binder in (None, a_binder(rules=Binding(restore="never"))):
        assert shaped(OMIT, *chunks, binder=binder) == [{"reasoning": ""}, {"content": "Hi"}, {}]


def test_a_frame_of_ours_is_the_last_reasoning_frames():
    first = delta({"reasoning": "a"}) | {"usage": {"total_tokens": 3}, "system_fingerprint": "fp", "odd": [1]}
    later = delta({"content": "Hi"}) | {"id": "other"}
    mine = events(through(Chat(OMIT, a_binder(), "here"), [stream(first, later)]))[1]
    assert mine.pop("choices")[0].keys() == {"index", "delta", "finish_reason"}
    assert mine == {**{name: value for name, value in first.items() if name != "choices"}, "usage": None}


def test_one_frame_may_end_reasoning_and_answer():
    binder = a_binder()
    out = shaped(OMIT, delta({"reasoning": "a", "content": "Hi"}, finish="stop"), binder=binder)
    assert unsealed(binder, out[0]["reasoning"], "reasoning") == "a"
    assert out[1:] == [{"reasoning": "", "content": "Hi"}]


@pytest.mark.parametrize("end", [CALL, {"refusal": "No."}, {"content": "x"}, {"function_call": {"name": "f"}}])
def test_what_ends_reasoning(end):
    out = shaped(OMIT, delta({"reasoning": "a"}), delta({"content": "", "refusal": None, "tool_calls": []}), delta(end), binder=a_binder())
    assert out[2]["reasoning"].startswith("SGT1")
    assert out[3] == end


@pytest.mark.parametrize("last", [delta({}, finish="length"), None])
def test_reasoning_that_never_ends(last):
    """With a finish reason, with `[DONE]`, or with the stream."""
    chunks = [sse(delta({"reasoning": "a"})), *([sse(last)] if last else [])]
    for end in (sse(b"[DONE]"), b""):
        out = through(Chat(OMIT, a_binder(), "here"), [*chunks, end])
        assert deltas(out)[1]["reasoning"].startswith("SGT1")
        assert out.endswith(end)
        assert out.count(b"[DONE]") == bool(end)


def test_reasoning_that_resumes_after_a_tool_call_has_its_own_token():
    binder = a_binder()
    out = shaped(KEEP, delta({"reasoning": "abcdef"}), delta(CALL), delta({"reasoning": "gh"}), delta({"content": "x"}), binder=binder)
    assert [each.get("reasoning", "")[:4].strip() for each in out] == ["abcd", "SGT1", "", "", "SGT", ""]
    whole = "".join(each.get("reasoning", "") for each in out)
    tokens = whole.removeprefix("abcd").split("\n")
    assert [unsealed(binder, token, "reasoning") for token in tokens] == ["abcdef", "gh"]


def test_a_token_stands_for_all_since_the_one_before():
    """What was shown whole has none: it is in the next one."""
    binder = a_binder()
    out = shaped(KEEP, delta({"reasoning": "ab"}), delta(CALL), delta({"reasoning": "cdef"}), delta({"content": "x"}), binder=binder)
    assert [each.get("reasoning", "")[:4] for each in out] == ["ab", "", "cd", "SGT1", ""]
    assert unsealed(binder, out[3]["reasoning"], "reasoning") == "abcdef"


def test_both_names_in_one_delta_share_a_token():
    binder = a_binder()
    out = shaped(OMIT, delta({"reasoning": "a", "reasoning_content": "a"}), delta({"content": "x"}), binder=binder)
    assert out[1]["reasoning"] == out[1]["reasoning_content"]
    assert {name: unsealed(binder, out[1]["reasoning"], name) for name in out[1]} == {"reasoning": "a", "reasoning_content": "a"}


def test_what_another_model_makes_of_it():
    asked = []
    answer = Chat(Plan(reasoning=Reasoning(Show.REWRITE)), None, "here")
    body = {"choices": [{"message": {"reasoning": "long", "reasoning_content": "long", "content": "<think>in</think> x"}}]}
    out = told(answer.whole(json.dumps(body).encode()), lambda text: asked.append(text) or "short")
    assert json.loads(out)["choices"][0]["message"] == {
        "reasoning": "short", "reasoning_content": "short", "content": "<think>short</think> x",
    }  # fmt: skip
    assert asked == ["long", "in"]
    streamed = shaped(
        Plan(reasoning=Reasoning(Show.REWRITE)), delta({"reasoning": "lo"}), delta({"reasoning": "ng"}), delta({"content": "x"})
    )
    assert streamed == [{"reasoning": ""}, {"reasoning": ""}, {"reasoning": "[4]"}, {"content": "x"}]


def test_parallel_choices_are_each_their_own():
    binder = a_binder()
    out = through(Chat(OMIT, binder, "here"), [stream(
        delta({"reasoning": "a"}, 0), delta({"reasoning": "b"}, 1), delta({"content": "<think>c</think>x"}, 1), delta({"content": "y"}, 0),
        delta({}, 1, "stop"), delta({}, 0, "stop"),
    )])  # fmt: skip
    said = {choice["index"]: choice["message"] for choice in assembled(out)["choices"]}
    assert [unsealed(binder, said[index]["reasoning"], "reasoning") for index in (0, 1)] == ["a", "b"]
    assert said[0]["content"] == "y"
    assert said[1]["content"].endswith("</think>x")


def test_two_choices_in_one_chunk():
    chunk = delta({"reasoning": "a"})
    chunk["choices"].append({"index": 1, "delta": {"content": "b"}, "finish_reason": "stop"})
    assert shaped(OMIT, chunk) == [{"reasoning": ""}, {"content": "b"}]


@pytest.mark.parametrize("cut", range(1, 33))
def test_a_tag_split_over_deltas(cut):
    text = " <think>secret</think>\n\nHi <think>"
    out = shaped(OMIT, delta({"content": text[:cut]}), delta({"content": text[cut:]}), delta({}, finish="stop"))
    assert "".join(each.get("content", "") for each in out) == " \n\nHi <think>"


def test_a_tag_that_is_none_is_flushed():
    assert shaped(OMIT, delta({"content": "<thi"}), delta({}, finish="stop")) == [{"content": ""}, {"content": "<thi"}]
    assert shaped(OMIT, delta({"content": "<thi"}), delta({"content": "s>"})) == [{"content": ""}, {"content": "<this>"}]
    assert shaped(OMIT, delta({"content": " "}), delta({"content": "<thi"}, finish="length")) == [{"content": " "}, {"content": "<thi"}]
    assert shaped(OMIT, delta({"content": "<thi"})) == [{"content": ""}, {"content": "<thi"}]


def test_an_empty_finish_reason_is_none():
    """Some servers send it with every chunk."""
    out = shaped(OMIT, delta({"content": "<think>a"}, finish=""), delta({"content": "b</think>x"}, finish=""), binder=a_binder())
    assert [each["content"][:7] for each in out] == ["", "<think>"]
    assert out[1]["content"].count("SGT1") == 1


def test_a_code_fence_is_answer():
    text = "```xml\n<think>example</think>\n```"
    assert shaped(OMIT, delta({"content": text})) == [{"content": text}]


def test_a_template_that_opens_the_tag():
    plan = Plan(reasoning=OMIT.reasoning, knobs=Knobs(preopened=True))
    assert shaped(plan, delta({"content": "secret</th"}), delta({"content": "ink>\nHi"})) == [{"content": ""}, {"content": "\nHi"}]
    binder = a_binder()
    (_, said) = shaped(plan, delta({"content": "secret</th"}), delta({"content": "ink>\nHi"}), binder=binder)
    token = said["content"].removeprefix("<think>").removesuffix("</think>\nHi")
    assert unsealed(binder, token, "think") == "secret</think>"


def test_an_upstream_that_parts_reasoning_itself_opens_no_tag():
    plan = Plan(reasoning=OMIT.reasoning, knobs=Knobs(preopened=True))
    begun = {"role": "assistant", "content": ""}
    assert shaped(plan, delta({"reasoning": "a"}), delta({"content": "Hi"})) == [{"reasoning": ""}, {"content": "Hi"}]
    assert shaped(plan, delta(begun), delta({"reasoning": "a"}), delta({"content": "Hi"})) == [begun, {"reasoning": ""}, {"content": "Hi"}]


def test_a_block_that_never_closes():
    binder = a_binder()
    out = shaped(KEEP, delta({"content": "<think>secret"}), delta({}, finish="length"), binder=binder)
    assert out[0] == {"content": "<think>secr"}
    assert unsealed(binder, out[1]["content"].removesuffix("</think>"), "think") == "<think>secret"
    assert shaped(KEEP, delta({"content": "<think>secret"}), delta({}, finish="length")) == [{"content": "<think>secr"}, {}]


def test_another_tag_and_none():
    for tag, shown in (("reason", ""), ("", "<reason>a</reason>")):
        plan = Plan(reasoning=OMIT.reasoning, knobs=Knobs(tag=tag))
        assert shaped(plan, delta({"content": "<reason>a</reason>x"})) == [{"content": shown + "x"}]


def test_a_summary_is_shown_where_it_is_the_providers():
    plan = Plan(reasoning=Reasoning(Show.SUMMARY))
    entries = [{"type": "reasoning.summary", "summary": "s", "index": 0}, {"type": "reasoning.text", "text": "t", "index": 1}]
    (out,) = shaped(plan, delta({"reasoning_details": entries, "reasoning": "r"}))
    assert out == {"reasoning_details": [entries[0], {**entries[1], "text": ""}], "reasoning": ""}


def test_a_foreign_token_is_text():
    """Whoever makes the model write one does not get it past us."""
    forged = a_binder().token({}, {}, "elsewhere")
    out = shaped(OMIT, delta({"reasoning": forged}), delta({"reasoning": "SGT1secret"}), delta({"content": "x"}), binder=a_binder())
    assert [each.get("reasoning") for each in out][:2] == ["", ""]


def test_thought_signatures_are_bound_wherever_they_stand():
    binder = a_binder()
    extra = {"google": {"thought_signature": "c2ln", "odd": 1}}
    said = {
        "content": "x", "extra_content": extra, "function_call": {"name": "f", "extra_content": extra},
        "tool_calls": [{"index": 0, "function": {"name": "f", "arguments": "{}", "extra_content": extra}}, {"extra_content": extra}],
    }  # fmt: skip
    (out,) = shaped(Plan(bind=True), delta(said), binder=binder)
    text = json.dumps(out)
    token = out["extra_content"]["google"]["thought_signature"]
    assert text.count(token) == 4
    assert json.loads(text.replace(token, "c2ln")) == said
    assert unsealed(binder, token, "thought_signature") == "c2ln"
    body = json.dumps({"choices": [{"message": said}]}).encode()
    assert told(Chat(Plan(bind=True), binder, "here").whole(body)).count(token.encode()) == 4
    assert shaped(Plan(bind=True), delta(out), binder=binder) == [out]
    assert shaped(Plan(bind=True), delta(said), binder=a_binder(rules=Binding(on=False))) == [said]


def test_a_frame_without_anything_opaque_is_the_same_bytes():
    answer = Chat(Plan(bind=True), a_binder(), "here")
    for each in (delta({"content": "x"}), delta(CALL), delta({"reasoning": "r"}), delta({}, finish="stop")):
        frame = sse(each)
        assert told(answer.event(frame)) is frame


def test_log_probabilities_go_with_the_first_reasoning():
    told_logprobs = {"content": [{"token": "a", "logprob": -0.1, "bytes": [97], "top_logprobs": []}]}
    more = {"logprobs": told_logprobs, "token_ids": [7]}
    chunks = [delta({"content": "<th"}, **more), delta({"content": "ink>a</think>b"}, **more), delta({"content": "c"}, **more)]
    out = events(through(Chat(OMIT, None, ""), [stream(*chunks, delta({"content": "d"}, 1, **more))]))
    assert [(chunk["choices"][0]["logprobs"], chunk["choices"][0]["token_ids"]) for chunk in out] == [
        (None, None), (None, None), (None, None), (told_logprobs, [7]),
    ]  # fmt: skip
    body = {"prompt_logprobs": [None], "prompt_token_ids": [1], "choices": [{"message": {"reasoning": "r", "content": "x"}, **more}]}
    whole = json.loads(told(Chat(OMIT, None, "").whole(json.dumps(body).encode())))
    assert whole == {
        "prompt_logprobs": None, "prompt_token_ids": None,
        "choices": [{"message": {"reasoning": "", "content": "x"}, "logprobs": None, "token_ids": None}],
    }  # fmt: skip


def test_log_probabilities_as_the_plan_says():
    more = {
        "logprobs": {"content": [{"token": "a", "logprob": -0.123, "bytes": None, "top_logprobs": [{"token": "a", "logprob": -0.123}]}]}
    }
    plan = Plan(logprobs=Logprobs(0, 1))
    (out,) = events(through(Chat(plan, None, ""), [sse(delta({"content": "a"}, **more))]))
    assert out["choices"][0]["logprobs"] == {"content": [{"token": "a", "logprob": -0.1, "bytes": None, "top_logprobs": []}]}
    (out,) = events(through(Chat(Plan(logprobs=Logprobs(NO_LOGPROBS)), None, ""), [sse(delta({"content": "a"}, **more))]))
    assert out["choices"][0]["logprobs"] is None


def test_an_error_in_mid_stream_stays_what_it_is():
    error = sse({"error": {"message": "overloaded", "code": 529}})
    out = through(Chat(OMIT, a_binder(), "here"), [sse(delta({"reasoning": "a"})) + error])
    assert error in out


def test_hidden_text_may_be_kept_in_the_store():
    binder = a_binder(rules=Binding(restore="store"))
    out = shaped(OMIT, delta({"reasoning": "a long thought"}), delta({"content": "x"}), binder=binder)
    assert b"a long thought" in next(iter(binder.kept.values()))
    assert unsealed(binder, out[1]["reasoning"], "reasoning") == "a long thought"


def test_a_last_chunk_that_says_it_all_again_is_shaped_as_a_whole_answer():
    last = delta({}, finish="stop", message={"role": "assistant", "reasoning_content": "secret", "content": "<think>secret</think>Hi"})
    out = events(through(Chat(OMIT, None, ""), [stream(delta({"content": "Hi"}), last)]))
    assert out[1]["choices"][0]["message"] == {"role": "assistant", "reasoning_content": "", "content": "Hi"}


def test_what_is_nested_too_deep_is_refused():
    with pytest.raises(ShapingError):
        told(Chat(OMIT, None, "").event(b'data: {"choices":[{"index":0,"x":%b%b}]}\n\n' % (b"[" * 5000, b"]" * 5000)))


@pytest.mark.parametrize(
    "odd", [b'{"index":0}', b'{"index":0,"delta":null}', b"7", b'{"index":0,"delta":{"tool_calls":[5,{"extra_content":6}]}}']
)
def test_odd_choices_pass(odd):
    plan = Plan(reasoning=OMIT.reasoning, bind=True)
    frame = b'data: {"choices":[%b]}\n\n' % odd
    assert told(Chat(plan, a_binder(), "").event(frame)) == frame
    assert told(Chat(Plan(bind=True), a_binder(), "").event(frame)) == frame
    body = b'{"choices":[%b]}' % odd.replace(b"delta", b"message")
    assert told(Chat(plan, a_binder(), "").whole(body)) == body


def test_a_text_that_cannot_be_read_is_refused():
    with pytest.raises(ShapingError):
        told(Chat(OMIT, None, "").event(b'data: {"choices":[{"index":0,"delta":{"content":"\xff"}}]}\n\n'))


def test_what_spells_the_prompt_is_hidden_with_its_reasoning():
    chunk = delta({"role": "assistant"}) | {"prompt_token_ids": [1, 2], "prompt_logprobs": None}
    answer = Chat(Plan(reasoning=OMIT.reasoning, knobs=Knobs(tag="")), None, "")
    told(answer.event(sse(delta({"content": "x"}))))
    (out,) = events(told(answer.event(sse(chunk))))
    assert (out["prompt_token_ids"], out["prompt_logprobs"]) == (None, None)


@given(scripts(), st.sampled_from([Show.OMIT, Show.KEEP, Show.REWRITE]), st.booleans())
def test_the_history_puts_it_all_back(script, show, stored):
    """The next request holds what the provider said, to the byte, whatever the caller was shown of it."""
    binder = a_binder(rules=Binding(on=True, restore="store" if stored else "sealed"))
    history = HISTORIES["openai_chat"]
    ask = {"role": "user", "content": "Why?"}
    anchor = history.anchor(json.dumps({"messages": [ask]}).encode())
    plan = Plan(reasoning=Reasoning(show, keep=1), bind=True)
    streamed = assembled(through(Chat(plan, binder, anchor), [as_chat(script)]))
    for was, now in zip(assembled(as_chat(script))["choices"], streamed["choices"], strict=True):
        sent, made = ({**choice["message"], "role": "assistant"} for choice in (now, was))
        body = json.dumps({"messages": [ask, sent, ask]}).encode()
        assert set(binder.wanted(body)) <= set(binder.kept)
        found = history.restore(body, binder)
        assert found.findings == ()
        assert json.loads(found.body)["messages"] == [ask, made, ask]


@pytest.mark.parametrize(
    "member",
    [{"thinking_blocks": [{"type": "thinking", "thinking": "secret"}]}, {"provider_specific_fields": {"reasoning_content": "secret"}}],
)
def test_what_says_the_reasoning_once_more_says_nothing(member):
    """A proxy before the model (LiteLLM) repeats it in fields of its own."""
    said = {"role": "assistant", "reasoning_content": "secret", **member}
    streamed = through(Chat(OMIT, None, "here"), [stream(delta({**said, "content": None}), delta({"content": "Hi"}, finish="stop"))])
    answer = {"choices": [{"index": 0, "message": {**said, "content": "Hi"}, "finish_reason": "stop"}]}
    whole = told(Chat(OMIT, None, "here").whole(json.dumps(answer).encode()))
    for out in (streamed, whole):
        assert b"secret" not in out
        assert b"Hi" in out
