"""Login with an identity provider: OpenID Connect's authorization code flow, with PKCE, `state` and `nonce`.

Rule 1: what a login must come back with is sealed in a cookie of the browser that began it: nobody can finish another's login, nor
        have another finish theirs.
Rule 2: opening a link changes nothing; a login begins with the button of our page, and clears with the provider's answer to it.
Rule 3: a login's answer counts once.
"""

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from html import escape
from typing import ClassVar
from urllib.parse import quote_plus, urlencode, urlsplit

from aiohttp import web

from proxy.verification import answers, forms, pages, tokens
from proxy.verification.base import Proof, Tools
from proxy.verification.discovery import Discovery, Provider
from proxy.verification.options import OidcOptions
from proxy.verification.rules import Refusal, Why, about, masked

COOKIE = "stillgate-login"
PURPOSE = "verification login"
LASTS = 600
"""Seconds that a login may take."""

CALLBACK = "/verify/oidc/callback"


@dataclass(frozen=True, slots=True)
class Login:
    """One that has begun."""

    link: str
    state: str
    nonce: str
    verifier: str
    """PKCE's (RFC 7636)."""
    began: float


class Oidc:
    """The button on the page, and what follows it."""

    name: ClassVar[str] = "oidc"

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._options = tools.options.oidc
        self._discovery = Discovery(self._options.issuer if self._options else "", tools.outbound.fetch, tools.clock)

    def offer(self, link: str, form: str) -> str:
        if self._options is None:
            return ""
        where = escape(urlsplit(self._options.issuer).netloc)
        return (
            f"<h2>With your login at {where}</h2>\n<p>You sign in there and come back here. "
            "What is kept is a pseudonym of who you are, not your name.</p>\n"
            f'<form method="post" action="{escape(link)}/oidc">\n<input type="hidden" name="{forms.FIELD}" value="{escape(form)}">\n'
            f'<button type="submit">Verify with {where}</button>\n</form>'
        )

    def routes(self) -> Sequence[web.RouteDef]:
        if self._options is None:
            return ()
        return web.post("/verify/{link}/oidc", self._begin), web.get(CALLBACK, self._finish, allow_head=False)

    async def _begin(self, request: web.Request) -> web.Response:
        link = request.match_info["link"]
        await forms.check(request)
        with about(self._tools.subject(link)) as subject:
            await self._tools.look(subject)
        provider, options = await self._discovery.provider(), self._on()
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        login = Login(link, state, nonce, verifier, self._tools.clock())
        answer = web.Response(status=303, headers=pages.headers() | {"Location": self._authorization(provider, options, login)})
        sealed = self._tools.opaque.seal(PURPOSE, json.dumps(asdict(login)).encode())
        text = base64.urlsafe_b64encode(sealed).decode().rstrip("=")
        forms.set_cookie(answer, COOKIE, text, self._tools.options.base, same_site="Lax", lasts=LASTS)
        return answer

    def _authorization(self, provider: Provider, options: OidcOptions, login: Login) -> str:
        challenge = base64.urlsafe_b64encode(hashlib.sha256(login.verifier.encode()).digest()).decode().rstrip("=")
        query = {
            "response_type": "code", "client_id": options.client_id, "redirect_uri": self._callback,
            "state": login.state, "nonce": login.nonce,
            "scope": " ".join(dict.fromkeys(("openid", *options.scopes))), "code_challenge": challenge, "code_challenge_method": "S256",
        }  # fmt: skip
        return f"{provider.authorization}{'&' if '?' in provider.authorization else '?'}{urlencode(query)}"

    async def _finish(self, request: web.Request) -> web.Response:
        login, query, tools = self._login(request), request.query, self._tools
        if not hmac.compare_digest(query.get("state", "").encode(), login.state.encode()):
            raise Refusal(Why.NOT_PROVEN, "This answer belongs to another login.")
        if not await tools.proofs.first(hashlib.sha256(f"login\n{login.state}".encode()).hexdigest(), 2 * LASTS):
            raise Refusal(Why.REPLAYED)
        if query.get("iss", self._on().issuer) != self._on().issuer:  # RFC 9207
            raise Refusal(Why.NOT_PROVEN, "This answer comes from another provider.")
        if "error" in query or not query.get("code"):
            raise Refusal(Why.NOT_PROVEN, "The login was not finished.")
        with about(tools.subject(login.link)) as subject:
            await tools.look(subject)
            clear = await tools.clear(subject, await self._proof(query["code"], login))
        done = answers.page(pages.done(masked(subject), clear=clear))
        forms.set_cookie(done, COOKIE, "", tools.options.base, same_site="Lax", lasts=0)
        return done

    def _login(self, request: web.Request) -> Login:
        """The one that this browser began. Raises `Refusal`."""
        text = request.cookies.get(COOKIE, "")
        try:
            sealed = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        except ValueError:
            sealed = b""
        found = self._tools.opaque.open(PURPOSE, sealed)
        login = Login(**json.loads(found)) if found is not None else None
        if login is None or not 0 <= self._tools.clock() - login.began <= LASTS:
            raise Refusal(Why.NOT_PROVEN, "This login was not begun in this browser, or it took too long. Please open your link again.")
        return login

    async def _proof(self, code: str, login: Login) -> Proof:
        """What the provider says of who logged in. Raises `Refusal`, `UpstreamError`, `StoreError`."""
        provider, options = await self._discovery.provider(), self._on()
        token = await self._exchange(provider, options, code, login)
        expected = tokens.Expected(options.issuer, (options.client_id,))
        claims = await tokens.claims_of(token, self._tools.keys(provider.jwks), expected, self._tools.clock())
        nonce, party = claims.get("nonce"), claims.get("azp", options.client_id)
        if not isinstance(nonce, str) or not hmac.compare_digest(nonce.encode(), login.nonce.encode()):
            raise Refusal(Why.NOT_PROVEN, "The token belongs to another login.")
        several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
        if party != options.client_id or (several and "azp" not in claims):
            raise Refusal(Why.NOT_PROVEN, "The token was issued to another party.")
        return Proof(self.name, f"{options.issuer}\n{tokens.text_of(claims, 'sub')}", options.per_identity)

    async def _exchange(self, provider: Provider, options: OidcOptions, code: str, login: Login) -> str:
        """The id token for a code. Raises `Refusal`, `UpstreamError`."""
        fields = {"grant_type": "authorization_code", "code": code, "redirect_uri": self._callback, "code_verifier": login.verifier}
        user = None
        if options.client_secret and provider.takes_basic:
            user = quote_plus(options.client_id), quote_plus(options.client_secret)
        else:
            fields |= {"client_id": options.client_id} | ({"client_secret": options.client_secret} if options.client_secret else {})
        status, body = await self._tools.outbound.post(provider.token, fields, user)
        try:
            found = json.loads(body)
        except (ValueError, RecursionError):
            found = None
        token = found.get("id_token") if isinstance(found, dict) else None
        if status != 200 or not isinstance(token, str):  # noqa: PLR2004
            raise Refusal(Why.NOT_PROVEN, "The identity provider did not confirm the login.")
        return token

    @property
    def _callback(self) -> str:
        return self._tools.options.base + CALLBACK

    def _on(self) -> OidcOptions:
        if self._options is None:
            raise Refusal(Why.NO_PAGE)
        return self._options
