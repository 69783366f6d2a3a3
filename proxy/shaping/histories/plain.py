"""Reasoning that stands in a message as text, of which a token is what is left.

Rule 1: tokens in one text, opened and put together, are the whole text as the model wrote it: what is shown beside them is part of it.
Rule 2: a text goes back to the member that its token names, for clients copy `reasoning` into `reasoning_content` and back.
Rule 3: where one of a text's tokens is not at home, all of the text goes: half of it would be a text that the model never wrote.
"""

import re
from collections.abc import Sequence

from proxy.core.sealing import MARK
from proxy.dialects import twins
from proxy.shaping.edit import EMPTY, NULL, Object, Raw, closed, maybe_items, maybe_object, maybe_text
from proxy.shaping.histories import parts
from proxy.shaping.histories.judge import Judge, tokens
from proxy.shaping.histories.texts import joined

FIELDS = ("reasoning_content", "reasoning")
DETAILS, INLINE = "reasoning_details", "think"
NAMES = frozenset({*FIELDS, INLINE, parts.MEMBER})

TEXTS, OPAQUE = ("text", "summary"), ("data", "signature")
"""Members of an entry of `reasoning_details`. (https://openrouter.ai/docs/use-cases/reasoning-tokens)"""

SIGNATURE = "thought_signature"
"""What every opaque value of chat is called in its token."""

TAGS = frozenset({"think", "thinking", "thought", "reasoning"})
"""What stands in these is reasoning, whoever's it is."""

_JUDGED = frozenset({*TEXTS, *OPAQUE})
_tag = re.compile(r"\s*<([A-Za-z][\w.:-]*)>")
_sealed = re.compile(re.escape(MARK) + r"[A-Za-z0-9+/]{24}[A-Za-z0-9+/=\s]*")
_close = re.compile(r"</([A-Za-z][\w.:-]*)>")


def fields(message: Object, judge: Judge, anchor: str) -> None:
    for name in FIELDS:
        text = maybe_text(message.get(name))
        if text is not None and MARK in text:
            found = judge.text(text, (anchor,), NAMES)
            if found:
                _put_back(message, name, found)


def _put_back(message: Object, field: str, found: list[Object | None]) -> None:
    """DeepSeek wants its field back, be it empty; elsewhere what is empty had better not be there."""
    whole = [members for members in found if members is not None]
    if len(whole) < len(found):
        message[field] = EMPTY
        if field != "reasoning_content":
            del message[field]
        return
    names = dict.fromkeys(name for members in whole for name in members)
    if field not in names:
        del message[field]
    for name in names:
        text = joined([members[name] for members in whole if name in members])
        if name == INLINE:
            message["content"] = _before(text, message.get("content", NULL))
        elif name == parts.MEMBER:
            message["content"] = _with_part(text, message.get("content", NULL))
        else:
            message[name] = text


def _before(text: Raw, content: Raw) -> Raw:
    """A block that a client took out of the content is put back at its beginning."""
    parts = maybe_items(content)
    if parts is not None:
        return closed([{"type": "text", "text": text}, *parts])
    return text if content == NULL else joined([text, content])


def _with_part(text: Raw, content: Raw) -> Raw:
    """The same where the content was a list of parts."""
    rest = maybe_items(content)
    if rest is None:
        rest = [] if content in (NULL, EMPTY) else [closed({"type": "text", "text": content})]
    return closed([parts.part(text), *rest])


def details(message: Object, judge: Judge, anchor: str) -> None:
    found = maybe_items(message.get(DETAILS))
    if not found:
        return
    after = [entry for raw in found if (entry := _entry(raw, judge, anchor)) is not None]
    if not after:
        del message[DETAILS]
    elif after != found:
        message[DETAILS] = closed(after)


def _entry(raw: Raw, judge: Judge, anchor: str) -> Raw | None:
    """As the provider made it; None where it must go."""
    entry = maybe_object(raw) or {}
    before = dict(entry)
    kept = [_opaque(entry, name, judge, anchor) for name in OPAQUE] + [_text(entry, name, judge, anchor) for name in TEXTS]
    if not all(kept):
        return None
    return raw if entry == before and twins.repeated(bytes(raw), _JUDGED & entry.keys()) is None else closed(entry)


def _opaque(entry: Object, name: str, judge: Judge, anchor: str) -> bool:
    verdict = judge.value(entry.get(name), (anchor,), frozenset({SIGNATURE}))
    if verdict.members is not None:
        entry[name] = verdict.members[SIGNATURE]
    return verdict.stays or verdict.members is not None


def _text(entry: Object, name: str, judge: Judge, anchor: str) -> bool:
    text = maybe_text(entry.get(name))
    if text is None or MARK not in text:
        return True
    found = judge.text(text, (anchor,), frozenset({name}))
    whole = [members[name] for members in found if members is not None]
    if found and len(whole) == len(found):
        entry[name] = joined(whole)
    return len(whole) == len(found)


def inline(message: Object, judge: Judge, *anchors: str) -> None:
    """The text, or the first text of a list of parts."""
    raw = message.get("content")
    text = maybe_text(raw)
    if text is not None:
        if MARK in text:
            message["content"] = _inline(text, judge, anchors)
        return
    parts = maybe_items(raw) or []
    first = maybe_object(parts[0]) if parts else None
    text = maybe_text(first.get("text")) if first is not None else None
    if first is not None and text is not None and MARK in text:
        parts[0] = closed(first | {"text": _inline(text, judge, anchors)})
        message["content"] = closed(parts)


def _inline(text: str, judge: Judge, anchors: Sequence[str]) -> Raw:
    """Blocks at the beginning become the model's own, tags and all; white space around them is the answer's."""
    out: list[Raw] = []
    place = 0
    while (block := _block(text, place, judge, anchors)) is not None:
        begins, start, end = block
        found = judge.text(text[start:end], anchors, frozenset({INLINE}))
        whole = [members[INLINE] for members in found if members is not None]
        original = joined(whole if len(whole) == len(found) else [EMPTY])
        spaced = (maybe_text(original) or "x")[:1].isspace()  # then the space before the tag is in it
        out += [closed(text[place : begins if spaced else start]), original]
        place = end
    return joined([*out, closed(text[place:])])


def _block(text: str, place: int, judge: Judge, anchors: Sequence[str]) -> tuple[int, int, int] | None:
    """The next block that a token stands in: where it begins, where its tag stands, where it ends. Without its opening tag, which a
    template may have written, or in a tag of another kind, it is told by the token itself from an answer that speaks of somebody's."""
    found = _sealed_at(text, place)
    begins = _behind_shown(text, place, found[0].start(), found[1][1]) if found is not None else None
    if found is None or begins is None:
        return None
    (sealed, close), tagged = found, _tagged(text, begins, found[1][1])
    held = list(tokens(sealed[0], judge.known))
    sure = tagged is not None and close[1] in TAGS and (begins == place or _tagged(text, place, close[1]) is not None)
    if not held or not (sure or any(judge.home(token, anchors) for token in held)):
        return None
    return begins, begins if tagged is None else tagged, close.end()


def _sealed_at(text: str, place: int) -> tuple[re.Match[str], re.Match[str]] | None:
    """What looks like tokens, and the closing tag behind them."""
    for sealed in _sealed.finditer(text, place):
        if (close := _close.match(text, sealed.end())) is not None:
            return sealed, close
    return None


def _behind_shown(text: str, place: int, end: int, name: str) -> int | None:
    """Where the block begins that goes on at `end`, behind those that were shown whole; None where an answer stands in between. A
    block must begin with its tag, but for the first, whose tag a template may have written."""
    close, begins = f"</{name}>", place
    while (found := text.find(close, begins, end)) >= 0:
        if begins and _tagged(text, begins, name) is None:
            return None
        begins = found + len(close)
    return begins if begins == place or _tagged(text, begins, name) is not None else None


def _tagged(text: str, place: int, name: str) -> int | None:
    """Where the opening tag stands that the text at `place` begins with, white space aside."""
    tag = _tag.match(text, place)
    return tag.start(1) - 1 if tag is not None and tag[1] == name else None
