"""What `demo-signed` does beyond the other models in Anthropic's dialect: it signs its thinking, and refuses thinking that is not its own.

Rule 1: every thinking block of the history must be as it was sent: its text, or none (`display: omitted`), and its signature.
Rule 2: a tool turn that is still open must begin with its thinking. The real API asks this of `enabled` only; the demo asks it of
`adaptive` too, so that what is lost on the way shows.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from proxy.demo.conversation import Turn
from proxy.demo.seals import Verdict, judged, sealed
from proxy.errors import CallerError

THOUGHT, REDACTED = b"thnk", b"redc"

KINDS = ("thinking", "redacted_thinking")

LEAST_BUDGET = 1024

MODIFIED = (
    "`thinking` or `redacted_thinking` blocks in the latest assistant message cannot be modified. "
    "These blocks must remain as they were in the original response."
)
UNSTARTED = (
    "Expected `thinking` or `redacted_thinking`, but found `{}`. When `thinking` is enabled, a final `assistant` message must start "
    "with a thinking block (preceeding the lastmost set of `tool_use` and `tool_result` blocks). We recommend you include thinking "
    "blocks from previous turns. To avoid this requirement, disable `thinking`."
)

_REDACT = re.compile(r"\bredact\b", re.IGNORECASE)


def redacts(said: str) -> bool:
    """Whether the thinking about this is not to be shown."""
    return _REDACT.search(said) is not None


def signature(model: str, text: str) -> str:
    return sealed(THOUGHT, model, text)


def redacted(model: str, text: str) -> str:
    """The `data` of a redacted block."""
    return sealed(REDACTED, model, text)


def check(model: str, messages: Sequence[Turn], *, thinks: bool) -> None:
    """Raises `CallerError` 400 in Anthropic's words."""
    for number, turn in enumerate(messages):
        for place, block in enumerate(_blocks(turn)):
            if turn.get("role") == "assistant" and block.get("type") in KINDS:
                _check_block(model, block, f"messages.{number}.content.{place}")
    if thinks:
        _check_start(messages)


def check_budget(budget: int | None, cap: int) -> None:
    """Raises `CallerError` 400 for a budget that the real API does not take."""
    if budget is None:
        raise CallerError("thinking.enabled.budget_tokens: Field required")
    if budget < LEAST_BUDGET:
        raise CallerError(f"thinking.enabled.budget_tokens: Input should be greater than or equal to {LEAST_BUDGET}")
    if budget >= cap:
        raise CallerError("`max_tokens` must be greater than `thinking.budget_tokens`.")


def unthought(messages: Sequence[Turn]) -> list[Turn]:
    """The history without its thinking: what an answer depends on. What is null is the same as what is not there."""
    return [{"role": turn.get("role"), "content": _told(turn) if _blocks(turn) else turn.get("content")} for turn in messages]


def _told(turn: Turn) -> list[Turn]:
    kept = (block for block in _blocks(turn) if block.get("type") not in KINDS)
    return [{name: value for name, value in block.items() if value is not None} for block in kept]


def _blocks(turn: Turn) -> list[Mapping[str, Any]]:
    content = turn.get("content")
    return [block if isinstance(block, dict) else {} for block in content] if isinstance(content, list) else []


def _check_block(model: str, block: Mapping[str, Any], where: str) -> None:
    if block["type"] == "redacted_thinking":
        if judged(block.get("data"), REDACTED, model, None) is not Verdict.MADE:
            raise CallerError(f"{where}: Invalid `data` in `redacted_thinking` block")
        return
    text = block.get("thinking")
    verdict = judged(block.get("signature"), THOUGHT, model, text if text and isinstance(text, str) else None)
    if verdict is Verdict.FOREIGN:
        raise CallerError(f"{where}: Invalid `signature` in `thinking` block")
    if verdict is Verdict.ALTERED or not isinstance(text, str):
        raise CallerError(f"{where}: {MODIFIED}")


def _check_start(messages: Sequence[Turn]) -> None:
    """Only the assistant's message whose tool results are the last of the conversation."""
    if not any(block.get("type") == "tool_result" for block in _blocks(messages[-1])):
        return
    own = [number for number, turn in enumerate(messages) if turn.get("role") == "assistant"]
    kinds = [block.get("type") for block in _blocks(messages[own[-1]])] if own else []
    if "tool_use" in kinds and kinds[0] not in KINDS:
        raise CallerError(f"messages.{own[-1]}.content.0.type: {UNSTARTED.format(kinds[0])}")
