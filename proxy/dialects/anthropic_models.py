"""Anthropic's list of models. (https://platform.claude.com/docs/en/api/models-list)"""

from typing import ClassVar

from proxy.core.facts import Ask, Operation
from proxy.dialects.anthropic import Anthropic
from proxy.dialects.base import Route, Tally


class Models(Anthropic):
    """`GET /models`, `GET /models/{model}`, told from OpenAI's by the `anthropic-version` header."""

    name: ClassVar[str] = "anthropic_models"
    routes: ClassVar[tuple[Route, ...]] = (
        Route("GET", "/models", Operation.LIST_MODELS),
        Route("GET", "/models/{model}", Operation.LIST_MODELS),
    )

    def read(self, route: Route, body: bytes) -> Ask:
        return Ask(route.operation)

    def read_whole(self, body: bytes) -> Tally:
        return Tally()
