"""OpenRouter's `reasoning_details`: a list of entries with a `text` or a `summary`, and opaque `data` or a `signature`.
(https://openrouter.ai/docs/use-cases/reasoning-tokens)

Entries with one `index` are one entry, streamed. Each gets its own token, in its own text: so each can be put back by itself.
"""

from collections.abc import Generator

from proxy.core.shaping import Show
from proxy.shaping.answers.veils import BETWEEN, Veil, Way
from proxy.shaping.base import Held, ShapingError
from proxy.shaping.edit import NULL, Object, Raw, closed, maybe_items, maybe_object, maybe_text
from proxy.shaping.hiding import Hiding

MEMBER = "reasoning_details"
TEXTS = ("text", "summary")
OPAQUE = ("data", "signature")

Key = tuple[str, bytes]
"""A text's member, and its entry: its `index` in a stream, its place in a whole list."""


class Details:
    """Those of one choice."""

    __slots__ = ("_heads", "_limits", "_veils", "_way")

    def __init__(self, way: Way) -> None:
        self._way = way
        self._veils: dict[Key, Veil] = {}
        self._heads: dict[Key, Object] = {}
        """Of each text's last entry, all but its texts and opaque values: what an entry of ours begins with."""
        self._limits: dict[str, Hiding] = {}
        """By member: what is kept of a text is kept of all entries together."""

    def hide(self, raw: Raw, *, whole: bool) -> tuple[Raw, bool]:
        """The list with its texts hidden, and whether it had any. Raises `ShapingError` for what is no list of entries."""
        found = maybe_items(raw)
        if found is None:
            raise ShapingError("reasoning details cannot be read")
        changed, any_text = False, False
        for at, item in enumerate(found):
            entry = maybe_object(item)
            if entry is None:
                continue
            place = str(at).encode() if whole else bytes(entry.get("index", b""))
            texts = [name for name in TEXTS if entry.get(name, NULL) != NULL and not self._is_shown(name)]
            any_text = any_text or bool(texts)
            differs = [self._hidden(entry, (name, place)) for name in texts]
            if any(differs):
                found[at] = closed(entry)
                changed = True
        return closed(found) if changed else raw, any_text

    def ending(self) -> Generator[Held, str, dict[Key, str]]:
        """What stands for each text that was hidden."""
        texts = {}
        for key, veil in self._veils.items():
            if veil.changed and veil.text:
                token = self._way.token({key[0]: veil.text})
                text = (BETWEEN if veil.sealed and token else "") + (yield from self._way.rewritten(veil.text)) + token
                veil.renew()
                if text:
                    texts[key] = text
        return texts

    def added(self, texts: dict[Key, str]) -> Raw:
        """A list of ours, to be joined to what was streamed."""
        return closed([{**self._heads[key], key[0]: text} for key, text in texts.items()])

    @staticmethod
    def filled(raw: Raw, texts: dict[Key, str]) -> Raw:
        """A whole list with `texts` at the ends of its own."""
        found = maybe_items(raw) or []
        for (name, place), text in texts.items():
            entry = maybe_object(found[int(place)]) or {}
            entry[name] = closed((maybe_text(entry.get(name)) or "") + text)
            found[int(place)] = closed(entry)
        return closed(found)

    def _is_shown(self, name: str) -> bool:
        return name == "summary" and self._way.wanted.show is Show.SUMMARY

    def _hidden(self, entry: Object, key: Key) -> bool:
        text = maybe_text(entry[key[0]])
        if text is None:
            raise ShapingError("a text of reasoning cannot be read")
        veil = self._veils.get(key)
        if veil is None:
            limit = self._limits.setdefault(key[0], self._way.limit())
            veil = self._veils[key] = Veil(self._way, limit)
        self._heads[key] = {name: value for name, value in entry.items() if name not in TEXTS + OPAQUE}
        shown = veil.show(text)
        if shown == text:
            return False
        entry[key[0]] = closed(shown)
        return True


def bound(raw: Raw, way: Way) -> Raw:
    """The list with tokens for its opaque values."""
    found = maybe_items(raw) or []
    changed = False
    for at, item in enumerate(found):
        entry = maybe_object(item) or {}
        differs = False
        for name in OPAQUE:
            old = entry.get(name, NULL)
            new = way.bound(old)
            if new is not old:
                entry[name] = new
                differs = True
        if differs:
            found[at] = closed(entry)
            changed = True
    return closed(found) if changed else raw
