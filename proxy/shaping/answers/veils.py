"""Reasoning in one choice of an answer: what of it is shown at once, what is held until it ends, and what then stands in its place.

Rule 1: text is held only where it must come back (in a token) or be put in other words, and all choices share one room for it.
Rule 2: a token stands for everything since the one before it, so that the tokens of a text, opened and put together, are the text.
Rule 3: tokens of this exchange's own are left as they are: an answer that was shaped already is shaped. Two exceptions, for a second
pass cannot know of the first: what another model said in the reasoning's place it is asked to say again; and where a template opens
the tag and nothing stands for what was hidden, the bare answer looks as though it began inside of a block. No answer is shaped twice.
"""

import string
from collections.abc import Generator

from proxy.core.sealing import MARK, Finding
from proxy.core.shaping import Plan, Reasoning, Show
from proxy.shaping import halves
from proxy.shaping.base import MOST_HELD, Held, ShapingError
from proxy.shaping.binding import Binder
from proxy.shaping.edit import Raw, written
from proxy.shaping.hiding import Hiding

PLACE = 64
"""Characters that a text's record counts for, so that there cannot be a million of them either."""

BETWEEN = "\n"
"""Between two tokens that follow each other in one text: a reader could not tell where the first ends."""

_ALPHABET = string.ascii_letters + string.digits + "+/=\n"


class Way:
    """How reasoning is treated in one answer, and the room for what is held of it."""

    __slots__ = ("_left", "anchor", "binder", "binds", "hides", "restores", "rewrites", "wanted")

    def __init__(self, plan: Plan, binder: Binder | None, anchor: str) -> None:
        self.wanted: Reasoning = plan.reasoning
        self.hides = plan.reasoning.show is not Show.ALL
        self.rewrites = plan.reasoning.show is Show.REWRITE
        self.binder = binder
        self.anchor = anchor
        self.restores = self.hides and binder is not None and binder.restores
        self.binds = plan.bind and binder is not None and binder.binds
        self._left = MOST_HELD

    def take(self, size: int) -> None:
        """Room for some characters; raises `ShapingError` where there is none."""
        self._left -= size
        if self._left < 0:
            raise ShapingError("the answer's reasoning is longer than can be held back")

    def give_back(self, size: int) -> None:
        self._left += size

    def limit(self) -> Hiding:
        """Says what is shown at once; it holds nothing itself."""
        show = Show.KEEP if self.wanted.show is Show.KEEP else Show.OMIT
        return Hiding(show, self.wanted.keep, keeps=False)

    def token(self, hidden: dict[str, str]) -> str:
        """What stands for texts that were hidden; "" where none come back."""
        if self.binder is None or not self.restores or not hidden:
            return ""
        return self.binder.token({}, {name: Raw(halves.back(written(text))) for name, text in hidden.items()}, self.anchor)

    def bound(self, raw: Raw) -> Raw:
        """An opaque value's token; the very same value where it is one, or no text."""
        value = bytes(raw)
        if self.binder is None or not value.startswith(b'"') or value == b'""' or value.startswith(b'"' + MARK.encode()):
            return raw
        return Raw(written(self.binder.token({"thought_signature": Raw(value)}, {}, self.anchor)))

    def rewritten(self, text: str) -> Generator[Held, str, str]:
        """What another model makes of it; "" where none is asked, for there is nothing to put in other words."""
        if not self.rewrites or not text.strip():
            return ""
        return (yield Held(text))

    def own(self, text: str) -> int:
        """How many characters at the end of `text` are tokens that this exchange handed out."""
        size = 0
        pieces = text[len(text.rstrip(_ALPHABET)) :].split("\n") if self.binder is not None and MARK in text else []
        for piece in reversed(pieces):
            at = piece.find(MARK)
            if at < 0 or self.binder is None or self.binder.opened(piece[at:], self.anchor)[0].finding is not Finding.HOME:
                break
            size += len(piece) - at
            if at:
                break
            size += text[len(text) - size - 1 : len(text) - size] == "\n"
        return size


class Veil:
    """One text: a field's, an entry's, or an inline block's."""

    __slots__ = ("_held", "_limit", "_size", "_way", "changed", "sealed")

    def __init__(self, way: Way, limit: Hiding) -> None:
        """`limit` may be shared: entries of one list are one reasoning."""
        way.take(PLACE)
        self._way = way
        self._limit = limit
        self._held: list[str] = []
        self._size = 0
        self.changed = False
        """Was anything hidden since the last token?"""
        self.sealed = False
        """Does a token stand in the text?"""

    def show(self, text: str) -> str:
        """What of `text` is shown now."""
        own = self._way.own(text)
        self.sealed = self.sealed or own > 0
        rest = text[: len(text) - own]
        self.hold(rest)
        shown = self._limit.show(rest)
        self.changed = self.changed or len(shown) < len(rest)
        return shown + text[len(rest) :]

    def hold(self, text: str) -> None:
        """Belongs to the original, but is not shown as reasoning: a tag."""
        if self._way.restores or self._way.rewrites:
            self._way.take(len(text))
            self._size += len(text)
            self._held.append(text)

    @property
    def text(self) -> str:
        """All since the last token, as it came."""
        return "".join(self._held)

    def renew(self) -> None:
        """A token stands for it now."""
        self._way.give_back(self._size)
        self._held.clear()
        self._size = 0
        self.changed = False
        self.sealed = True
