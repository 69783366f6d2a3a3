"""OpenAI chat completions.

Reasoning is never asked to stay away, nor is a caller's wish that it should touched: it must come to be sealed, or the caller could
not send back what servers like DeepSeek's want back. It is hidden in the answer. Gemini's thoughts alone need not come: what it wants
back are its signatures.
"""

from typing import ClassVar

from proxy.core.shaping import Plan, Show
from proxy.dialects.openai_chat import CAPS, Chat
from proxy.dialects.openai_stream import STREAM_KEYS
from proxy.shaping.edit import Object, Raw, closed, maybe_object, maybe_text
from proxy.shaping.requests import caps, members, opening
from proxy.shaping.requests.chat_effort import GOOGLE, lower_effort

SYSTEM = frozenset({"system", "developer"})

NAMES = frozenset({
    "model", "messages", "n", "best_of", "reasoning_effort", "reasoning", "thinking", "chat_template_kwargs", "extra_body",
    "enable_thinking", "thinking_budget", "thinking_token_budget", *STREAM_KEYS, *members.SHOWS, *members.SPELLS, *CAPS,
})  # fmt: skip
"""What is looked at here."""

_chat = Chat()


class ChatRequest:
    """`POST /chat/completions`."""

    name: ClassVar[str] = "openai_chat"

    def request(self, body: bytes, plan: Plan) -> bytes:
        return members.with_usage(members.shaped(body, plan, STEPS, NAMES), plan, _chat)


def instruct(found: Object, plan: Plan) -> None:
    if plan.instruct:
        members.edited_items(found, "messages", lambda messages: _instructed(messages, members.joined(plan)))


def _instructed(messages: list[Raw], text: str) -> list[Raw]:
    """Behind the leading system messages: what stands before is as it was, also for a prompt cache."""
    opened = [maybe_object(message) or {} for message in messages]
    roles = [maybe_text(message.get("role")) for message in opened]
    leading = next((place for place, role in enumerate(roles) if role not in SYSTEM), len(roles))
    if any(maybe_text(message.get("content")) == text for message in opened[:leading]):
        return messages
    added = closed({"role": roles[0] if leading else "system", "content": text})
    return [*messages[:leading], added, *messages[leading:]]


def show_less(found: Object, plan: Plan) -> None:
    if plan.reasoning.show is Show.OMIT:
        members.within(found, GOOGLE, _without_thoughts)


def _without_thoughts(config: Object) -> None:
    if "include_thoughts" in config:
        members.say(config, "include_thoughts", False)  # noqa: FBT003


def cap(found: Object, plan: Plan) -> None:
    if plan.output_cap is not None:
        caps.cap(found, CAPS, caps.each(found, plan.output_cap), plan)


STEPS = (members.set_model, members.single_choice, members.fewer_logprobs, show_less, lower_effort, opening.say_so, cap, instruct)
