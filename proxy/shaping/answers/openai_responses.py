"""Answers of OpenAI's Responses. (https://platform.openai.com/docs/api-reference/responses-streaming)

Every event is numbered, and a caller may go on from any number: none is added, none goes. A text in other words therefore stands where
the whole text is told (its `done` event, its part, its item, the snapshots) and its deltas are empty; SDKs take the response from
the last snapshot.

An item's `encrypted_content` is a token of its own in each state of the item: the state in which it was added may be incomplete.
A stream that is taken up in the middle of an item shows nothing of it until it is whole: else every number would be a new beginning.
"""

from collections.abc import Generator
from typing import Any

import msgspec

from proxy.core.shaping import Plan
from proxy.shaping.answers.items import CONTENT, SUMMARY, Allowance, Items
from proxy.shaping.answers.reading import ABSENT, body_of, peeked, type_of
from proxy.shaping.base import Held, Shaped, ShapingError
from proxy.shaping.binding import Binder
from proxy.shaping.edit import EMPTY, NULL, Object, Raw, closed, maybe_object, maybe_text
from proxy.shaping.frames import data_of, replaced
from proxy.shaping.notices import tell, told

MOST_ITEMS = 4096

ADDED = "response.output_item.added"
PART_ADDED = "response.content_part.added"
OUTPUT = "response.output_text."
REASONING = "response.reasoning"
"""How the events that tell reasoning begin; those with `summary` in their name tell a summary of it."""

SPELLS = ("input_messages", "output_messages")
"""vLLM's: the conversation as the model read and wrote it, with all that is hidden elsewhere."""

TEXT = "output_text"
"""Some servers' response tells the text of all its messages once more."""

PADDING = "obfuscation"
"""Random text that makes up for the length of a delta: with the delta gone, it tells how long every hidden token was."""


class _Event(msgspec.Struct):
    type: Any = None
    output_index: Any = None
    item_id: Any = None
    summary_index: Any = None
    content_index: Any = None
    delta: Raw = ABSENT
    text: Raw = ABSENT
    part: Raw = ABSENT
    item: Raw = ABSENT
    response: Raw = ABSENT
    logprobs: Raw = ABSENT
    obfuscation: Raw = ABSENT


_event = msgspec.json.Decoder(_Event)

Changes = Generator[Held, str, Object]
"""The members that are another than they were."""


class Responses:
    """Implements `AnswerShaper`; also for a response that is fetched again, and for the list of what went into one."""

    def __init__(self, plan: Plan, binder: Binder | None, anchor: str) -> None:
        self._items = Items(plan, binder, anchor)
        self._input = Items(plan, binder, anchor)
        """Of earlier turns, in any order: bound to this response's place, for bound to none they would open anywhere. Who sends one back
        has it dropped."""
        self._hides = self._items.hides(CONTENT)
        self._acts = self._items.acts
        self._notice = told(plan.notice) if plan.notice is not None else None
        self._begun: dict[object, Allowance] = {}
        """What was shown of each item that was seen from its beginning."""

    def event(self, frame: bytes) -> Shaped:
        found = peeked(_event, data_of(frame), strict=self._acts)
        if found is None or not isinstance(found.seen.type, str):
            return frame
        changes = yield from self._changes(found.seen)
        return replaced(frame, found.changed(changes)) if changes else frame

    def close(self) -> Shaped:
        yield from ()
        return b""

    def whole(self, body: bytes) -> Shaped:
        found = body_of(body, strict=self._acts)
        if found is None:
            return body
        top = found.seen
        if maybe_text(top.get("object")) == "list":
            changed = yield from self._list(top)
        elif "output" in top:
            changed = yield from self._response(top)
        else:  # a response that was deleted, an error
            changed = False
        return found.written(top) if changed else body

    def _changes(self, seen: _Event) -> Changes:
        if seen.response != ABSENT:
            response = maybe_object(seen.response)
            changed = response is not None and (yield from self._response(response))
            return {"response": closed(response)} if changed else {}
        if seen.item != ABSENT:
            return (yield from self._item(seen))
        if member := _member(seen):
            return (yield from self._reasoning(seen, member)) if self._items.hides(member) else {}
        return (yield from self._answer(seen))

    def _response(self, response: Object) -> Generator[Held, str, bool]:
        """Shapes it in place. Has anything changed?"""
        told_before = response.get("output")
        shown = yield from self._items.items(told_before, self._begun)
        changes = {} if shown is None or shown is told_before else {"output": shown}
        if self._hides:
            changes |= {name: NULL for name in SPELLS if response.get(name, NULL) != NULL}
        text = response.get(TEXT, NULL)
        if (spoken := (yield from self._items.spoken(text))[0]) is not text:
            changes[TEXT] = spoken
        response |= changes
        if self._notice is not None:
            tell(response, self._notice)
        return bool(changes) or self._notice is not None

    def _list(self, top: Object) -> Generator[Held, str, bool]:
        told_before = top.get("data")
        shown = yield from self._input.items(told_before, {})
        if shown is not None:
            top["data"] = shown
        if self._notice is not None:
            tell(top, self._notice)
        return shown is not told_before or self._notice is not None

    def _item(self, seen: _Event) -> Changes:
        name = _name(seen)
        if seen.type == ADDED and self._items.keeps:
            if len(self._begun) >= MOST_ITEMS:
                raise ShapingError("the answer has too many items")
            self._begun[name] = self._items.allowance()
        if seen.type == ADDED and type_of(seen.item) == "message":
            self._items.outputs.begin(name)
        shown = yield from self._items.item(seen.item, self._begun.get(name) or self._items.allowance())
        return {} if shown is seen.item else {"item": shown}

    def _reasoning(self, seen: _Event, member: str) -> Changes:
        """A piece of an item's reasoning, or a whole text of it."""
        index = seen.summary_index if member == SUMMARY else seen.content_index
        place = (member, index if isinstance(index, int) else None)
        allowance = self._begun.get(_name(seen)) or Allowance(0)
        changes: Object = {}
        if seen.delta != ABSENT and (shown := self._items.delta(seen.delta, place, allowance)) is not seen.delta:
            changes = {"delta": shown} if seen.obfuscation == ABSENT else {"delta": shown, PADDING: EMPTY}
        if seen.text != ABSENT and (shown := (yield from self._items.text(seen.text, place, allowance))) is not seen.text:
            changes["text"] = shown
        if seen.part != ABSENT and (shown := (yield from self._items.part(seen.part, place, allowance))) is not seen.part:
            changes["part"] = shown
        return changes

    def _answer(self, seen: _Event) -> Changes:
        """A text's piece, the whole text, or its part: reasoning that it begins with, and log probabilities."""
        if not self._items.speaks:
            return {}
        changes, blind, first = Object(), False, seen.content_index is None or seen.content_index == 0
        if first and seen.type.startswith(OUTPUT):
            changes, blind = yield from self._spoken(seen)
        if seen.logprobs != ABSENT and (shown := self._items.logprobs(seen.logprobs, blind=blind)) is not seen.logprobs:
            changes["logprobs"] = shown
        if seen.part != ABSENT:
            self._begin(seen, first=first)
            if (shown := (yield from self._items.answer(seen.part, first=first))) is not seen.part:
                changes["part"] = shown
        return changes

    def _spoken(self, seen: _Event) -> Generator[Held, str, tuple[Object, bool]]:
        changes, blind = Object(), False
        if seen.delta != ABSENT:
            shown, blind = yield from self._items.piece(seen.delta, _name(seen))
            if shown is not seen.delta:
                changes = {"delta": shown} if seen.obfuscation == ABSENT else {"delta": shown, PADDING: EMPTY}
        if seen.text != ABSENT:
            shown, blind = yield from self._items.spoken(seen.text)
            if shown is not seen.text:
                changes["text"] = shown
        return changes, blind

    def _begin(self, seen: _Event, *, first: bool) -> None:
        if first and seen.type == PART_ADDED and type_of(seen.part) == "output_text":
            self._items.outputs.begin(_name(seen))


def _member(seen: _Event) -> str:
    """Which member of a reasoning item an event is about; "" none."""
    if seen.type.startswith(REASONING):
        return SUMMARY if "summary" in seen.type else CONTENT
    return CONTENT if type_of(seen.part) == "reasoning_text" else ""


def _name(seen: _Event) -> object:
    """What an item is known by: its place, for some servers write another id into every event; else its id."""
    if isinstance(seen.output_index, int):
        return seen.output_index
    if isinstance(seen.item_id, str):
        return seen.item_id
    return maybe_text((maybe_object(seen.item) or {}).get("id")) if seen.item != ABSENT else None
