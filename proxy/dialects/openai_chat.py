"""OpenAI chat completions. (https://platform.openai.com/docs/api-reference/chat)"""

from typing import ClassVar

from proxy.core.facts import Ask, Operation
from proxy.dialects import logits, peek
from proxy.dialects.base import Route
from proxy.dialects.openai_stream import STREAM_KEYS, Choices, asks_for_usage

CAPS = ("max_completion_tokens", "max_tokens")
GOVERNED = STREAM_KEYS | logits.KEYS | {
    "model", "n", *CAPS, "messages", "reasoning_effort", "reasoning", "thinking", "chat_template_kwargs", "include_reasoning",
}  # fmt: skip


class Chat(Choices):
    """`POST /chat/completions`."""

    name: ClassVar[str] = "openai_chat"
    routes: ClassVar[tuple[Route, ...]] = (Route("POST", "/chat/completions", Operation.CHAT),)

    def read(self, route: Route, body: bytes) -> Ask:
        found = peek.fields(body, GOVERNED)
        stream = peek.value(found, "stream", bool, default=False)
        cap, choices = peek.one_cap(found, CAPS), peek.choices(found, "n")
        size, media = peek.prompt_size(body)
        return Ask(
            route.operation, peek.model_of(found), stream=stream, output_cap=None if cap is None else cap * choices, choices=choices,
            prompt_bytes=size, media=media, reports_usage=not stream or asks_for_usage(found),
            logits=logits.asked(found, _shown(found), cap, choices),
        )  # fmt: skip


def _shown(found: peek.Fields) -> logits.Shown:
    """Alternatives asked for without `logprobs` are refused by most upstreams; the guard takes them at their word."""
    wanted = peek.value(found, "logprobs", bool, default=False)
    top = logits.alternatives(found, "top_logprobs") or 0
    return top if wanted or top else None
