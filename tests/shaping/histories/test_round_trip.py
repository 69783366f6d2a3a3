"""What the answers' shapers hand out, sent back as an SDK does, is what the provider made: whole, for every way of showing less."""

import json
from collections.abc import Generator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.rules import Binding
from proxy.core.sealing import MARK
from proxy.core.shaping import Plan, Reasoning, Show
from proxy.shaping.answers import CATALOGUE as ANSWERS
from proxy.shaping.base import Held
from proxy.shaping.binding import Binder
from proxy.shaping.histories import CATALOGUE as HISTORIES
from tests.support.seals import a_binder

ASK = {"role": "user", "content": "add"}

thoughts = st.text('ab é\n/\\"+<>', min_size=1, max_size=40)
shows = st.builds(Reasoning, show=st.sampled_from(Show), keep=st.integers(0, 6), via=st.just("other"))


def finished(step: Generator[Held, str, bytes]) -> bytes:
    """With another model that says little."""
    try:
        next(step)
        while True:
            step.send("in other words")
    except StopIteration as end:
        return end.value


def shaped(name: str, plan: Plan, binder: Binder, answer: dict[str, Any], question: bytes) -> dict[str, Any]:
    anchor = HISTORIES[name].anchor(question)
    return json.loads(finished(ANSWERS[name](plan, binder, anchor).whole(json.dumps(answer).encode())))


def binders(bind: bool) -> tuple[Binder, Binder]:
    return a_binder(rules=Binding(on=bind)), a_binder(rules=Binding(on=bind))


def check(name: str, shown: list[Any], made: list[Any], member: str, binder: Binder) -> None:
    more = {"role": "user", "content": "more"}
    restored = HISTORIES[name].restore(json.dumps({member: [ASK, *shown, more]}).encode(), binder)
    assert restored.findings == ()
    assert json.loads(restored.body)[member] == [ASK, *made, more]


@given(thought=thoughts, wanted=shows, bind=st.booleans(), signature=st.sampled_from(["sig+/=", None]))
def test_anthropic_messages(thought, wanted, bind, signature):
    name, (out, back) = "anthropic_messages", binders(bind)
    block = {"type": "thinking", "thinking": thought} | ({} if signature is None else {"signature": signature})
    content = [block, {"type": "redacted_thinking", "data": "red"}, {"type": "text", "text": "3"}]
    answer = {"type": "message", "role": "assistant", "content": content}
    question = json.dumps({"messages": [ASK]}).encode()
    after = shaped(name, Plan(reasoning=wanted, bind=bind), out, answer, question)
    assert wanted.show is not Show.OMIT or thought not in [block.get("thinking") for block in after["content"]]
    check(name, [{"role": "assistant", "content": after["content"]}], [{"role": "assistant", "content": content}], "messages", back)


@given(
    thought=thoughts,
    wanted=shows,
    bind=st.booleans(),
    place=st.sampled_from(["reasoning", "reasoning_content", "both", "inline", "details"]),
)
def test_openai_chat(thought, wanted, bind, place):
    name, (out, back) = "openai_chat", binders(bind)
    inner = thought.replace("<", "")
    reasoning = {
        "reasoning": {"reasoning": thought}, "reasoning_content": {"reasoning_content": thought},
        "both": {"reasoning": thought, "reasoning_content": thought}, "inline": {"content": f"<think>{inner}</think>\n\n3"},
        "details": {"reasoning_details": [{"type": "reasoning.text", "text": thought, "signature": "sig+/=", "index": 0}]},
    }[place]  # fmt: skip
    call = {"id": "c", "type": "function", "function": {"name": "f"}, "extra_content": {"google": {"thought_signature": "g+/="}}}
    message = {"role": "assistant", "content": "3", "tool_calls": [call]} | reasoning
    answer = {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
    question = json.dumps({"messages": [ASK]}).encode()
    after = shaped(name, Plan(reasoning=wanted, bind=bind), out, answer, question)
    check(name, [after["choices"][0]["message"]], [message], "messages", back)


@given(thought=thoughts, wanted=shows, bind=st.booleans(), opaque=st.booleans())
def test_openai_responses(thought, wanted, bind, opaque):
    name, (out, back) = "openai_responses", binders(bind)
    item: dict[str, Any] = {"type": "reasoning", "id": "rs", "summary": [{"type": "summary_text", "text": thought}]}
    item |= {"content": [{"type": "reasoning_text", "text": thought}]} | ({"encrypted_content": "enc+/="} if opaque else {})
    output = [item, {"type": "message", "id": "msg", "role": "assistant", "content": [{"type": "output_text", "text": "3"}]}]
    question = json.dumps({"input": [ASK]}).encode()
    after = shaped(name, Plan(reasoning=wanted, bind=bind), out, {"object": "response", "output": output}, question)
    check(name, after["output"], output, "input", back)


@pytest.mark.parametrize("name", ["anthropic_messages", "openai_chat", "openai_responses"])
def test_nothing_is_handed_out_where_nothing_is_hidden_or_bound(name):
    answer = {"content": [], "choices": [], "output": [{"type": "reasoning", "summary": [], "encrypted_content": "enc"}]}
    after = shaped(name, Plan(), a_binder(rules=Binding()), answer, b"{}")
    assert MARK not in json.dumps(after)
