"""OpenAI's legacy completions. There is nowhere to put a system instruction, and no effort to lower."""

from typing import ClassVar

from proxy.core.shaping import Plan, Show
from proxy.dialects.openai_completions import Completions
from proxy.dialects.openai_stream import STREAM_KEYS
from proxy.shaping.edit import Object, closed, maybe_items
from proxy.shaping.requests import caps, members

CAPS = ("max_tokens",)
NAMES = frozenset({"model", "prompt", "n", "best_of", *STREAM_KEYS, *members.SHOWS, *members.SPELLS, *CAPS})
"""What is looked at here."""

_completions = Completions()


class CompletionsRequest:
    """`POST /completions`."""

    name: ClassVar[str] = "openai_completions"

    def request(self, body: bytes, plan: Plan) -> bytes:
        return members.with_usage(members.shaped(body, plan, STEPS, NAMES), plan, _completions)


def show_less(found: Object, plan: Plan) -> None:
    """Whoever asks for no token asks for the prompt's echo, and without it the request would be refused."""
    if plan.reasoning.show is not Show.ALL and members.there(found, "echo") and members.number(found, "max_tokens") == 0:
        found["max_tokens"] = closed(1)


def cap(found: Object, plan: Plan) -> None:
    """Prompts cannot be made fewer: of more prompts than tokens each gets one."""
    if plan.output_cap is not None:
        caps.cap(found, CAPS, caps.each(found, plan.output_cap, prompts(found)), plan)


def prompts(found: Object) -> int:
    """A list of texts, or of token lists, is answered one by one; a list of numbers is one prompt."""
    each = maybe_items(found.get("prompt")) or []
    return len(each) if each and bytes(each[0])[:1] in {b'"', b"["} else 1


STEPS = (members.set_model, members.single_choice, show_less, members.fewer_logprobs, cap)
