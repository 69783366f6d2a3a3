"""OpenAI chat completions. (https://platform.openai.com/docs/api-reference/chat)"""

from typing import ClassVar

from proxy.core.facts import Ask, Operation
from proxy.dialects import peek
from proxy.dialects.base import Route
from proxy.dialects.openai_stream import STREAM_KEYS, Choices, asks_for_usage

CAPS = ("max_completion_tokens", "max_tokens")
GOVERNED = STREAM_KEYS | {"model", "n", *CAPS}


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
        )  # fmt: skip
