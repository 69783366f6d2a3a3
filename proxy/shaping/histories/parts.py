"""Reasoning in a content that is a list of parts, as Mistral's: thinking parts that follow each other are one reasoning.

Clients join a stream's parts as they like, so a run of them that a token stands in becomes one part with one text, the whole of what
the model wrote; what it refers to stands behind it.
"""

from itertools import groupby

from proxy.core.sealing import MARK
from proxy.shaping.edit import EMPTY, Object, Raw, closed, maybe_items, maybe_object, maybe_text
from proxy.shaping.histories.judge import Judge
from proxy.shaping.histories.texts import joined

MEMBER = "thinking"
NAMES = frozenset({MEMBER})


def parts(message: Object, judge: Judge, anchor: str) -> None:
    before = maybe_items(message.get("content"))
    if not before:
        return
    after: list[Raw] = []
    for thinks, each in groupby(before, _thinks):
        run = list(each)
        after += _whole(run, judge, anchor) if thinks else run
    if after != before:
        message["content"] = closed(after) if after else EMPTY


def part(text: Raw) -> Raw:
    """One of ours, for a text that a client took out of the content."""
    return closed({"type": MEMBER, MEMBER: [{"type": "text", "text": text}]})


def _whole(run: list[Raw], judge: Judge, anchor: str) -> list[Raw]:
    """As the model wrote it; nothing where a token is not at home."""
    entries = [entry for raw in run for entry in _entries(raw)]
    text = "".join(_text(entry) or "" for entry in entries)
    found = judge.text(text, (anchor,), NAMES) if MARK in text else []
    if not found:
        return run
    originals = [members[MEMBER] for members in found if members is not None]
    if len(originals) < len(found):
        return []
    first = next(entry for entry in entries if _text(entry) is not None)
    others = [entry for entry in entries if _text(entry) is None]
    whole = closed((maybe_object(first) or {"type": closed("text")}) | {"text": joined(originals)})
    return [closed((maybe_object(run[0]) or {}) | {MEMBER: closed([whole, *others])})]


def _thinks(raw: Raw) -> bool:
    return maybe_text((maybe_object(raw) or {}).get("type")) == MEMBER


def _entries(raw: Raw) -> list[Raw]:
    """Of a part; a text may also stand in it bare."""
    inner = (maybe_object(raw) or {}).get(MEMBER)
    entries = maybe_items(inner)
    return entries if entries is not None else [] if inner is None else [inner]


def _text(entry: Raw) -> str | None:
    found = maybe_object(entry)
    return maybe_text(entry) if found is None else maybe_text(found.get("text"))
