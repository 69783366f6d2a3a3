"""OpenAI's list of models. (https://platform.openai.com/docs/api-reference/models)"""

from typing import ClassVar

from proxy.core.facts import Ask, Operation
from proxy.dialects.base import Route, Tally
from proxy.dialects.openai import OpenAI


class Models(OpenAI):
    """`GET /models`, `GET /models/{model}`."""

    name: ClassVar[str] = "openai_models"
    routes: ClassVar[tuple[Route, ...]] = (
        Route("GET", "/models", Operation.LIST_MODELS),
        Route("GET", "/models/{model}", Operation.LIST_MODELS),
    )

    def read(self, route: Route, body: bytes) -> Ask:
        return Ask(route.operation)

    def read_whole(self, body: bytes) -> Tally:
        return Tally()
