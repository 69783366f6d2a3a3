"""Lists of models: the same two routes in every provider's dialect. Nothing in them is read, they only pass."""

from typing import ClassVar

from proxy.core.facts import Ask, Operation
from proxy.dialects.base import Route, Tally


class ListsModels:
    """`GET /models`, `GET /models/{model}`."""

    routes: ClassVar[tuple[Route, ...]] = (
        Route("GET", "/models", Operation.LIST_MODELS),
        Route("GET", "/models/{model}", Operation.LIST_MODELS),
    )

    def read(self, route: Route, body: bytes) -> Ask:
        return Ask(route.operation)

    def read_whole(self, body: bytes) -> Tally:
        return Tally()
