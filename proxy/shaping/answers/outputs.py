"""Inline reasoning in the text of a Responses message, where a server has no parser that takes it out: found and treated as in chat.

Only the first text of a message can begin with it. Its deltas, the whole text, its part, its item and the snapshots agree, but for what
is owed when a text breaks off inside of a block or of a tag: no event may be added, so the whole text alone tells that.

A stream that is taken up behind a text's beginning is believed to be past its reasoning, unless the model's template opens the tag:
else every model's answer would be blank from there on.
"""

from collections.abc import Callable, Generator

from proxy.core.shaping import Plan
from proxy.shaping.answers.inline import Inline
from proxy.shaping.answers.veils import Way
from proxy.shaping.base import Held, ShapingError
from proxy.shaping.binding import Binder
from proxy.shaping.edit import Raw

MOST_OPEN = 4096
"""Texts that a stream may begin."""

Rewording = Callable[[str], Generator[Held, str, str]]


class Outputs:
    """The texts of one answer."""

    __slots__ = ("_anchor", "_begun", "_binder", "_plan", "_reworded", "_tag", "_way", "parted", "reads")

    def __init__(self, plan: Plan, binder: Binder | None, anchor: str, reworded: Rewording) -> None:
        """`reworded`: a text in other words, the same whenever it is asked for."""
        self._plan, self._binder, self._anchor, self._reworded = plan, binder, anchor, reworded
        self._tag = f"<{plan.knobs.tag}>".encode()
        self._way = self._new_way()
        """Of all deltas: what is held of them has one room."""
        self._begun: dict[object, Inline] = {}
        self.reads = self._way.hides and bool(plan.knobs.tag)
        """May a text have to change?"""
        self.parted = False
        """Does the server part reasoning from the answer itself? Then no template's tag is open in the answer."""

    def begin(self, name: object) -> None:
        """A message's first text begins."""
        if self.reads and name not in self._begun:
            if len(self._begun) >= MOST_OPEN:
                raise ShapingError("the answer has too many items")
            self._begun[name] = self._inline(self._way)

    def reader(self, name: object) -> Inline | None:
        """Of a text's pieces; None where they are the answer's."""
        if self._plan.knobs.preopened:
            self.begin(name)
        return self._begun.get(name)

    def spares(self, raw: bytes | Raw) -> bool:
        """Can nothing of this JSON have to change? Mostly: then nothing of a long text is looked at."""
        text = bytes(raw)
        tagged = (b"<" in text and self._tag in text) or (b"\\" in text and b"\\u" in text)  # one byte is found much faster than two
        return not self.reads or not (self._plan.knobs.preopened or tagged)

    def whole(self, text: str) -> Generator[Held, str, tuple[str, bool]]:
        """What is shown of a whole text, and whether it holds reasoning."""
        inline = self._inline(self._new_way())
        shown = (yield from inline.feed(text)) + (yield from inline.end())
        return shown, inline.met

    def _inline(self, way: Way) -> Inline:
        return Inline(way, self._plan.knobs.tag, preopened=self._plan.knobs.preopened and not self.parted)

    def _new_way(self) -> Way:
        return _Way(self._plan, self._binder, self._anchor, self._reworded)


class _Way(Way):
    """Another model is asked once for each text."""

    __slots__ = ("_reworded",)

    def __init__(self, plan: Plan, binder: Binder | None, anchor: str, reworded: Rewording) -> None:
        super().__init__(plan, binder, anchor)
        self._reworded = reworded

    def rewritten(self, text: str) -> Generator[Held, str, str]:
        if not self.rewrites or not text.strip():
            return ""
        return (yield from self._reworded(text))
