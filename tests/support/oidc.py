"""An OpenID provider and a browser, both real enough: PKCE, single-use codes and signatures on one side, cookies and forms on the other."""

import base64
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

import aiohttp
from aiohttp import web
from joserfc import jwk, jwt

CLIENT = "stillgate client"
SECRET = "client: secret/1"


class Provider:
    """Logs everybody in as `person`. What it signs can be bent by `claims`, `header` and `key`."""

    def __init__(self) -> None:
        self.url = ""
        self.person = "person-1"
        self.key: Any = jwk.generate_key("RSA", 2048, {"kid": "r1"})
        self.signs_with: Any = self.key
        self.claims: dict[str, Any] = {}
        self.header: dict[str, Any] = {}
        self.document: dict[str, Any] = {}
        self.secret = SECRET
        self.exchanged = 0
        self._codes: dict[str, dict[str, str]] = {}

    def token(self, **claims: Any) -> str:
        now = int(time.time())
        whole = {"iss": self.url, "aud": CLIENT, "sub": self.person, "exp": now + 300, "iat": now - 3600} | claims | self.claims
        said = {name: value for name, value in whole.items() if value is not None}
        fields = {"alg": "RS256", "kid": "r1"} | self.header
        if fields["alg"] in {"none", "HS256"} or "crit" in fields:
            return self.unsigned(fields, said)
        return jwt.encode(fields, said, self.signs_with, algorithms=[fields["alg"]])

    def unsigned(self, fields: dict[str, Any], said: dict[str, Any]) -> str:
        """What anybody can make: no signature, or one with the public key as if it were a secret. joserfc makes none of these."""
        text = ".".join(_part(json.dumps(part).encode()) for part in (fields, said))
        public = self.key.as_pem(private=False)
        return f"{text}.{_part(hmac.digest(public, text.encode(), 'sha256')) if fields['alg'] == 'HS256' else ''}"

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/.well-known/openid-configuration", self._describe),
            web.get("/authorize", self._authorize),
            web.post("/token", self._exchange),
            web.get("/jwks", self._keys),
        ]

    async def _describe(self, _: web.Request) -> web.Response:
        own = {"issuer": self.url, "authorization_endpoint": f"{self.url}/authorize", "token_endpoint": f"{self.url}/token"}
        return web.json_response(own | {"jwks_uri": f"{self.url}/jwks"} | self.document)

    async def _keys(self, _: web.Request) -> web.Response:
        return web.json_response({"keys": [self.key.as_dict(private=False)]})

    async def _authorize(self, request: web.Request) -> web.Response:
        asked = dict(request.query)
        assert asked["response_type"] == "code"
        assert asked["client_id"] == CLIENT
        assert "openid" in asked["scope"].split()
        assert asked["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe(8)
        self._codes[code] = asked | {"sub": self.person}
        back = urlencode({"code": code, "state": asked["state"], "iss": self.url})
        return web.Response(status=302, headers={"Location": f"{asked['redirect_uri']}?{back}"})

    async def _exchange(self, request: web.Request) -> web.Response:
        given = await request.post()
        asked = self._codes.pop(str(given["code"]), None)
        if asked is None or not self._is_client(request, dict(given)):
            return web.json_response({"error": "invalid_grant"}, status=400)
        challenge = _part(hashlib.sha256(str(given["code_verifier"]).encode()).digest())
        if (challenge, given["redirect_uri"]) != (asked["code_challenge"], asked["redirect_uri"]):
            return web.json_response({"error": "invalid_grant"}, status=400)
        self.exchanged += 1
        token = self.token(nonce=asked["nonce"], sub=asked["sub"])
        return web.json_response({"token_type": "Bearer", "access_token": "x", "id_token": token})

    def _is_client(self, request: web.Request, given: dict[str, Any]) -> bool:
        basic = aiohttp.encode_basic_auth("stillgate+client", "client%3A+secret%2F1")
        posted = (given.get("client_id"), given.get("client_secret")) == (CLIENT, self.secret)
        return request.headers.get("Authorization") == basic or posted


def _part(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


@asynccontextmanager
async def served(app: web.Application, port: int = 0) -> AsyncIterator[str]:
    """On loopback; yields its address."""
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def provider() -> AsyncIterator[Provider]:
    found, app = Provider(), web.Application()
    app.router.add_routes(found.routes())
    async with served(app) as url:
        found.url = url
        yield found


class Page(HTMLParser):
    """What a page says, and what can be done on it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in {"meta", "input"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, "every tag is closed, in order"

    def handle_data(self, data: str) -> None:
        if self.open[-1:] != ["style"]:
            self.words += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.tags if name == tag]


class Browser:
    """One person's browser: keeps cookies, follows nothing by itself."""

    def __init__(self) -> None:
        self.http = aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True), headers={"Accept": "text/html,*/*;q=0.8"})

    async def __aenter__(self) -> "Browser":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.http.close()

    async def get(self, url: str) -> tuple[int, str]:
        async with self.http.get(url, allow_redirects=False) as answer:
            return answer.status, answer.headers.get("Location") or await answer.text()

    async def press(self, url: str) -> str:
        """Opens a link, presses the button; where that leads."""
        status, text = await self.get(url)
        assert status == 200, Page(text).words
        page = Page(text)
        fields = {str(field["name"]): field["value"] for field in page.all("input")}
        async with self.http.post(urljoin(url, str(page.all("form")[0]["action"])), data=fields, allow_redirects=False) as answer:
            assert answer.status == 303, await answer.text()
            return answer.headers["Location"]

    async def login(self, url: str) -> str:
        """As far as the provider's answer, which is not opened yet."""
        status, location = await self.get(await self.press(url))
        assert status == 302
        return location

    async def verify(self, url: str) -> tuple[int, str]:
        """All the way; status and words of the last page."""
        status, text = await self.get(await self.login(url))
        return status, Page(text).words


def changed(url: str, **query: str) -> str:
    """The same address, with other values in its query."""
    parts = urlsplit(url)
    return parts._replace(query=urlencode(dict(parse_qsl(parts.query)) | query)).geturl()
