"""Anthropic messages, and the same bodies without `max_tokens` for `count_tokens`, to which no cap is added."""

from typing import ClassVar

from proxy.core.shaping import EFFORTS, Plan, Show
from proxy.shaping.edit import Object, Raw, closed, maybe_object, maybe_text
from proxy.shaping.requests import members, thinking
from proxy.shaping.requests.members import below, number, put, within

USUAL = "high"
"""What models do when nothing is said. (https://platform.claude.com/docs/en/build-with-claude/effort)"""

LEAST = "low"
"""The least effort that there is here."""

DISPLAYS = {Show.OMIT: "omitted", Show.SUMMARY: "summarized"}

NAMES = frozenset({"model", "messages", "system", "max_tokens", "thinking", "output_config", "context_management"})
"""What is looked at here."""


class MessagesRequest:
    """`POST /messages`, `POST /messages/count_tokens`."""

    name: ClassVar[str] = "anthropic_messages"

    def request(self, body: bytes, plan: Plan) -> bytes:
        return members.shaped(body, plan, STEPS, NAMES)


def show_less(found: Object, plan: Plan) -> None:
    wanted = DISPLAYS.get(plan.reasoning.show)
    if wanted is not None and thinking.mode(found) in thinking.THINKS:
        within(found, ("thinking",), lambda config: _display(config, wanted, known="display" in plan.knobs.names))


def _display(config: Object, wanted: str, *, known: bool) -> None:
    """What is left out already stays so."""
    said = maybe_text(config.get("display"))
    if said != "omitted" and (known or said is not None):
        members.say(config, "display", wanted)


def lower_effort(found: Object, plan: Plan) -> None:
    level = plan.reasoning.effort
    if not level:
        return
    _lower_word(found, max(level, LEAST, key=EFFORTS.index), plan)
    within(found, ("thinking",), lambda config: members.lower_budget(config, "budget_tokens", level))
    if level == "none" and not thinking.in_a_tool_turn(found):
        _stop_thinking(found, plan)


def _lower_word(found: Object, level: str, plan: Plan) -> None:
    said: list[bool] = []
    within(found, ("output_config",), lambda config: said.append(members.lower_effort(config, "effort", level)))
    if not any(said) and "effort" in plan.knobs.names and below(level, USUAL):
        put(found, ("output_config", "effort"), level)


def _stop_thinking(found: Object, plan: Plan) -> None:
    """Models that only think adaptively cannot stop: for them the least effort must do."""
    mode = thinking.mode(found)
    if mode == "enabled" or (mode == "adaptive" and "budget" in plan.knobs.names):
        thinking.disable(found)


def cap(found: Object, plan: Plan) -> None:
    """`max_tokens` is required, and so is always there where tokens are made."""
    most = plan.output_cap
    if most is not None and (number(found, "max_tokens") or 0) > max(1, most):
        found["max_tokens"] = closed(max(1, most))
        thinking.fit(found, max(1, most))


def instruct(found: Object, plan: Plan) -> None:
    """In a list behind the last block, so that what is cached stays so."""
    text = members.joined(plan)
    said = maybe_text(found.get("system"))
    if text and (said is not None or not members.there(found, "system")):
        members.say(found, "system", members.appended(said or "", text))
    elif text:
        members.edited_items(found, "system", lambda blocks: _with_block(blocks, text))


def _with_block(blocks: list[Raw], text: str) -> list[Raw]:
    last = maybe_object(blocks[-1]) if blocks else None
    there = last is not None and maybe_text(last.get("text")) == text
    return blocks if there else [*blocks, closed({"type": "text", "text": text})]


STEPS = (members.set_model, show_less, lower_effort, cap, instruct)
