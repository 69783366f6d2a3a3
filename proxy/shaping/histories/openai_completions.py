"""Legacy completions have no history: a prompt is all there is."""

from typing import ClassVar

from proxy.shaping.base import Restored
from proxy.shaping.binding import Binder
from proxy.shaping.edit import Raw, maybe_items
from proxy.shaping.histories.turns import Said, messages_of, text_of


class CompletionsHistory:
    """`POST /completions`."""

    name: ClassVar[str] = "openai_completions"

    def anchor(self, body: bytes) -> str:
        prompt = _prompt(body)
        return Said(text=prompt).print if prompt else ""

    def restore(self, body: bytes, binder: Binder) -> Restored:
        return Restored(body)


def _prompt(body: bytes) -> str:
    """The first of several; token ids as they are written."""
    raw: Raw | None = messages_of(body, "prompt")[0].get("prompt")
    several = maybe_items(raw)
    if several and not bytes(several[0])[:1].isdigit():
        return text_of(several[0])
    return text_of(raw)
