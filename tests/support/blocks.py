"""Answers made of blocks, as both dialects that have them stream them: what is generated, drives a shaper, or puts one together."""

import json
from collections.abc import Iterable
from typing import Any

from anthropic import NOT_GIVEN
from anthropic._models import construct_type
from anthropic.lib.streaming._messages import accumulate_event
from anthropic.types import RawMessageStreamEvent
from hypothesis import strategies as st

from proxy.core.rules import Binding
from proxy.core.shaping import Knobs, Logprobs, Notice, Plan, Reasoning, Show
from proxy.dialects.base import Dialect, Tally
from proxy.dialects.sse import data_of
from proxy.shaping.base import AnswerShaper, Shaped
from proxy.shaping.binding import Binder
from proxy.shaping.framing import Framer
from proxy.shaping.stream import Shaper
from tests.support.seals import a_binder

NOTICE = Notice("degraded", ("reasoning is left out",), "Why, and what to do.", "r-1")
WAYS = (
    Reasoning(), Reasoning(Show.KEEP, keep=0), Reasoning(Show.KEEP, keep=2), Reasoning(Show.SUMMARY), Reasoning(Show.REWRITE, via="small"),
    Reasoning(Show.OMIT),
)  # fmt: skip

words = st.text(alphabet='abc "\\\n\u00e9\u20ac\U0001f600<>{}:', max_size=12)
texts = st.lists(words, max_size=5)
opaque = st.text(alphabet="ABCxyz019+/=", min_size=1, max_size=24).filter(lambda text: not text.startswith("SGT1"))
ends = st.sampled_from(["\n", "\r\n", "\r"])


@st.composite
def plans(draw: st.DrawFn, ways: tuple[Reasoning, ...] = WAYS) -> Plan:
    logprobs = st.sampled_from([Logprobs(), Logprobs(-1), Logprobs(1, decimals=1)])
    knobs = draw(st.sampled_from([Knobs(), Knobs(frozenset({"display"}))]))
    return Plan(
        reasoning=draw(st.sampled_from(ways)), logprobs=draw(logprobs), bind=draw(st.booleans()),
        notice=draw(st.sampled_from([None, NOTICE])), knobs=knobs,
    )  # fmt: skip


def binders() -> st.SearchStrategy[Binder | None]:
    made = st.builds(lambda on, restore: a_binder(rules=Binding(on=on, restore=restore)), st.booleans(), st.sampled_from(RESTORES))
    return st.one_of(st.none(), made)


RESTORES = ("sealed", "store", "never")


def reworded(text: str) -> str:
    """What the other model makes of it."""
    return f"in short: {len(text)}"


def run(step: Shaped) -> bytes:
    """A step to its end, with every text it asks for."""
    try:
        held = next(step)
        while True:
            held = step.send(reworded(held.text))
    except StopIteration as done:
        return done.value


def driven(shaper: Shaper, chunks: Iterable[bytes]) -> bytes:
    out = []
    for chunk in [*chunks, None]:
        out.append(shaper.close() if chunk is None else shaper.feed(chunk))
        while shaper.held is not None:
            out.append(shaper.resume(reworded(shaper.held.text)))
        if shaper.failed is not None:
            raise shaper.failed
    return b"".join(out)


def streamed(dialect: Dialect, plan: Plan, answer: AnswerShaper, chunks: Iterable[bytes]) -> bytes:
    return driven(Shaper(dialect, plan, Tally(), answer), chunks)


def frames(events: Iterable[dict[str, Any] | str], end: str = "\n") -> bytes:
    """A text is a frame as it stands."""
    return b"".join(each.encode() if isinstance(each, str) else _frame(each, end) for each in events)


def _frame(event: dict[str, Any], end: str) -> bytes:
    return f"event: {event['type']}{end}data: {json.dumps(event, separators=(',', ':'), ensure_ascii=False)}{end}{end}".encode()


def events_of(stream: bytes) -> list[dict[str, Any]]:
    """All that a stream says, comments aside; a torn end is a mistake."""
    framer = Framer()
    _, found = framer.feed(stream)
    assert framer.empty
    return [json.loads(data) for frame in found if (data := data_of(frame))]


@st.composite
def messages(draw: st.DrawFn) -> tuple[dict[str, Any], list[dict[str, Any] | str]]:
    """A message of Anthropic's, and the events that stream it."""
    blocks = draw(st.lists(st.one_of(_thoughts(), _redacted(), _said(), _called()), max_size=5))
    head = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [], "stop_reason": None, "stop_sequence": None,
            "usage": {"input_tokens": 3, "output_tokens": 1}}  # fmt: skip
    events: list[dict[str, Any] | str] = [{"type": "message_start", "message": head}]
    for index, (start, deltas, _) in enumerate(blocks):
        events.append({"type": "content_block_start", "index": index, "content_block": start})
        events += [draw(st.sampled_from([": ping\n\n", 'event: ping\ndata: {"type": "ping"}\n\n']))] if draw(st.booleans()) else []
        events += [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
        events.append({"type": "content_block_stop", "index": index})
    ending = draw(st.sampled_from(["end_turn", "tool_use", "refusal", "pause_turn", "max_tokens"]))
    events += [{"type": "message_delta", "delta": {"stop_reason": ending, "stop_sequence": None}, "usage": {"output_tokens": 9}},
               {"type": "message_stop"}]  # fmt: skip
    whole = head | {"content": [block for _, _, block in blocks], "stop_reason": ending, "usage": {"input_tokens": 3, "output_tokens": 9}}
    return whole, events


@st.composite
def _thoughts(draw: st.DrawFn) -> tuple[Any, ...]:
    pieces, signature = draw(texts), draw(st.one_of(st.just(""), opaque))
    start = {"type": "thinking", "thinking": "", "signature": ""}
    deltas = [{"type": "thinking_delta", "thinking": piece} for piece in pieces]
    deltas += [{"type": "signature_delta", "signature": signature}] if signature else []
    return start, deltas, start | {"thinking": "".join(pieces), "signature": signature}


@st.composite
def _redacted(draw: st.DrawFn) -> tuple[Any, ...]:
    block = {"type": "redacted_thinking", "data": draw(opaque)}
    return block, [], block


@st.composite
def _said(draw: st.DrawFn) -> tuple[Any, ...]:
    pieces = draw(texts)
    start = {"type": "text", "text": ""}
    return start, [{"type": "text_delta", "text": piece} for piece in pieces], start | {"text": "".join(pieces)}


@st.composite
def _called(draw: st.DrawFn) -> tuple[Any, ...]:
    """The arguments are cut anywhere, as the API cuts them."""
    given_to = {"thinking": draw(words), "signature": draw(words)}
    spelled = json.dumps(given_to)
    cut = draw(st.integers(0, len(spelled)))
    start = {"type": "tool_use", "id": "t", "name": "f", "input": {}}
    deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in (spelled[:cut], spelled[cut:])]
    return start, deltas, start | {"input": given_to}


def assembled(stream: bytes) -> dict[str, Any]:
    """What the official SDK makes of a stream of messages."""
    snapshot, buffers = None, {}
    for event in events_of(stream):
        if event["type"] != "ping":
            typed = construct_type(type_=RawMessageStreamEvent, value=event)
            snapshot = accumulate_event(event=typed, current_snapshot=snapshot, json_bufs=buffers, output_format=NOT_GIVEN)
    return json.loads(snapshot.to_json())
