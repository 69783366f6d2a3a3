"""OpenAI's legacy completions. (https://platform.openai.com/docs/api-reference/completions)"""

from typing import ClassVar

import msgspec

from proxy.core.facts import Ask, Operation
from proxy.dialects import logits, peek
from proxy.dialects.base import Route
from proxy.dialects.openai_stream import STREAM_KEYS, Choices, asks_for_usage

GOVERNED = STREAM_KEYS | logits.KEYS | {"model", "prompt", "n", "best_of", "max_tokens"}


class Completions(Choices):
    """`POST /completions`."""

    name: ClassVar[str] = "openai_completions"
    routes: ClassVar[tuple[Route, ...]] = (Route("POST", "/completions", Operation.TEXT_COMPLETION),)

    def read(self, route: Route, body: bytes) -> Ask:
        found = peek.fields(body, GOVERNED)
        stream = peek.value(found, "stream", bool, default=False)
        cap = peek.amount(found, "max_tokens")
        each = max(peek.choices(found, "n"), peek.choices(found, "best_of"))
        answers = each * _prompts(found)
        size, media = peek.prompt_size(body)
        return Ask(
            route.operation, peek.model_of(found), stream=stream, output_cap=None if cap is None else cap * answers, choices=answers,
            prompt_bytes=size, media=media, reports_usage=not stream or asks_for_usage(found),
            logits=logits.asked(found, _shown(found), cap, each, echoed=peek.value(found, "echo", bool, default=False)),
        )  # fmt: skip


def _shown(found: peek.Fields) -> logits.Shown:
    """Here `logprobs` is itself the number of alternatives; 0 still shows what was said."""
    return logits.alternatives(found, "logprobs")


def _prompts(found: peek.Fields) -> int:
    """A list of texts, or of token lists, is answered one by one; a list of numbers is one prompt."""
    prompt = bytes(found.get("prompt", b"null")).lstrip()
    if not prompt.startswith(b"["):
        return 1
    each = peek.value(found, "prompt", list[msgspec.Raw], [])
    return max(1, len(each)) if each and bytes(each[0])[:1] in {b'"', b"["} else 1
