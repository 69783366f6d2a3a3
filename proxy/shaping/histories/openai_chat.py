"""Conversations of OpenAI chat completions: one message at a time, what was hidden or bound in it becomes what it was."""

from typing import ClassVar

from proxy.dialects import twins
from proxy.shaping.base import Restored
from proxy.shaping.binding import Binder
from proxy.shaping.edit import EMPTY, Object, Raw, closed, maybe_object, maybe_text, written
from proxy.shaping.histories import parts, plain, signatures
from proxy.shaping.histories.judge import Judge
from proxy.shaping.histories.turns import Said, Turns, content_of, messages_of, role_of

OPAQUE = (b"thought_signature", b"reasoning_details")

STEPS = (plain.fields, plain.details, plain.inline, parts.parts, signatures.signatures)

_TWICE = frozenset({
    "role", "content", "tool_calls", "function_call", "extra_content", "thought_signature", "reasoning_details", *plain.FIELDS,
})  # fmt: skip
_RESULTS = frozenset({"tool", "function"})


class ChatHistory:
    """`POST /chat/completions`."""

    name: ClassVar[str] = "openai_chat"

    def anchor(self, body: bytes) -> str:
        return _turns(body).last

    def restore(self, body: bytes, binder: Binder) -> Restored:
        judge = Judge(binder)
        if judge.concerned(body, OPAQUE):
            body = _restored(body, judge)
        return judge.restored(body)


def tell(message: Object) -> Said | None:
    """A legacy function's result has the function's name only."""
    role = role_of(message)
    if role in _RESULTS:
        return Said(ids=(maybe_text(message.get("tool_call_id")) or maybe_text(message.get("name")) or "",))
    return None if role == "assistant" else content_of(message.get("content"))


def _turns(body: bytes) -> Turns:
    return Turns(messages_of(body, "messages")[1], tell)


def _restored(body: bytes, judge: Judge) -> bytes:
    found, messages = messages_of(body, "messages")
    turns = Turns(messages, tell)
    after = list(messages)
    for place, raw in enumerate(messages):
        if judge.concerned(raw, OPAQUE):
            after[place] = _message(raw, turns.message(place), judge, turns.before(place))
            found = _without_thinking(found, after[place], judge)
    if after == messages and twins.repeated(body, frozenset({"messages"}) & found.keys()) is None:
        return body
    return written(found | {"messages": closed(after)})


def _without_thinking(found: Object, message: Raw, judge: Judge) -> Object:
    """DeepSeek refuses a call whose reasoning is empty (SillyTavern pull 5545), unless it is not to think."""
    said = maybe_object(message) or {}
    dropped = said.get("reasoning_content") == EMPTY and "tool_calls" in said and "thinking_type" in judge.knobs.names
    return found | {"thinking": closed({"type": "disabled"})} if dropped else found


def _message(raw: Raw, message: Object, judge: Judge, anchor: str) -> Raw:
    before = dict(message)
    for step in STEPS if role_of(message) == "assistant" else ():
        step(message, judge, anchor)
    same = message == before and twins.repeated(bytes(raw), _TWICE & message.keys()) is None
    return raw if same else closed(message)
