"""Conversations of OpenAI responses that the caller keeps itself. What the provider keeps (`previous_response_id`) is not seen here.

A call or a message whose reasoning had to go is told apart from it by its `id`, which the API takes as the promise of that reasoning
("Item 'fc_…' was provided without its required 'reasoning' item"); without it the same item is taken as it stands, and the result is
found by `call_id`. A `compaction` item is not bound and never dropped, unlike reasoning: it stands for all of the conversation before
it, so whoever lost it, to another model or to time, would lose that; and most come from `/responses/compact`, which is no route here.
(AstralBeamAI/astralbeam pull 66, laravel/ai pull 1052; for messages NousResearch/hermes-agent pull 102282.)
"""

from typing import ClassVar

from proxy.core.sealing import MARK
from proxy.dialects import twins
from proxy.shaping.base import Restored
from proxy.shaping.binding import Binder
from proxy.shaping.edit import Object, Raw, closed, maybe_items, maybe_text, written
from proxy.shaping.histories import plain
from proxy.shaping.histories.judge import Judge, Verdict
from proxy.shaping.histories.turns import Said, Turns, content_of, messages_of, role_of, text_of

OPAQUE = (b"encrypted_content",)
PLACE = "encrypted_content"
NAMES = frozenset({PLACE, "summary", "content"})

NEEDY = frozenset({"function_call", "custom_tool_call", "message"})
"""Items that need the reasoning before them, as long as they have an id."""

_TWICE = frozenset({"type", "role", *NAMES})


class ResponsesHistory:
    """`POST /responses`."""

    name: ClassVar[str] = "openai_responses"

    def anchor(self, body: bytes) -> str:
        return Turns(_items(body)[1], tell).last

    def restore(self, body: bytes, binder: Binder) -> Restored:
        judge = Judge(binder)
        if judge.concerned(body, OPAQUE):
            body = _restored(body, judge)
        return judge.restored(body)


def tell(item: Object) -> Said | None:
    """Results of calls are the caller's, whatever kind of call it was, and so is an approval."""
    kind = maybe_text(item.get("type")) or "message"
    if kind.endswith("_output") or kind == "mcp_approval_response":
        name = item.get("call_id") or item.get("approval_request_id")
        return Said(ids=(text_of(name),))
    return content_of(item.get("content")) if kind == "message" and role_of(item) not in {"assistant", ""} else None


def _items(body: bytes) -> tuple[Object, list[Raw]]:
    """A bare text is one turn of the caller's."""
    found, items = messages_of(body, "input")
    if not items and maybe_text(found.get("input")) is not None:
        items = [closed({"role": "user", "content": found["input"]})]
    return found, items


def _restored(body: bytes, judge: Judge) -> bytes:
    found, _ = messages_of(body, "input")
    items = maybe_items(found.get("input")) or []
    turns = Turns(items, tell)
    after: list[Raw] = []
    bereft = False
    for place, raw in enumerate(items):
        bereft = bereft and turns.at(place) is None
        item = turns.message(place) if bereft or judge.concerned(raw, OPAQUE) else {}
        if PLACE not in item:
            said = _said(raw, item, judge, turns.all_before(place)) if item else raw
            after.append(_let_go(said, item) if bereft else said)
            continue
        verdict = _judged(item, judge, turns.all_before(place))
        bereft = not verdict.stays and verdict.members is None
        if not bereft:
            after.append(_once(raw, item) if verdict.stays else _whole(item, verdict.members or {}))
    if after == items and twins.repeated(body, frozenset({"input"}) & found.keys()) is None:
        return body
    return written(found | {"input": closed(after)} if items else found)


def _judged(item: Object, judge: Judge, anchors: list[str]) -> Verdict:
    """Other items than reasoning have encrypted contents too, which nobody hands out sealed: only a token is looked at in them."""
    text = maybe_text(item[PLACE])
    if maybe_text(item.get("type")) != "reasoning" and not (text or "").startswith(MARK):
        return Verdict(stays=True)
    return judge.value(item[PLACE], anchors, NAMES)


def _said(raw: Raw, item: Object, judge: Judge, anchors: list[str]) -> Raw:
    """An answer's text may begin with a block that a token stands for."""
    before = item.get("content")
    if role_of(item) == "assistant":
        plain.inline(item, judge, *anchors)
    return raw if item.get("content") == before else closed(item)


def _whole(item: Object, members: Object) -> Raw:
    if PLACE not in members:
        del item[PLACE]  # the upstream had none
    return closed(item | members)


def _let_go(raw: Raw, item: Object) -> Raw:
    kind = maybe_text(item.get("type")) or "message"
    if kind not in NEEDY or "id" not in item:
        return raw
    del item["id"]
    return closed(item)


def _once(raw: Raw, item: Object) -> Raw:
    """As it came, but for members that stand there twice."""
    return raw if twins.repeated(bytes(raw), _TWICE & item.keys()) is None else closed(item)
