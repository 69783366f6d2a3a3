"""An operator's own decision, by the command line. There is nothing to serve: it is made where operators work."""

from collections.abc import Sequence
from typing import ClassVar

from aiohttp import web

from proxy.verification.base import Tools


class Operator:
    """Always possible."""

    name: ClassVar[str] = "operator"

    def __init__(self, tools: Tools) -> None:
        """Needs none of them."""

    def offer(self, link: str, form: str) -> str:
        return ""

    def routes(self) -> Sequence[web.RouteDef]:
        return ()
