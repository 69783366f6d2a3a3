"""Gemini's thought signatures in OpenAI's chat: `extra_content.google.thought_signature` of a tool call, a function call or a message.

A tool call without one is refused, so one that had to go leaves behind the word that Google documents for histories of another origin.
(https://ai.google.dev/gemini-api/docs/thought-signatures; vercel/ai pull 15560 found it taken by the live API.)
"""

from collections.abc import Callable, Sequence

from proxy.shaping.edit import Object, Raw, closed, maybe_object, maybe_text
from proxy.shaping.histories.judge import Judge
from proxy.shaping.requests.members import edited_items, within

SIGNATURE = "thought_signature"
PATH = ("extra_content", "google")

DUMMY = "skip_thought_signature_validator"
DUMMIES = frozenset({DUMMY, "context_engineering_is_the_way_to_go"})
"""Callers send them too, and nothing is in them."""


def signatures(message: Object, judge: Judge, anchor: str) -> None:
    def of_a_call(google: Object) -> None:
        if not _judged(google, judge, anchor):
            google[SIGNATURE] = closed(DUMMY)

    def of_a_message(google: Object) -> None:
        if SIGNATURE in google and not _judged(google, judge, anchor):
            del google[SIGNATURE]

    of_a_message(message)  # a copy that Gemini's previews put beside the other
    for path, edit in ((PATH, of_a_message), (("function_call", *PATH), of_a_call)):
        within(message, path, edit)
        _once(message, path)
    edited_items(message, "tool_calls", lambda calls: [_signed(call, of_a_call) for call in calls])


def _signed(raw: Raw, edit: Callable[[Object], None]) -> Raw:
    call = maybe_object(raw)
    if call is None:
        return raw
    before = dict(call)
    for path in (PATH, ("function", *PATH)):
        within(call, path, edit)
        _once(call, path)
    return raw if call == before and bytes(raw).count(b"extra_content") <= 1 else closed(call)


def _once(found: Object, path: Sequence[str]) -> None:
    """Writes anew what stands at `path` with a signature in it more than once, or maybe so: no reader must find another than was judged."""
    text = bytes(found.get(path[0], b""))
    if text.count(SIGNATURE.encode()) > 1 or (path == PATH and b"\\u00" in text):
        _rewrite(found, path)


def _rewrite(found: Object, path: Sequence[str]) -> None:
    inner = maybe_object(found.get(path[0])) if path else None
    if inner is not None:
        _rewrite(inner, path[1:])
        found[path[0]] = closed(inner)


def _judged(google: Object, judge: Judge, anchor: str) -> bool:
    """Puts back what the provider made; False where it must go."""
    raw = google.get(SIGNATURE)
    if maybe_text(raw) in DUMMIES:
        return True
    verdict = judge.value(raw, (anchor,), frozenset({SIGNATURE}))
    if verdict.members is not None:
        google |= verdict.members
    return verdict.stays or verdict.members is not None
