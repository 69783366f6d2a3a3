"""The items that a response answered, as OpenAI's Responses list them: newest first, in pages."""

from collections.abc import Mapping, Sequence
from typing import Any

from proxy.demo.conversation import Turn
from proxy.errors import CallerError

USUAL, MOST = 20, 100
"""Items of a page."""


def listed(response: str, turns: Sequence[Turn], query: Mapping[str, str], *, sealed: bool) -> dict[str, Any]:
    """One page. Encrypted reasoning is in it only if it is asked for, as with the real API. Raises `CallerError`."""
    items = [_item(response, place, turn, sealed=sealed) for place, turn in enumerate(turns)]
    if query.get("order", "desc") == "desc":
        items.reverse()
    names = [item["id"] for item in items]
    first = _after(names, query.get("after", ""))
    page = items[first : first + _limit(query.get("limit", ""))]
    ends = {"first_id": page[0]["id"], "last_id": page[-1]["id"]} if page else {"first_id": None, "last_id": None}
    return {"object": "list", "data": page, "has_more": first + len(page) < len(items)} | ends


def _item(response: str, place: int, turn: Turn, *, sealed: bool) -> dict[str, Any]:
    kind = turn.get("type") or "message"
    item: dict[str, Any] = {"id": f"{kind}_{response.removeprefix('resp_')}_{place}", "type": kind, "status": "completed"} | dict(turn)
    if isinstance(turn.get("content"), str):
        item["content"] = [{"type": "output_text" if turn.get("role") == "assistant" else "input_text", "text": turn["content"]}]
    if kind == "reasoning" and not sealed:
        item.pop("encrypted_content", None)
    return item


def _after(names: list[str], name: str) -> int:
    if name and name not in names:
        raise CallerError(f"Item with id '{name[:120]}' not found.", status=404, code="item_not_found", param="after")
    return names.index(name) + 1 if name else 0


def _limit(given: str) -> int:
    if not given:
        return USUAL
    if not given.isdecimal() or not 1 <= int(given) <= MOST:
        raise CallerError(f"'limit' must be a number from 1 to {MOST}.", param="limit")
    return int(given)
