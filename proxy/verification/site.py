"""The pages as a whole: the link's own page, and what each way serves, under one guard."""

from collections.abc import Iterable
from urllib.parse import urlsplit

from aiohttp import web

from proxy.verification import answers, forms, pages
from proxy.verification.base import Tools, Way
from proxy.verification.rules import Refusal, Why, about, ground, masked

PAGE = "page"
"""The way of who only looked."""


class Verification:
    """Everything under `/verify/`."""

    def __init__(self, tools: Tools, ways: Iterable[Way]) -> None:
        self._tools = tools
        self._ways = tuple(ways)

    def routes(self) -> list[web.RouteDef]:
        own = (web.get("/verify/{link}", self._on_page), web.route("*", "/verify/{rest:.*}", self._on_nothing))
        served = (*((way.name, route) for way in self._ways for route in way.routes()), *((PAGE, route) for route in own))
        return [
            web.RouteDef(route.method, route.path, answers.guarded(route.handler, self._tools, way), route.kwargs) for way, route in served
        ]

    def mount(self, app: web.Application) -> None:
        app.router.add_routes(self.routes())

    async def _on_page(self, request: web.Request) -> web.Response:
        """Changes nothing, whoever opens it."""
        link = request.match_info["link"]
        with about(self._tools.subject(link)) as subject:
            standing = await self._tools.look(subject)
        form = forms.opened(request)
        offers = [way.offer(link, form) for way in self._ways]
        text = pages.asked(masked(subject), ground(standing, self._tools.clock()), offers, self._tools.clearance().contact)
        answer = answers.page(text, more_actions=self._leaves_for())
        forms.keep(answer, form, self._tools.options.base)
        return answer

    def _leaves_for(self) -> str:
        """A login leaves for the provider, and perhaps from there to others: browsers hold `form-action` against redirects too."""
        oidc = self._tools.options.oidc
        return "" if oidc is None else f" {urlsplit(oidc.issuer).scheme}: https:"

    async def _on_nothing(self, _: web.Request) -> web.Response:
        raise Refusal(Why.NO_PAGE)
