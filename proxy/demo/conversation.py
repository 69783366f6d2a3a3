"""What the demo model reads from a conversation, whichever dialect it came in: who said what last, and what it saw before."""

from collections.abc import Mapping, Sequence
from typing import Any

from proxy.demo.text import count

Turn = Mapping[str, Any]
"""A message or item as the dialect sends it."""

_OWN = ("function_call", "reasoning")
"""Items of OpenAI's Responses that a model wrote, though they have no role."""


def spoken(turn: Turn) -> str:
    """The plain text of one turn, without tool results."""
    content = turn.get("content")
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return " ".join(part["text"] for part in parts if isinstance(part, dict) and isinstance(part.get("text"), str))


def last_said(turns: Sequence[Turn]) -> str:
    """What the user said last."""
    return next((text for turn in reversed(turns) if turn.get("role") == "user" and (text := spoken(turn))), "")


def to_answer(turns: Sequence[Turn]) -> str:
    """What the user said, if it is the user's turn that is to be answered now; "" where it is a tool's result."""
    return spoken(turns[-1]) if turns and turns[-1].get("role") == "user" else ""


def seen_before(turns: Sequence[Turn]) -> Sequence[Turn]:
    """The turns up to the model's last one: the part of a prompt that a provider's cache would hold."""
    own = [place for place, turn in enumerate(turns) if turn.get("role") == "assistant" or turn.get("type") in _OWN]
    return turns[: own[-1] + 1] if own else ()


def cached_tokens(turns: Sequence[Turn]) -> int:
    """Tokens of `seen_before`."""
    return count(list(seen_before(turns)))
