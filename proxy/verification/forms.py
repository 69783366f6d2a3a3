"""The page's forms: they are taken from our own page only.

A random text stands in the form and in a cookie that other sites' forms do not bring along (SameSite=Strict). Without it, another
site could make a visitor, who is logged in with the identity provider, verify somebody else's account by a form it sends.
"""

import hmac
import secrets
from urllib.parse import urlsplit

from aiohttp import web

from proxy.verification.rules import Refusal, Why

COOKIE = "stillgate-form"
FIELD = "form"
LONGEST = 64


def opened(request: web.Request) -> str:
    """The text for a page: the visitor's own, so that two open pages both work, or a new one."""
    known = request.cookies.get(COOKIE, "")
    return known if known.isascii() and known.isalnum() and 0 < len(known) <= LONGEST else secrets.token_hex(16)


def keep(answer: web.Response, form: str, base: str) -> None:
    set_cookie(answer, COOKIE, form, base, same_site="Strict", lasts=3600)


async def check(request: web.Request) -> None:
    """Raises `Refusal` for what our page did not send."""
    given = str((await request.post()).get(FIELD, "")).encode("utf-8", "replace")
    known = request.cookies.get(COOKIE, "").encode("utf-8", "replace")
    if not known or not hmac.compare_digest(given, known):
        raise Refusal(Why.NOT_PROVEN, "This was not sent by our page, or cookies are off. Please open your link, and press the button.")


def set_cookie(answer: web.Response, name: str, value: str, base: str, *, same_site: str, lasts: int) -> None:
    """Only for our pages, as the visitor's browser knows their path."""
    parts = urlsplit(base)
    answer.set_cookie(
        name, value, path=f"{parts.path}/verify", max_age=lasts, httponly=True, secure=parts.scheme == "https", samesite=same_site
    )
