"""What a caller's turn says, however it is written, and which turn a block answers.

Leading system messages are no turn: a conversation that lost its beginning has them still, and what stands behind them then answers
nothing that could be compared.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec

from proxy.shaping.edit import BROKEN, NULL, Object, Raw, maybe_items, maybe_object, maybe_text

MOST_BACK = 8
"""Turns that are tried, where results of calls may stand between what one answer said."""

SYSTEM = frozenset({"system", "developer"})

_sorted = msgspec.json.Encoder(order="sorted").encode


@dataclass(frozen=True, slots=True)
class Said:
    """A turn, or a part of one."""

    ids: tuple[str, ...] = ()
    """Of the calls that it brings the results of. What those are does not count: clients clear old ones."""
    text: str = ""
    media: tuple[str, ...] = ()
    """Digests of what is neither."""

    @property
    def print(self) -> str:
        """16 hex digits. Media only count where there is nothing else: clients put words in the place of old pictures."""
        media = () if self.ids or self.text else self.media
        return _digest((sorted(self.ids), self.text.strip(), media)).hexdigest()[:16]


Teller = Callable[[Object], Said | None]
"""What a message says; None where it is not the caller's."""


class Turns:
    """A conversation's messages, each opened when it is looked at: of a long one, few are."""

    def __init__(self, messages: Sequence[Raw], tell: Teller) -> None:
        self._messages = messages
        self._tell = tell
        self._said: dict[int, Said | None] = {}
        self._before: dict[int, int | None] = {}
        places = range(len(messages))
        self.start = next((place for place in places if role_of(self.message(place)) not in SYSTEM), len(messages))
        """How many system messages lead."""

    def message(self, place: int) -> Object:
        """A copy; nothing of what is no object."""
        return maybe_object(self._messages[place]) or {}

    def before(self, place: int) -> str:
        """Fingerprint of the turn that a block of the message at `place` answers; "" where there is none."""
        return next(iter(self.all_before(place, 1)), "")

    def all_before(self, place: int, most: int = MOST_BACK) -> list[str]:
        """The nearest turn first, and then, as long as turns only bring results of calls, those before them."""
        found: list[str] = []
        nearest = self._nearest(place)
        while nearest is not None and (said := self.at(nearest)) is not None:
            found.append(said.print)
            nearest = self._nearest(nearest) if said.ids and len(found) < most else None
        return found

    def _nearest(self, place: int) -> int | None:
        """Whoever asks from the beginning on looks at every message once."""
        for each in range(place - 1, self.start - 1, -1):
            if self.at(each) is not None:
                self._before[place] = each
                break
            if each in self._before:
                self._before[place] = self._before[each]
                break
        return self._before.setdefault(place, None)

    def at(self, place: int) -> Said | None:
        if place not in self._said:
            self._said[place] = self._tell(self.message(place))
        return self._said[place]

    @property
    def last(self) -> str:
        return self.before(len(self._messages))


def role_of(message: Object) -> str:
    return maybe_text(message.get("role")) or ""


def messages_of(body: bytes, name: str) -> tuple[Object, list[Raw]]:
    """The request's members, and the items of the list at `name`."""
    found = maybe_object(body) or {}
    return found, maybe_items(found.get(name)) or []


def content_of(content: Raw | None) -> Said:
    """What a message's content says, a text or a list of blocks."""
    blocks = maybe_items(content)
    if blocks is None:
        return Said(text=text_of(content))
    told = [_block(block) for block in blocks]
    return Said(
        ids=tuple(name for each in told for name in each.ids),
        text="".join(each.text for each in told),
        media=tuple(name for each in told for name in each.media),
    )


def _block(raw: Raw) -> Said:
    block = maybe_object(raw)
    if block is None:
        return Said(text=text_of(raw))
    if (name := maybe_text(block.get("tool_use_id"))) is not None:
        return Said(ids=(name,))
    if "text" in block:
        return Said(text=text_of(block["text"]))
    block.pop("cache_control", None)
    return Said(media=(_digest(_plain(block)).hexdigest()[:16],))


def text_of(raw: Raw | None) -> str:
    """A text; what is none as it is written; "" for null or nothing."""
    text = maybe_text(raw)
    if text is not None:
        return text
    return "" if raw is None or raw == NULL else bytes(raw).decode(errors="replace")


def _plain(block: Object) -> object:
    try:
        return {name: msgspec.json.decode(value) for name, value in block.items()}
    except BROKEN:
        return {name: bytes(value).decode(errors="replace") for name, value in block.items()}


def _digest(value: object) -> "hashlib._Hash":
    return hashlib.sha256(_sorted(value))
