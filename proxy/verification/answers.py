"""How an attempt is answered: a page for people, a problem (RFC 9457) for programs.

Who fails too often is answered without a look at what was sent. Failures are counted by peer and link: many people may come through
one address, and none of them can shut out another.
"""

import hashlib
from collections.abc import Awaitable, Callable

from aiohttp import web

from proxy.errors import StoreError, UpstreamError
from proxy.verification import pages
from proxy.verification.base import Handler, Tools
from proxy.verification.rules import Refusal, Why

PROBLEM = "application/problem+json"

INNOCENT = frozenset({
    Why.EXPIRED, Why.UNREADABLE, Why.USED, Why.NOTHING, Why.HELD, Why.REVIEW, Why.AWAY, Why.NO_PAGE, Why.REPLAYED,
})  # fmt: skip
"""What happens to honest people and programs: not counted as a failure."""


CHALLENGES = {Why.NOT_PROVEN: "Bearer", Why.NOT_SIGNED: "Standard-Webhooks"}
"""How a program shows itself here, by what its attempt lacks."""


def for_people(request: web.Request) -> bool:
    """Browsers ask for HTML; programs for JSON, or for anything."""
    return "text/html" in request.headers.get("Accept", "")


def page(text: str, status: int = 200, *, more_actions: str = "") -> web.Response:
    return web.Response(text=text, status=status, content_type="text/html", charset="utf-8", headers=pages.headers(more_actions))


def refused(request: web.Request, refusal: Refusal, contact: str) -> web.Response:
    status = pages.WORDS[refusal.why][0]
    found = page(pages.refused(refusal.why, refusal.detail, contact), status) if for_people(request) else _problem(refusal, contact)
    if refusal.why in CHALLENGES:
        found.headers["WWW-Authenticate"] = CHALLENGES[refusal.why]
    if refusal.why in {Why.TOO_OFTEN, Why.AWAY}:
        found.headers["Retry-After"] = "60"
    return found


def _problem(refusal: Refusal, contact: str) -> web.Response:
    status, title, advice = pages.WORDS[refusal.why]
    body = {
        "type": "about:blank", "title": title, "status": status, "detail": f"{refusal.detail} {advice}".strip(), "code": refusal.why.value,
        **({"contact": contact} if contact else {}),
    }  # fmt: skip
    return web.json_response(body, status=status, content_type=PROBLEM, headers={"Cache-Control": "no-store"})


def guarded(handler: Handler, tools: Tools, way: str) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """Refusals, and what we depend on being away, become answers, and are told to the operator. `way`: whose handler it is."""

    async def answer(request: web.Request) -> web.StreamResponse:
        who = _who(request)
        try:
            if "link" in request.match_info and tools.attempts.shut(who):
                raise Refusal(Why.TOO_OFTEN)
            return await handler(request)
        except Refusal as refusal:
            found = await _counted(refusal, who, tools)
            found.subject = refusal.subject
        except (StoreError, UpstreamError):
            found = Refusal(Why.AWAY)
        if found.why is not Why.NO_PAGE:  # nobody tried anything: whoever looks for pages that are not there would fill the log
            tools.tell(way, found.why.value, found.subject)
        return refused(request, found, tools.clearance().contact)

    return answer


async def _counted(refusal: Refusal, who: str, tools: Tools) -> Refusal:
    if refusal.why in INNOCENT or refusal.why is Why.TOO_OFTEN:
        return refusal
    await tools.attempts.failed(who)
    return Refusal(Why.TOO_OFTEN) if tools.attempts.shut(who) else refusal


def _who(request: web.Request) -> str:
    link = request.match_info.get("link", request.path)
    return f"{request.remote} {hashlib.sha256(link.encode('utf-8', 'surrogateescape')).hexdigest()[:16]}"
