"""Items of OpenAI's Responses, whole: as a stream's events, its snapshots, an answer and a list of what went in hold them alike.

Each text of a reasoning item is shortened or put in other words by itself, so that an event which tells one text, and a snapshot which
tells them all, agree. `keep` counts over all texts of an item, in the order in which they come.
"""

import hashlib
from collections.abc import Generator

from proxy.core.shaping import Plan, Show
from proxy.shaping.answers.issuing import Issuer
from proxy.shaping.answers.outputs import Outputs
from proxy.shaping.answers.reading import type_of
from proxy.shaping.base import MOST_HELD, Held, ShapingError
from proxy.shaping.binding import Binder
from proxy.shaping.distribution import NONE_OF_MANY, Distribution
from proxy.shaping.edit import EMPTY, NULL, Raw, closed, maybe_items, maybe_object, maybe_text, opened
from proxy.shaping.hiding import CHARACTERS

SUMMARY, CONTENT, OPAQUE = "summary", "content", "encrypted_content"

SILENT = (EMPTY, NULL)
"""Texts that say nothing."""

Place = tuple[str, object]
"""Where in an item a text stands: the member and the index in it."""

Shown = Generator[Held, str, Raw]


class Allowance:
    """How much of one item's reasoning is shown."""

    __slots__ = ("_left", "_shown")

    def __init__(self, keep: int) -> None:
        self._left = keep * CHARACTERS
        self._shown: dict[Place, int] = {}
        """Characters of each text that were shown."""

    def delta(self, place: Place, text: str) -> str:
        """What is shown of the next piece of a text."""
        shown = text[: self._left]
        self._left -= len(shown)
        if shown:
            self._shown[place] = self._shown.get(place, 0) + len(shown)
        return shown

    def all(self, place: Place, text: str) -> str:
        """What is shown of a whole text, of which pieces may have been told before."""
        before = self._shown.get(place, 0)
        shown = text[: before + self._left]
        self._left -= max(0, len(shown) - before)
        if shown:
            self._shown[place] = max(before, len(shown))
        return shown


class Items:
    """One plan's."""

    def __init__(self, plan: Plan, binder: Binder | None, anchor: str) -> None:
        self._show = plan.reasoning.show
        self._keep = plan.reasoning.keep if self._show is Show.KEEP else 0
        self.keeps = self._show is Show.KEEP
        """Must be remembered what was shown?"""
        self._issuer = Issuer(plan, binder, anchor)
        self._logprobs = Distribution(plan.logprobs)
        self._words: dict[bytes, str] = {}
        """Texts in other words, by the digest of what they were: a stream tells each up to four times."""
        self.outputs = Outputs(plan, binder, anchor, self._reworded)
        self.acts = self._show is not Show.ALL or self._issuer.binds
        """Might a reasoning item change?"""
        self.speaks = self._logprobs.active or self.outputs.reads
        """Might a message?"""

    def hides(self, member: str) -> bool:
        return self._show is not Show.ALL and not (self._show is Show.SUMMARY and member == SUMMARY)

    def allowance(self) -> Allowance:
        return Allowance(self._keep)

    def items(self, raw: Raw | None, spent: dict[object, Allowance]) -> Generator[Held, str, Raw | None]:
        """A list of items; `spent` says by position what was shown already. The same value where nothing changes."""
        before = maybe_items(raw) if self.acts or self.speaks else None
        if before is None:
            return raw
        after = list(before)
        for place, item in enumerate(before):
            after[place] = yield from self.item(item, spent.get(place) or self.allowance())
        return raw if raw is None else _changed(raw, before, after)

    def item(self, raw: Raw, allowance: Allowance) -> Shown:
        kind = type_of(raw)
        if kind == "reasoning" and self.acts:
            self.outputs.parted = True
            return (yield from self._reasoning(raw, allowance))
        return (yield from self._message(raw)) if kind == "message" and self._may_change(raw) else raw

    def part(self, raw: Raw, place: Place, allowance: Allowance) -> Shown:
        """A text, or an object with one: an entry of a summary, a content part."""
        found = maybe_object(raw)
        text = raw if found is None else found.get("text", NULL)
        shown = yield from self.text(text, place, allowance)
        if shown is text:
            return raw
        return shown if found is None else closed(found | {"text": shown})

    def text(self, raw: Raw, place: Place, allowance: Allowance) -> Shown:
        """A whole text. What cannot be read cannot be shown in part."""
        if not self.hides(place[0]) or raw in SILENT:
            return raw
        text = maybe_text(raw)
        if text is None:
            return EMPTY
        shown = (yield from self._reworded(text)) if self._show is Show.REWRITE else allowance.all(place, text)
        return raw if shown == text else closed(shown)

    def delta(self, raw: Raw, place: Place, allowance: Allowance) -> Raw:
        """A piece of a text; some servers put it into an object."""
        found = maybe_object(raw)
        piece = raw if found is None else found.get("text", NULL)
        if not self.hides(place[0]) or piece in SILENT:
            return raw
        text = maybe_text(piece)
        shown = "" if text is None else allowance.delta(place, text)
        if shown == text:
            return raw
        return closed(shown) if found is None else closed(found | {"text": closed(shown)})

    def logprobs(self, raw: Raw, *, blind: bool) -> Raw:
        """Of an answer's text, whole or a piece; none where they spell reasoning. The same value where nothing changes."""
        shown = NONE_OF_MANY if blind and raw != NULL else self._logprobs.tokens(raw)
        return raw if shown == raw else shown

    def answer(self, raw: Raw, *, first: bool) -> Shown:
        """A part of an answer: its text stays, but for reasoning that the first may begin with; its log probabilities are the plan's."""
        part = maybe_object(raw) if self.speaks else None
        if part is None:
            return raw
        old = part.get("text", NULL)
        reads = first and type_of(raw) == "output_text"
        text, met = (yield from self.spoken(old)) if reads else (old, False)
        changes = {} if text is old else {"text": text}
        likely = part.get("logprobs")
        if likely is not None and (after := self.logprobs(likely, blind=met)) is not likely:
            changes["logprobs"] = after
        return closed(part | changes) if changes else raw

    def spoken(self, raw: Raw) -> Generator[Held, str, tuple[Raw, bool]]:
        """A message's first text, whole: what is shown of it, and whether it holds reasoning."""
        if raw in SILENT or self.outputs.spares(raw):
            return raw, False
        text = maybe_text(raw)
        if text is None:
            raise ShapingError("a text cannot be read")
        shown, met = yield from self.outputs.whole(text)
        return raw if shown == text else closed(shown), met

    def piece(self, raw: Raw, name: object) -> Generator[Held, str, tuple[Raw, bool]]:
        """A piece of it, as it is told: what is shown, and whether what it is spelled with must not be."""
        inline = self.outputs.reader(name)
        if inline is None or inline.settled or raw in SILENT:
            return raw, inline is not None and inline.met
        text = maybe_text(raw)
        if text is None:
            raise ShapingError("a text cannot be read")
        shown = yield from inline.feed(text)
        return raw if shown == text else closed(shown), inline.met or inline.undecided

    def _reasoning(self, raw: Raw, allowance: Allowance) -> Shown:
        item = opened(raw)
        told = {name: item[name] for name in (SUMMARY, CONTENT) if name in item}
        for name, texts in told.items():
            item[name] = yield from self._texts(texts, name, allowance)
        hidden = told if any(item[name] is not texts for name, texts in told.items()) else {}
        opaque = {OPAQUE: item[OPAQUE]} if OPAQUE in item else {}
        token = self._issuer.token(opaque, hidden)
        if token is not None:
            item[OPAQUE] = token
        return raw if token is None and not hidden else closed(item)

    def _texts(self, raw: Raw, member: str, allowance: Allowance) -> Shown:
        before = maybe_items(raw)
        if before is None:
            return (yield from self.part(raw, (member, 0), allowance))
        after = list(before)
        for place, part in enumerate(before):
            after[place] = yield from self.part(part, (member, place), allowance)
        return _changed(raw, before, after)

    def _may_change(self, message: Raw) -> bool:
        return self._logprobs.active or not self.outputs.spares(message)

    def _message(self, raw: Raw) -> Shown:
        message = opened(raw)
        parts = maybe_items(message.get(CONTENT))
        if parts is None:
            return raw
        answers = maybe_text(message.get("role")) in {"assistant", None}
        after = list(parts)
        for place, part in enumerate(parts):
            after[place] = yield from self.answer(part, first=answers and place == 0)
        content = _changed(message[CONTENT], parts, after)
        return raw if content is message[CONTENT] else closed(message | {CONTENT: content})

    def _reworded(self, text: str) -> Generator[Held, str, str]:
        name = hashlib.sha256(text.encode()).digest()
        if name not in self._words:
            self._words[name] = yield Held(text)
            if sum(map(len, self._words.values())) > MOST_HELD:
                raise ShapingError("the answer's reasoning is longer than can be held back")
        return self._words[name]


def _changed(raw: Raw, before: list[Raw], after: list[Raw]) -> Raw:
    return raw if all(new is old for new, old in zip(after, before, strict=True)) else closed(after)
