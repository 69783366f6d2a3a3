"""One piece of reasoning: what of it is shown, and what stands in its place at its end.

The text that is not shown is held only where it must come back (sealed into a token) or be put in other words.
"""

from collections.abc import Generator

from proxy.core.shaping import Reasoning, Show
from proxy.shaping.base import MOST_HELD, Held, ShapingError

CHARACTERS = 4
"""Characters taken for one token where `keep N tokens` cuts."""


class Hiding:
    """Feed it a piece of reasoning delta by delta; what it shows in all does not depend on how the piece was cut."""

    __slots__ = ("_held", "_keeps", "_left", "_show", "_size", "changed")

    def __init__(self, show: Show, keep: int = 0, *, keeps: bool) -> None:
        """`show`: ALL, KEEP (`keep` tokens), REWRITE or OMIT; what a summary is, the dialect knows. `keeps`: the text must come back."""
        self._show = show
        self._left = keep * CHARACTERS if show is Show.KEEP else 0
        self._keeps = show is not Show.ALL and (keeps or show is Show.REWRITE)
        self._held: list[str] = []
        self._size = 0
        self.changed = False
        """Did anything not show as it came?"""

    @classmethod
    def of(cls, wanted: Reasoning, *, keeps: bool) -> "Hiding":
        """For plain text, of which there is no summary but none."""
        return cls(Show.OMIT if wanted.show is Show.SUMMARY else wanted.show, wanted.keep, keeps=keeps)

    def show(self, text: str) -> str:
        """What of `text` is shown now. Raises `ShapingError` where more would have to be held than may be."""
        if self._show is Show.ALL:
            return text
        if self._keeps:
            self._size += len(text)
            if self._size > MOST_HELD:
                raise ShapingError("the answer's reasoning is longer than can be held back")
            self._held += [text] if text else []
        shown = text[: self._left]
        self._left -= len(shown)
        self.changed = self.changed or len(shown) < len(text)
        return shown

    @property
    def size(self) -> int:
        """Characters held."""
        return self._size

    @property
    def text(self) -> str:
        """All of it, as it came; "" where it is not held."""
        return "".join(self._held)

    def end(self) -> Generator[Held, str, str]:
        """What is shown at its end: what another model makes of it."""
        if self._show is Show.REWRITE and self._held:
            return (yield Held(self.text))
        return ""
