"""Anthropic's `thinking`: lowering it, and turning it off where it cannot go on. (https://platform.claude.com/docs/en/build-with-claude/thinking)

Models that think adaptively only refuse `disabled`, and need none: they do not ask that a turn begin with its thinking. So manual
thinking is disabled, and any other is left unsaid, which every model takes.
"""

from proxy.shaping.edit import Object, Raw, closed, maybe_items, maybe_object, maybe_text
from proxy.shaping.requests.members import LEAST_BUDGET, edited_items, lower, number, within

THINKS = frozenset({"enabled", "adaptive"})
"""Modes that have a `display`."""

KINDS = frozenset({"thinking", "redacted_thinking"})
"""Blocks of thinking."""


def mode(found: Object) -> str:
    """`enabled`, `adaptive`, `disabled` …; "" where nothing is said."""
    return maybe_text((maybe_object(found.get("thinking")) or {}).get("type")) or ""


def turn_off(found: Object) -> None:
    """In words that every model takes which took the request as it was."""
    if mode(found) == "enabled":
        disable(found)
    elif mode(found) not in {"", "disabled"}:
        del found["thinking"]
        _stop_clearing(found)


def disable(found: Object) -> None:
    found["thinking"] = closed({"type": "disabled"})
    _stop_clearing(found)


def _stop_clearing(found: Object) -> None:
    within(found, ("context_management",), lambda management: edited_items(management, "edits", _without_clearing))


def _without_clearing(edits: list[Raw]) -> list[Raw]:
    """`clear_thinking_…` is refused where nothing thinks."""
    kinds = [maybe_text((maybe_object(edit) or {}).get("type")) or "" for edit in edits]
    return [edit for edit, kind in zip(edits, kinds, strict=True) if not kind.startswith("clear_thinking")]


def fit(found: Object, most: int) -> None:
    """A budget that is below `max_tokens` again, after that was lowered to `most`: half of it, that an answer may follow."""
    budget = number(maybe_object(found.get("thinking")) or {}, "budget_tokens")
    if budget is None or budget < most or mode(found) != "enabled":
        return
    if most <= LEAST_BUDGET:
        turn_off(found)
    else:
        within(found, ("thinking",), lambda thinking: lower(thinking, "budget_tokens", max(LEAST_BUDGET, most // 2)))


def in_a_tool_turn(found: Object) -> bool:
    """Do the last message's tool results ask the model to go on?"""
    messages = maybe_items(found.get("messages")) or []
    last = maybe_object(messages[-1]) if messages else None
    blocks = maybe_items((last or {}).get("content")) or []
    return any(maybe_text((maybe_object(block) or {}).get("type")) == "tool_result" for block in blocks)
