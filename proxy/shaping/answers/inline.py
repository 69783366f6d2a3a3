"""Inline reasoning in one choice's text: blocks are cut out, or hold what is shown of them and a token, tags around it.

A token stands for the whole block, tags and all, so that it can be put back as it was.
"""

from collections.abc import Generator

from proxy.core.shaping import Show
from proxy.shaping.answers.veils import Veil, Way
from proxy.shaping.base import Held
from proxy.shaping.hiding import Hiding
from proxy.shaping.think import Kind, Piece, Think

MEMBER = "think"
"""Under which a token keeps a block."""


class Inline:
    """Feed it the text delta by delta, then say that it ends; what comes out, put together, does not depend on the cuts."""

    __slots__ = ("_block", "_close", "_limit", "_open", "_shows", "_think", "_way", "met")

    def __init__(self, way: Way, tag: str, *, preopened: bool) -> None:
        self._way = way
        self._open = f"<{tag}>"
        self._close = f"</{tag}>"
        self._think = Think(tag, preopened=preopened)
        self._limit: Hiding = way.limit()
        self._shows = way.wanted.show is Show.KEEP
        self._block: _Block | None = None
        self.met = False
        """Was there reasoning?"""

    @property
    def settled(self) -> bool:
        """Is everything from here on the answer's?"""
        return self._think.settled

    @property
    def undecided(self) -> bool:
        """Is something held that may be the beginning of a tag?"""
        return self._think.holds

    @property
    def inside(self) -> bool:
        """Is a block open, be it that only the template said so?"""
        return self._think.inside

    def feed(self, text: str) -> Generator[Held, str, str]:
        return (yield from self._shown(self._think.feed(text)))

    def end(self) -> Generator[Held, str, str]:
        """The choice is finished: what was held, and the end of a block that was never closed."""
        shown = yield from self._shown(self._think.end())
        if self._block is not None:
            shown += yield from self._ended("")
        return shown

    def _shown(self, pieces: list[Piece]) -> Generator[Held, str, str]:
        out = []
        for kind, text in pieces:
            if kind is Kind.ANSWER:
                out.append(text)
            elif kind is Kind.CLOSE:
                out.append((yield from self._ended(text)))
            else:
                out.append(self._reasoning(kind, text))
        return "".join(out)

    def _reasoning(self, kind: Kind, text: str) -> str:
        self.met = True
        if self._block is None:
            self._block = _Block(Veil(self._way, self._limit))
        if kind is Kind.OPEN:
            self._block.veil.hold(text)
            return text if self._shows else ""
        shown = self._block.veil.show(text)
        if self._shows:
            return shown
        self._block.own += shown
        return ""

    def _ended(self, tag: str) -> Generator[Held, str, str]:
        """`tag`: the closing one, "" where it never came."""
        block, self._block = self._block or _Block(Veil(self._way, self._limit)), None
        veil, self.met = block.veil, True
        veil.hold(tag)
        hidden = veil.changed or not (self._shows or block.own)
        token = self._way.token({MEMBER: veil.text} if hidden and veil.text else {})
        text = ""
        if not self._shows:
            told = yield from self._way.rewritten(self._bare(veil.text))
            text = block.own + told.replace(self._close, "")  # the block ends where we say
        veil.renew()
        if self._shows:
            return token + (tag or (self._close if token else ""))
        return f"{self._open}{text}{token}{self._close}" if text or token else ""

    def _bare(self, block: str) -> str:
        return block.strip().removeprefix(self._open).removesuffix(self._close)


class _Block:
    """One that is open."""

    __slots__ = ("own", "veil")

    def __init__(self, veil: Veil) -> None:
        self.veil = veil
        self.own = ""
        """Tokens of ours that stand in it already."""
