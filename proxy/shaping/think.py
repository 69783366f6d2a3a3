"""Inline reasoning: `<think>…</think>` at the beginning of an answer's text, found while the text is still coming.

Rule 1: a block begins only where nothing but white space came before it in the answer, or between it and the block before. A tag
that stands later, in a code fence or not, is text of the answer.
Rule 2: the first closing tag ends a block.
Rule 3: where the model's template opens the tag already, an answer begins inside of a block; an opening tag that comes all the same
belongs to it.
Rule 4: white space around blocks is the answer's: what follows a block's last tag is not touched, byte for byte.

Only what may be the beginning of a tag is held back, less than a tag's length.
"""

from enum import IntEnum
from typing import NamedTuple


class Kind(IntEnum):
    """What a piece of text is."""

    ANSWER = 0
    OPEN = 1
    """The opening tag."""
    REASONING = 2
    CLOSE = 3
    """The closing tag."""


class Piece(NamedTuple):
    """Some text of one kind; never empty."""

    kind: Kind
    text: str


class _At(IntEnum):
    """Where in the answer we are."""

    START = 0
    """Nothing but white space, or blocks, so far."""
    OPENED = 1
    """Inside of a block that the template opened; its opening tag may still come."""
    INSIDE = 2
    ANSWER = 3


class Think:
    """Feed it an answer's text; the pieces, put together, are the text. How it was cut changes where pieces break, nothing else."""

    __slots__ = ("_at", "_close", "_held", "_open")

    def __init__(self, tag: str, *, preopened: bool) -> None:
        self._open = f"<{tag}>"
        self._close = f"</{tag}>"
        self._at = _At.OPENED if preopened else _At.START
        self._held = ""

    @property
    def settled(self) -> bool:
        """Is everything from here on the answer's?"""
        return self._at is _At.ANSWER

    @property
    def inside(self) -> bool:
        """Is a block open?"""
        return self._at in {_At.OPENED, _At.INSIDE}

    @property
    def holds(self) -> bool:
        """Is something held that may be the beginning of a tag?"""
        return bool(self._held)

    def feed(self, text: str) -> list[Piece]:
        """What is known now of `text` and of what was held."""
        found: list[Piece] = []
        rest = self._held + text
        self._held = ""
        while rest and not self._held:
            rest = self._step(rest, found)
        return found

    def end(self) -> list[Piece]:
        """What was held for the beginning of a tag and is none."""
        held, self._held = self._held, ""
        return [Piece(Kind.REASONING if self.inside else Kind.ANSWER, held)] if held else []

    def _step(self, text: str, found: list[Piece]) -> str:
        """Takes the next piece off `text`, and gives what is left."""
        if self._at is _At.ANSWER:
            return _take(Kind.ANSWER, text, len(text), found)
        if self._at is _At.INSIDE:
            return self._to_the_end(text, found)
        bare = text.lstrip()
        inside = self._at is _At.OPENED
        if len(bare) < len(text):
            return _take(Kind.REASONING if inside else Kind.ANSWER, text, len(text) - len(bare), found)
        return self._opening(text, found)

    def _opening(self, text: str, found: list[Piece]) -> str:
        if text.startswith(self._open):
            self._at = _At.INSIDE
            return _take(Kind.OPEN, text, len(self._open), found)
        if self._open.startswith(text):
            self._held = text
            return ""
        self._at = _At.INSIDE if self._at is _At.OPENED else _At.ANSWER
        return text

    def _to_the_end(self, text: str, found: list[Piece]) -> str:
        place = text.find(self._close)
        if place > 0:
            return _take(Kind.REASONING, text, place, found)
        if place == 0:
            self._at = _At.START
            return _take(Kind.CLOSE, text, len(self._close), found)
        held = _overlap(text, self._close)
        self._held = text[len(text) - held :]
        return _take(Kind.REASONING, text, len(text) - held, found)


def _take(kind: Kind, text: str, size: int, found: list[Piece]) -> str:
    if size:
        found.append(Piece(kind, text[:size]))
    return text[size:]


def _overlap(text: str, tag: str) -> int:
    """How many characters at the end of `text` may be the beginning of `tag`."""
    return next((size for size in range(min(len(text), len(tag) - 1), 0, -1) if text.endswith(tag[:size])), 0)
