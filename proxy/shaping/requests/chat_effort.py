"""How much a model is to think, in the many words that chat's servers have for it.

Rule 1: every effort and budget that the caller says is lowered. One is added only where none is said, and only where it is less than
what most models do by themselves: a limit must not raise.
Rule 2: a tool turn ends as it began: thinking is not turned off in the middle of one.
"""

from proxy.core.shaping import Plan
from proxy.shaping.edit import Object, closed, maybe_items, maybe_object, maybe_text
from proxy.shaping.requests.members import BUDGETS, below, lower_budget, put, say, there, within
from proxy.shaping.requests.members import lower_effort as lower_word

USUAL = "medium"
"""What most models do when nothing is said."""

GOOGLE = ("extra_body", "google", "thinking_config")
"""Where Gemini's own parameters stand; an SDK's `extra_body={"extra_body": …}` puts them there. (ai.google.dev gemini-api/docs/openai)"""

WORDS = ("reasoning_effort", "effort", "thinking_level")
TOKENS = ("max_tokens", "thinking_budget", "thinking_token_budget", "budget_tokens")
PLACES = (("reasoning",), ("thinking",), ("chat_template_kwargs",), GOOGLE)
"""OpenRouter's, DeepSeek's and GLM's, vLLM's and SGLang's, Gemini's."""


def lower_effort(found: Object, plan: Plan) -> None:
    level = plan.reasoning.effort
    if not level:
        return
    if not _lowered(found, level) and below(level, USUAL):
        _add(found, plan)
    if level == "none" and not _in_a_tool_turn(found):
        _stop_thinking(found, plan)


def _lowered(found: Object, level: str) -> bool:
    """Lowers all that is said; was anything?"""
    said = [lower_word(found, "reasoning_effort", level)]
    said += [lower_budget(found, name, level) for name in ("thinking_budget", "thinking_token_budget")]

    def lower(inner: Object) -> None:
        said.extend(lower_word(inner, name, level) for name in WORDS)
        said.extend(lower_budget(inner, name, level) for name in TOKENS)

    for path in PLACES:
        within(found, path, lower)
    return any(said)


def _add(found: Object, plan: Plan) -> None:
    level, known = plan.reasoning.effort, plan.knobs.names
    if "reasoning_effort" in known:
        found["reasoning_effort"] = closed(level)
    elif "exclude" in known:
        put(found, ("reasoning", "effort"), level)
    elif "include_thoughts" in known:
        put(found, (*GOOGLE, "thinking_budget"), BUDGETS[level])


def _stop_thinking(found: Object, plan: Plan) -> None:
    known = plan.knobs.names
    if "enable_thinking" in known and not there(found, "enable_thinking"):
        put(found, ("chat_template_kwargs", "enable_thinking"), False)  # noqa: FBT003
    if "thinking_type" in known and not there(found, "thinking"):
        put(found, ("thinking", "type"), "disabled")
    _turn_off(found)
    within(found, ("chat_template_kwargs",), _turn_off)
    within(found, ("thinking",), _disable)


def _turn_off(found: Object) -> None:
    for name in ("enable_thinking", "thinking"):
        if bytes(found.get(name, b"")) == b"true":
            say(found, name, False)  # noqa: FBT003


def _disable(thinking: Object) -> None:
    if "type" in thinking:
        say(thinking, "type", "disabled")


def _in_a_tool_turn(found: Object) -> bool:
    messages = maybe_items(found.get("messages")) or []
    last = maybe_object(messages[-1]) if messages else None
    return maybe_text((last or {}).get("role")) in {"tool", "function"}
