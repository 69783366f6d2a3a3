"""Answers of Anthropic's messages. (https://platform.claude.com/docs/en/build-with-claude/extended-thinking)

A hidden thinking block is there still, with no text: as the API's own `display: omitted` has it. Its signature follows its text, so
what is owed at its end comes just before the signature: what another model makes of the text, as one more delta. Where hidden text must
come back, the signature is a token that holds it; a block that comes without a signature is given one.
"""

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import msgspec

from proxy.core.shaping import Plan, Reasoning, Show
from proxy.dialects import sse
from proxy.shaping.answers.issuing import NOTHING, Issuer
from proxy.shaping.answers.reading import ABSENT, Peeked, body_of, peeked, type_of
from proxy.shaping.base import MOST_HELD, Held, Shaped, ShapingError
from proxy.shaping.binding import Binder
from proxy.shaping.edit import NULL, Object, Raw, closed, maybe_items, maybe_object, maybe_text, opened, written
from proxy.shaping.frames import data_of, replaced
from proxy.shaping.hiding import Hiding
from proxy.shaping.notices import tell, told

MOST_OPEN = 64
"""Thinking blocks open at a time. The API opens one."""

OPAQUE = {"thinking": "signature", "redacted_thinking": "data"}
"""Which member of a block is opaque."""


class _Event(msgspec.Struct):
    type: Any = None
    index: Raw = ABSENT
    message: Raw = ABSENT
    content_block: Raw = ABSENT
    delta: Raw = ABSENT


_event = msgspec.json.Decoder(_Event)


@dataclass(slots=True)
class _Thought:
    """A thinking block that is open."""

    hiding: Hiding
    opaque: Object
    """Its signature so far."""
    reworded: bool = False
    """Was it said in other words already?"""
    settled: bool = True
    """Does a token stand for all that was hidden so far?"""

    def show(self, text: str) -> str:
        shown = self.hiding.show(text)
        self.settled = self.settled and shown == text
        return shown


class Messages:
    """Implements `AnswerShaper`."""

    def __init__(self, plan: Plan, binder: Binder | None, anchor: str) -> None:
        self._wanted = _wanted(plan)
        self._issuer = Issuer(plan, binder, anchor)
        self._acts = self._wanted.show is not Show.ALL or self._issuer.binds
        self._notice = told(plan.notice) if plan.notice is not None else None
        self._open: dict[bytes, _Thought] = {}

    def event(self, frame: bytes) -> Shaped:
        found = peeked(_event, data_of(frame), strict=self._acts)
        if found is None:
            return frame
        if found.seen.type == "message_start":
            return (yield from self._started(frame, found))
        return (yield from self._of_block(frame, found)) if self._acts else frame

    def close(self) -> Shaped:
        """A block that broke off is owed nothing: it cannot be sent back."""
        yield from ()
        return b""

    def whole(self, body: bytes) -> Shaped:
        found = body_of(body, strict=self._acts)
        if found is None or "content" not in found.seen:  # a count of tokens, an error
            return body
        changed = yield from self._message(found.seen)
        return found.written(found.seen) if changed else body

    def _of_block(self, frame: bytes, found: Peeked[_Event]) -> Shaped:
        kind = found.seen.type
        if kind == "content_block_delta":
            return (yield from self._delta(frame, found))
        if kind == "content_block_start":
            return self._begun(frame, found)
        if kind == "content_block_stop":
            return (yield from self._ended(frame, found.seen.index))
        return frame

    def _started(self, frame: bytes, found: Peeked[_Event]) -> Shaped:
        message = maybe_object(found.seen.message)
        if message is None or not (yield from self._message(message)):
            return frame
        return replaced(frame, found.changed({"message": closed(message)}))

    def _message(self, message: Object) -> Generator[Held, str, bool]:
        """Shapes it in place. Has anything changed?"""
        before = maybe_items(message.get("content")) or [] if self._acts else []
        after = list(before)
        for place, block in enumerate(before):
            after[place] = yield from self._block(block)
        changed = any(new is not old for new, old in zip(after, before, strict=True))
        if changed:
            message["content"] = closed(after)
        if self._notice is not None:
            tell(message, self._notice)
        return changed or self._notice is not None

    def _block(self, raw: Raw) -> Generator[Held, str, Raw]:
        """A block that is whole."""
        kind = type_of(raw)
        if kind not in OPAQUE:
            return raw
        block, thought = opened(raw), self._thought()
        changed = self._show(block, thought)
        if reworded := (yield from thought.hiding.end()):
            block["thinking"] = closed(reworded)
        thought.opaque = _opaque(block, OPAQUE[kind])
        changed |= self._settle(block, OPAQUE[kind], thought)
        return closed(block) if changed else raw

    def _begun(self, frame: bytes, found: Peeked[_Event]) -> bytes:
        seen = found.seen
        kind = type_of(seen.content_block)
        if kind not in OPAQUE:
            return frame
        block, thought = opened(seen.content_block), self._thought()
        if kind == "thinking":
            self._keep(seen.index, thought)
        changed = self._show(block, thought)
        thought.opaque = _opaque(block, OPAQUE[kind])
        if _says(block, OPAQUE[kind]):
            changed |= self._settle(block, OPAQUE[kind], thought)
        return replaced(frame, found.changed({"content_block": closed(block)})) if changed else frame

    def _delta(self, frame: bytes, found: Peeked[_Event]) -> Shaped:
        seen = found.seen
        kind = type_of(seen.delta)
        if kind not in {"thinking_delta", "signature_delta"}:
            return frame
        delta, thought = opened(seen.delta), self._open.get(bytes(seen.index))
        if thought is None:
            thought = self._keep(seen.index, self._thought())
        said, changed = b"", False
        if kind == "thinking_delta":
            changed = self._show(delta, thought)
            self._check()
        elif _says(delta, "signature"):
            said = yield from self._reworded(thought, seen.index)
            thought.opaque = _opaque(delta, "signature")
            changed = self._settle(delta, "signature", thought)
        return said + (replaced(frame, found.changed({"delta": closed(delta)})) if changed else frame)

    def _ended(self, frame: bytes, index: Raw) -> Shaped:
        thought = self._open.pop(bytes(index), None)
        if thought is None:
            return frame
        said = yield from self._reworded(thought, index)
        delta = {"type": Raw(b'"signature_delta"')}
        if not thought.settled and self._settle(delta, "signature", thought):
            said += _delta_of(index, delta)
        return said + frame

    def _reworded(self, thought: _Thought, index: Raw) -> Shaped:
        """The delta with what another model makes of a block; b"" where there is none."""
        text = "" if thought.reworded else (yield from thought.hiding.end())
        thought.reworded = True
        return _delta_of(index, {"type": Raw(b'"thinking_delta"'), "thinking": closed(text)}) if text else b""

    def _show(self, members: Object, thought: _Thought) -> bool:
        """Shows of the text what may be shown. Has anything changed?"""
        raw = members.get("thinking", NULL)
        text = maybe_text(raw)
        if text is None and raw != NULL and self._wanted.show is not Show.ALL:
            raise ShapingError("the answer's reasoning is no text")
        if not text or (shown := thought.show(text)) == text:
            return False
        members["thinking"] = closed(shown)
        return True

    def _settle(self, members: Object, name: str, thought: _Thought) -> bool:
        """Puts the token in its place, if there is one."""
        hidden = {"thinking": closed(thought.hiding.text)} if thought.hiding.changed and self._issuer.restores else {}
        token = self._issuer.token(thought.opaque, hidden)
        if token is not None:
            members[name] = token
        thought.settled = token is not None
        return token is not None

    def _thought(self) -> _Thought:
        return _Thought(Hiding.of(self._wanted, keeps=self._issuer.restores), {})

    def _keep(self, index: Raw, thought: _Thought) -> _Thought:
        if len(self._open) >= MOST_OPEN:
            raise ShapingError("the answer has too many thinking blocks open")
        self._open[bytes(index)] = thought
        return thought

    def _check(self) -> None:
        if len(self._open) > 1 and sum(thought.hiding.size for thought in self._open.values()) > MOST_HELD:
            raise ShapingError("the answer's reasoning is longer than can be held back")


def _wanted(plan: Plan) -> Reasoning:
    """A model that knows `display` was asked for its summary, and has sent it as the thinking."""
    shows = plan.reasoning.show is Show.SUMMARY and "display" in plan.knobs.names
    return Reasoning() if shows else plan.reasoning


def _opaque(members: Object, name: str) -> Object:
    """The opaque value; an empty one too, for it must come back as it was."""
    return {name: members[name]} if name in members else {}


def _says(members: Object, name: str) -> bool:
    return bytes(members.get(name, NULL)) not in NOTHING


def _delta_of(index: Raw, delta: Object) -> bytes:
    """A frame of ours."""
    place = {} if index == ABSENT else {"index": index}
    return sse.event(written({"type": Raw(b'"content_block_delta"'), **place, "delta": delta}), "content_block_delta")
