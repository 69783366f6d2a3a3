"""OpenAI embeddings. (https://platform.openai.com/docs/api-reference/embeddings)"""

from typing import Any, ClassVar

import msgspec

from proxy.core.facts import Ask, Operation
from proxy.dialects import peek
from proxy.dialects.base import Route, Tally
from proxy.dialects.openai import OpenAI, usage_of


class _Answer(msgspec.Struct):
    model: Any = None
    usage: Any = None


class Embeddings(OpenAI):
    """`POST /embeddings`. The input costs, there is no output."""

    name: ClassVar[str] = "openai_embeddings"
    routes: ClassVar[tuple[Route, ...]] = (Route("POST", "/embeddings", Operation.EMBEDDINGS),)

    def read(self, route: Route, body: bytes) -> Ask:
        found = peek.fields(body, frozenset({"model", "input"}))
        return Ask(route.operation, peek.model_of(found), prompt_bytes=len(body))

    def read_whole(self, body: bytes) -> Tally:
        try:
            answer = msgspec.json.decode(body, type=_Answer)
        except peek.BROKEN:
            return Tally()
        return Tally(usage=usage_of(answer.usage), model=peek.text(answer.model), finished=True)
