"""Does an answer begin inside of reasoning? A template that opens the tag itself does so only while the model is to think.

Rule 1: a switch is believed only where the policy says that the model knows it (`knobs`), and only in the place where the model reads
it: a server that never looks at it would go on thinking, and all of it would be shown.
Rule 2: so a caller's `enable_thinking: false` at the top, which Qwen's own API reads, is said to the template as well (`say_so`).
Rule 3: a legacy prompt passes through no template, and no switch changes it.
Rule 4: a caller may open the tag itself, in a prompt or at the beginning of an answer that it has the model go on with.
Rule 5: whether a prompt of token ids opens it cannot be read here, so none is taken while reasoning in text is to be hidden.
"""

from collections.abc import Callable, Mapping

from proxy.core.shaping import Plan, Show
from proxy.dialects import twins
from proxy.errors import CallerError
from proxy.shaping.edit import NULL, Object, maybe_items, maybe_object, maybe_text
from proxy.shaping.requests import members
from proxy.shaping.requests.knobs import CHAT, RESPONSES

BY_NUMBERS = (
    "For now reasoning is left out of your account's answers, and in the answer to a prompt of token ids it cannot be told apart. "
    "Send the prompt as text."
)
TEMPLATE, SWITCH = "chat_template_kwargs", "enable_thinking"


def opens(dialect: str, body: bytes, plan: Plan) -> bool:
    """Does the answer begin inside of reasoning? `body`: as it goes to the provider. Raises `CallerError` for a prompt of token ids."""
    knobs, switches = plan.knobs, OFF.get(dialect)
    found = maybe_object(body) or {}
    if knobs.tag and any(bytes(raw)[:1] != b'"' for raw in maybe_items(found.get("prompt")) or []):
        raise CallerError(BY_NUMBERS, param="prompt")
    if knobs.tag and _left_open(found, knobs.tag):
        return True
    if not knobs.preopened or switches is None:
        return knobs.preopened
    return not any(knob in knobs.names and is_off(found) for knob, is_off in switches.items())


def _left_open(found: Object, tag: str) -> bool:
    """A prompt, or an answer that the caller began, that ends within the tag: what follows is reasoning that never says so."""
    turns = next((each for name in ("messages", "input") if (each := maybe_items(found.get(name)))), [])
    last = maybe_object(turns[-1]) if turns else None
    texts = [found.get("prompt"), *(maybe_items(found.get("prompt")) or [])]
    if last is not None and (maybe_text(last.get("role")) == "assistant" or _is_false(found, "add_generation_prompt")):
        content = last.get("content")
        texts += [content, *((maybe_object(part) or {}).get("text") for part in maybe_items(content) or [])]
    return any(_open(text, f"<{tag}") for raw in texts if (text := maybe_text(raw)) is not None)


def _open(text: str, begins: str) -> bool:
    """A tag that is begun at the very end counts: the model may finish it."""
    torn = any(text.rstrip().endswith(begins[:size]) for size in range(2, len(begins) + 1))
    return torn or text.rfind(begins) > text.rfind(begins.replace("<", "</"))


def say_so(found: Object, plan: Plan) -> None:
    """Tells the template what the caller tells the server, where it matters what the template does."""
    matters = plan.knobs.preopened and SWITCH in plan.knobs.names and plan.reasoning.show is not Show.ALL
    if matters and _is_false(found, SWITCH) and not members.there(maybe_object(found.get(TEMPLATE)) or {}, SWITCH):
        members.put(found, (TEMPLATE, SWITCH), False)  # noqa: FBT003


def _template_off(found: Object) -> bool:
    return _inner(found, TEMPLATE, SWITCH) == b"false"


def _type_off(found: Object) -> bool:
    return maybe_text(_inner(found, "thinking", "type")) == "disabled"


def _effort_off(found: Object) -> bool:
    return maybe_text(found.get("reasoning_effort")) == "none"


def _effort_within_off(found: Object) -> bool:
    return maybe_text(_inner(found, "reasoning", "effort")) == "none"


def _inner(found: Object, name: str, inner: str) -> bytes | None:
    """A member's member; None where it stands there twice, for the server may read the other one."""
    raw = found.get(name, NULL)
    value = (maybe_object(raw) or {}).get(inner)
    return None if value is None or twins.repeated(bytes(raw), frozenset({inner})) is not None else bytes(value)


def _is_false(found: Object, name: str) -> bool:
    return bytes(found.get(name, NULL)) == b"false"


OFF: Mapping[str, Mapping[str, Callable[[Object], bool]]] = {
    CHAT: {SWITCH: _template_off, "thinking_type": _type_off, "reasoning_effort": _effort_off},
    RESPONSES: {"effort": _effort_within_off},
}
"""By dialect and by the knob that says it: is thinking switched off?"""
