"""What the strict models of OpenAI's Responses want back: their own reasoning items, before the function calls that came after them.

Rule 1: the name that the items of one response share tells whether there was reasoning, and which: nothing is remembered for that.
Rule 2: what an answer depends on holds no reasoning, and no ids but a call's plain one.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from proxy.demo.conversation import Turn
from proxy.demo.kinds import Kind
from proxy.demo.model import Reply
from proxy.demo.seals import Verdict, judged, sealed, stamp
from proxy.errors import CallerError

THOUGHT = b"reas"

PARTS = ("role", "content", "call_id", "name", "arguments", "output")
"""Of an item: what an answer depends on."""

STRICT = frozenset({Kind.SIGNED, Kind.OPEN})

_NAME = re.compile(r"(?:rs|fc)_([0-9a-f]{16})([0-9a-f]{16})([0-9a-f]{16})(?:_\d+)?")

UNREADABLE = "The encrypted content for item {} could not be verified."
ORPHAN = "Item '{}' of type 'function_call' was provided without its required 'reasoning' item: '{}'."
UNKNOWN = (
    "Item with id '{}' not found. Items are not persisted when `store` is set to false. Try again with `store` set to true, "
    "or remove this item from your input."
)


def name_of(model: str, reply: Reply) -> str:
    """What the ids of a response's items end in."""
    plain = f"{reply.seed:016x}"
    text = stamp(model, plain, "".join(reply.reasoning))
    return plain + text + stamp(model, plain, text, "reasoned" if reply.reasoning else "plain")


def encrypted(model: str, name: str, text: str) -> str:
    """The reasoning item's `encrypted_content`, bound to its id."""
    return sealed(THOUGHT, model, text, name)


def unfinished(content: str) -> str:
    """What a reasoning item holds when it begins: not what has to come back."""
    return content[: len(content) // 8 * 4]


def check(kind: Kind, model: str, items: Sequence[Turn], held: Callable[[str], bool]) -> None:
    """Raises `CallerError`. `held`: whether the reasoning item of this id is remembered."""
    if kind not in STRICT:
        return
    seen: set[str] = set()
    for item in items:
        name = str(item.get("id") or "")
        if item.get("type") == "reasoning":
            _check_thought(kind, model, item, held)
            seen.add(name)
        elif item.get("type") == "item_reference" and name.startswith("rs_"):
            _check_held(model, name, held)
            seen.add(name)
        elif item.get("type") == "function_call" and (required := _required(model, name)) and required not in seen:
            raise CallerError(ORPHAN.format(name, required), param="input")


def normal(items: Sequence[Turn]) -> list[dict[str, Any]]:
    """What an answer depends on."""
    kept = (item for item in items if item.get("type") != "reasoning" and not str(item.get("id")).startswith("rs_"))
    return [{name: _said(item[name]) for name in PARTS if item.get(name) is not None} for item in kept]


def _said(value: Any) -> object:
    """Texts alone of what has parts: clients send what goes with them, or do not."""
    parts = value if isinstance(value, list) else []
    return [part.get("text", part) if isinstance(part, dict) else part for part in parts] if parts else value


def _required(model: str, name: str) -> str:
    """The id of the reasoning item that a call of this id came after; "" if there is none, or if it is not ours."""
    found = _NAME.fullmatch(name)
    if not found or found[3] != stamp(model, found[1], found[2], "reasoned"):
        return ""
    return f"rs_{found[1]}{found[2]}{found[3]}"


def _check_held(model: str, name: str, held: Callable[[str], bool]) -> None:
    if _required(model, name) != name or not held(name):
        raise CallerError(UNKNOWN.format(name[:120]), status=404, code="item_not_found", param="input")


def _check_thought(kind: Kind, model: str, item: Mapping[str, Any], held: Callable[[str], bool]) -> None:
    name, content = str(item.get("id") or ""), item.get("encrypted_content")
    if kind is Kind.OPEN:
        _check_open(model, name, item)
    elif content is None:
        _check_held(model, name, held)
    elif judged(content, THOUGHT, model, None, name) is not Verdict.MADE:
        raise CallerError(UNREADABLE.format(name[:120]), code="invalid_encrypted_content")


def _check_open(model: str, name: str, item: Mapping[str, Any]) -> None:
    """Plain reasoning: its text is in its id."""
    if item.get("encrypted_content") is not None:
        raise CallerError("encrypted_content is not supported by this model.", code="unsupported_parameter", param="input")
    found, parts = _NAME.fullmatch(name), item.get("content")
    text = "".join(str(part.get("text")) for part in parts if isinstance(part, dict)) if isinstance(parts, list) else ""
    if not found or _required(model, name) != name or found[2] != stamp(model, found[1], text):
        raise CallerError(f"The reasoning content of item '{name[:120]}' was altered.", code="invalid_reasoning_content", param="input")
