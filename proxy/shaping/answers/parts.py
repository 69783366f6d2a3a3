"""Reasoning in a content that is a list of parts: Mistral's `{"type": "thinking", "thinking": [{"type": "text", "text": …}]}`, in
deltas as in whole messages. (https://docs.mistral.ai/capabilities/reasoning; mistralai/client-python models/thinkchunk.py)

Thinking parts that follow each other are one reasoning, however many there are, for that is how a stream cuts one. A token stands at
the end of its last text where that is at hand, and else in a part of ours before the answer; parts have no index.
"""

from collections.abc import Generator

from proxy.shaping.answers.veils import BETWEEN, Veil, Way
from proxy.shaping.base import Held, ShapingError
from proxy.shaping.edit import NULL, Object, Raw, closed, maybe_items, maybe_object, maybe_text
from proxy.shaping.hiding import Hiding

MEMBER = "thinking"
"""A part's type, the member that holds its texts, and the name under which a token keeps them."""

Found = Generator[Held, str, Raw]


class Parts:
    """Those of one choice."""

    __slots__ = ("_limit", "_sealed", "_veil", "_way", "met")

    def __init__(self, way: Way) -> None:
        self._way = way
        self._limit: Hiding = way.limit()
        self._veil: Veil | None = None
        self._sealed = False
        """Does a token stand in the content?"""
        self.met = False
        """Was there reasoning, be it empty?"""

    @property
    def owes(self) -> bool:
        """Is there reasoning that something may have to stand for, once it ends?"""
        return self._veil is not None

    def hide(self, raw: Raw, *, last: bool) -> Found:
        """The content with what is hidden of it taken out; the very same where nothing changes. `last`: with what is owed at its end."""
        found = maybe_items(raw)
        if found is None:
            raise ShapingError("a content cannot be read")
        out: list[Raw] = []
        at = -1
        for part in found:
            if is_thinking(part):
                out.append(self._hidden(part))
                at = len(out) - 1
                continue
            if answers(part):
                at = yield from self._ended(out, at)
            out.append(part)
        if last:
            yield from self._ended(out, at)
        same = len(out) == len(found) and all(new is old for new, old in zip(out, found, strict=True))
        return raw if same else closed(out)

    def ending(self) -> Generator[Held, str, Raw | None]:
        """Its reasoning ends: a content of ours that stands for what was hidden; None where nothing does."""
        text = yield from self._owed()
        return closed([_part(text)]) if text else None

    def _ended(self, out: list[Raw], at: int) -> Generator[Held, str, int]:
        """The same, put into `out`: at the end of the thinking part at `at`, or in one of ours where there is none."""
        text = yield from self._owed()
        if text and (at < 0 or (filled := _filled(out[at], text)) is None):
            out.append(_part(text))
        elif text and filled is not None:
            out[at] = filled
        return -1

    def _owed(self) -> Generator[Held, str, str]:
        veil, self._veil = self._veil, None
        if veil is None:
            return ""
        hidden = {MEMBER: veil.text} if veil.changed and veil.text else {}
        token = self._way.token(hidden)
        text = (yield from self._way.rewritten(veil.text)) if hidden else ""
        between = BETWEEN if token and (veil.sealed or (text and self._sealed)) else ""
        self._sealed = self._sealed or bool(token)
        veil.renew()
        return between + text + token

    def _hidden(self, raw: Raw) -> Raw:
        """One thinking part with its texts hidden; a text may also stand there bare."""
        self.met = True
        part = maybe_object(raw) or {}
        entries = maybe_items(part.get(MEMBER))
        if entries is None:
            shown = self._shown(part.get(MEMBER, NULL))
            return raw if shown is part.get(MEMBER, NULL) else closed(part | {MEMBER: shown})
        after = [self._entry(entry) for entry in entries]
        same = all(new is old for new, old in zip(after, entries, strict=True))
        return raw if same else closed(part | {MEMBER: closed(after)})

    def _entry(self, raw: Raw) -> Raw:
        """What has no text refers to something."""
        entry = maybe_object(raw)
        if entry is None:
            return self._shown(raw)
        old = entry.get("text", NULL)
        shown = self._shown(old)
        return raw if shown is old else closed(entry | {"text": shown})

    def _shown(self, raw: Raw) -> Raw:
        if raw == NULL:
            return raw
        text = maybe_text(raw)
        if text is None:
            raise ShapingError("a text of reasoning cannot be read")
        if not text:
            return raw
        if self._veil is None:
            self._veil = Veil(self._way, self._limit)
        shown = self._veil.show(text)
        return raw if shown == text else closed(shown)


def is_list(raw: Raw) -> bool:
    return bytes(raw).startswith(b"[")


def is_thinking(raw: Raw) -> bool:
    return maybe_text((maybe_object(raw) or {}).get("type")) == MEMBER


def answers(raw: Raw) -> bool:
    """Does a part say anything but reasoning? Some send an empty text where nothing is meant."""
    part = maybe_object(raw)
    if part is None:
        return True
    return maybe_text(part.get("type")) != MEMBER and (maybe_text(part.get("type")) != "text" or maybe_text(part.get("text")) != "")


def any_answers(raw: Raw) -> bool:
    """Does a content?"""
    return any(answers(part) for part in maybe_items(raw) or ())


def any_thinks(raw: Raw) -> bool:
    """Does one hold reasoning?"""
    return is_list(raw) and any(is_thinking(part) for part in maybe_items(raw) or ())


def _part(text: str) -> Raw:
    return closed({"type": MEMBER, MEMBER: [{"type": "text", "text": text}]})


def _filled(raw: Raw, text: str) -> Raw | None:
    """`text` at the end of a thinking part's last text; None where it has none."""
    part = maybe_object(raw) or {}
    old = part.get(MEMBER, NULL)
    entries = maybe_items(old)
    if entries is None:
        return None if (said := maybe_text(old)) is None else closed(part | {MEMBER: closed(said + text)})
    for at in range(len(entries) - 1, -1, -1):
        entry: Object = maybe_object(entries[at]) or {}
        if (said := maybe_text(entry.get("text"))) is not None:
            entries[at] = closed(entry | {"text": closed(said + text)})
            return closed(part | {MEMBER: closed(entries)})
    return None
