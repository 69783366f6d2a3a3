"""Judges what one request brings back: tokens and opaque values, each at its place.

What is not at home goes, or passes as it was made where the policy only watches (shadow); what cannot be opened goes always, for the
provider would not know it. All of it is noted: what follows for the caller is not decided here.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from proxy.core.sealing import MARK, Finding, Opened
from proxy.shaping.base import Restored
from proxy.shaping.binding import Binder
from proxy.shaping.edit import Object, Raw, maybe_text

UNOPENED = frozenset({Finding.FORGED, Finding.LOST})

MOST = 10_000
"""Values that are looked into in one request, more than any conversation holds. What comes after them is taken for forged, unseen."""

MOST_TOLD = 1000
"""Findings that are told."""

_run = re.compile(re.escape(MARK) + r"[A-Za-z0-9+/]{24,}={0,2}")
"""In a text. What is shorter cannot be a token, but a word of somebody who speaks of them."""
_inner = re.compile(re.escape(MARK))


@dataclass(frozen=True, slots=True)
class Verdict:
    """On one value."""

    stays: bool = False
    """It is as the provider must get it, or there is none."""
    members: Object | None = None
    """What to put in its place; None: it must go."""


STAYS, GOES = Verdict(stays=True), Verdict()


class Judge:
    """For one request."""

    def __init__(self, binder: Binder) -> None:
        self._binder = binder
        self._findings: list[tuple[Finding, str]] = []
        self._left = MOST
        self.knobs = binder.knobs

    def restored(self, body: bytes) -> Restored:
        return Restored(body, tuple(self._findings))

    def concerned(self, raw: bytes | Raw, opaque: Iterable[bytes]) -> bool:
        """Is there anything to judge? `opaque`: keys of values that are not to pass unsealed. Escapes may hide a key."""
        text = bytes(raw)
        if MARK.encode() in text:
            return True
        return self._binder.binds and (b"\\u00" in text or any(name in text for name in opaque))

    def value(self, raw: Raw | None, anchors: Sequence[str], names: frozenset[str]) -> Verdict:
        """On an opaque value. `names`: the members that a token at this place may stand for."""
        text = maybe_text(raw)
        if not text:
            return STAYS
        if text.startswith(MARK):
            members = self.token(text, anchors, names)
            return GOES if members is None else Verdict(members=members)
        return STAYS if self._passes() else GOES

    def token(self, token: str, anchors: Sequence[str], names: frozenset[str]) -> Object | None:
        """What it stands for; None where it must go."""
        opened, members = self._opened(token, anchors)
        in_place = bool(members) and members.keys() <= names
        finding = opened.finding
        if finding is Finding.HOME and in_place:
            return members
        if finding is Finding.HOME:
            finding = Finding.FORGED if members else Finding.LOST
        self._note(finding, opened.issued_to)
        passes = not self._binder.rules.enforce and finding not in UNOPENED and in_place
        return members if passes else None

    def text(self, text: str, anchors: Sequence[str], names: frozenset[str]) -> list[Object | None]:
        """On every token in a text, in order."""
        return [self.token(token, anchors, names) for token in tokens(text, self.known)]

    def known(self, token: str) -> bool:
        """Is it a token of ours at all, wherever it belongs?"""
        return self._looked(token, "")[0].finding not in UNOPENED

    def home(self, token: str, anchors: Sequence[str]) -> bool:
        """Is it at home here? A text that only speaks of somebody's token is no evidence against whoever sends it."""
        return any(self._looked(token, anchor)[0].finding is Finding.HOME for anchor in anchors)

    def _note(self, finding: Finding, issued_to: str) -> None:
        if len(self._findings) < MOST_TOLD:
            self._findings.append((finding, issued_to))

    def _looked(self, token: str, anchor: str) -> tuple[Opened, Object]:
        self._left -= 1
        return self._binder.opened(token, anchor) if self._left >= 0 else (Opened(Finding.FORGED), {})

    def _opened(self, token: str, anchors: Sequence[str]) -> tuple[Opened, Object]:
        """At the nearest turn, or at one of those behind it that may be meant as well."""
        first = self._looked(token, anchors[0] if anchors else "")
        for anchor in anchors[1:] if first[0].finding is Finding.ELSEWHERE else ():
            other = self._looked(token, anchor)
            if other[0].finding is not Finding.ELSEWHERE:
                return other
        return first

    def _passes(self) -> bool:
        """May an opaque value that is no token go to the provider?"""
        rules = self._binder.rules
        if not self._binder.binds or rules.unsealed == "pass":
            return True
        self._note(Finding.FOREIGN, "")
        return not rules.enforce


def tokens(text: str, known: Callable[[str], bool]) -> Iterator[str]:
    """Tokens may follow each other without anything between them, and one in some millions holds the mark inside: what does not open
    up to the next mark is tried up to the one after. So no part of a text is looked at more than thrice."""
    for run in _run.finditer(text):
        pieces = _pieces(run[0])
        place = 0
        while place < len(pieces):
            both = "".join(pieces[place : place + 2])
            joins = len(both) > len(pieces[place]) and not known(pieces[place]) and known(both)
            yield both if joins else pieces[place]
            place += 1 + joins


def _pieces(run: str) -> list[str]:
    """Cut before each mark that stands where one of base64's groups of four begins."""
    starts = [match.start() for match in _inner.finditer(run) if match.start() % 4 == 0]
    return [run[start:end] for start, end in zip(starts, [*starts[1:], len(run)], strict=True)]
