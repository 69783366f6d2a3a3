"""Reasoning that stands in a message as text, of which a token is what is left.

Rule 1: tokens in one text, opened and put together, are the whole text as the model wrote it: what is shown beside them is part of it.
Rule 2: a text goes back to the member that its token names, for clients copy `reasoning` into `reasoning_content` and back.
Rule 3: where one of a text's tokens is not at home, all of the text goes: half of it would be a text that the model never wrote.
"""

import re

from proxy.core.sealing import MARK
from proxy.dialects import twins
from proxy.shaping.edit import EMPTY, NULL, Object, Raw, closed, maybe_items, maybe_object, maybe_text
from proxy.shaping.histories.judge import Judge, tokens

FIELDS = ("reasoning_content", "reasoning")
DETAILS, INLINE = "reasoning_details", "think"
NAMES = frozenset({*FIELDS, INLINE})

TEXTS, OPAQUE = ("text", "summary"), ("data", "signature")
"""Members of an entry of `reasoning_details`. (https://openrouter.ai/docs/use-cases/reasoning-tokens)"""

SIGNATURE = "thought_signature"
"""What every opaque value of chat is called in its token."""

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
        else:
            message[name] = text


def _before(text: Raw, content: Raw) -> Raw:
    """A block that a client took out of the content is put back at its beginning."""
    parts = maybe_items(content)
    if parts is not None:
        return closed([{"type": "text", "text": text}, *parts])
    return text if content == NULL else joined([text, content])


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


def inline(message: Object, judge: Judge, anchor: str) -> None:
    """The text, or the first text of a list of parts."""
    raw = message.get("content")
    text = maybe_text(raw)
    if text is not None:
        if MARK in text:
            message["content"] = _inline(text, judge, anchor)
        return
    parts = maybe_items(raw) or []
    first = maybe_object(parts[0]) if parts else None
    text = maybe_text(first.get("text")) if first is not None else None
    if first is not None and text is not None and MARK in text:
        parts[0] = closed(first | {"text": _inline(text, judge, anchor)})
        message["content"] = closed(parts)


def _inline(text: str, judge: Judge, anchor: str) -> Raw:
    """Blocks at the beginning become the model's own, tags and all; white space around them is the answer's."""
    out: list[Raw] = []
    place = 0
    while (block := _block(text, place, judge)) is not None:
        start, end = block
        found = judge.text(text[start:end], (anchor,), frozenset({INLINE}))
        whole = [members[INLINE] for members in found if members is not None]
        original = joined(whole if len(whole) == len(found) else [EMPTY])
        spaced = (maybe_text(original) or "x")[:1].isspace()  # then the space before the tag is in it
        out += [closed("" if spaced else text[place:start]), original]
        place = end
    return joined([*out, closed(text[place:])])


def _block(text: str, place: int, judge: Judge) -> tuple[int, int] | None:
    """Where a block begins and ends that a token stands in, None where none begins at `place`. Without its opening tag, which a
    template may have written, it is told from an answer that speaks of tokens by the token itself."""
    sealed = _sealed.search(text, place)
    close = _close.match(text, sealed.end()) if sealed is not None else None
    if sealed is None or close is None or close[0] in text[place : sealed.start()]:
        return None
    held = list(tokens(sealed[0], judge.known))
    tag = _tag.match(text, place)
    if held and tag is not None and tag[1] == close[1]:
        return tag.start(1) - 1, close.end()
    return (place, close.end()) if any(judge.known(token) for token in held) else None


def joined(texts: list[Raw]) -> Raw:
    """Texts in JSON, one after the other; halves of a sign that was cut meet again."""
    return Raw(b'"' + b"".join(bytes(text)[1:-1] for text in texts) + b'"') if texts else EMPTY
