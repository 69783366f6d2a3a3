"""A workload's own identity: a cloud's or build service's token, sent as bearer to the link, says who asks. No browser is needed."""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from html import escape
from typing import ClassVar

from aiohttp import web

from proxy.verification import tokens
from proxy.verification.base import Proof, Tools
from proxy.verification.options import WorkloadOptions
from proxy.verification.rules import Refusal, Why, about


class Workload:
    """Takes tokens of the issuers in the settings, at `/verify/{link}/workload`."""

    name: ClassVar[str] = "workload"

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._issuers = tools.options.workload

    def offer(self, link: str, form: str) -> str:
        if not self._issuers:
            return ""
        url = f"{self._tools.options.base}/verify/{link}/workload"
        listed = "".join(f"<li><code>{escape(one.issuer)}</code> for <code>{escape(one.audience[0])}</code></li>" for one in self._issuers)
        return (
            "<h2>From where your program runs</h2>\n<p>A program in a cloud or a build service can send the identity token it is given "
            f"there. Taken are tokens of</p>\n<ul>{listed}</ul>\n"
            f"<pre><code>curl -X POST -H 'Authorization: Bearer TOKEN' {escape(url)}</code></pre>"
        )

    def routes(self) -> Sequence[web.RouteDef]:
        return (web.post("/verify/{link}/workload", self._on_token),) if self._issuers else ()

    async def _on_token(self, request: web.Request) -> web.Response:
        with about(self._tools.subject(request.match_info["link"])) as subject:
            await self._tools.look(subject)
            proof = await self._proof(_bearer(request))
            clear = await self._tools.clear(subject, proof)
        return web.json_response({"account": subject.account, "organization": subject.organization, "cleared": clear})

    async def _proof(self, token: str) -> Proof:
        """Raises `Refusal`."""
        said = tokens.part(token, 1).get("iss")
        for issuer in self._issuers:
            if issuer.issuer == said:
                return await self._vouched(token, issuer)
        raise Refusal(Why.NOT_PROVEN, "Tokens of this issuer are not taken here.")

    async def _vouched(self, token: str, issuer: WorkloadOptions) -> Proof:
        expected = tokens.Expected(issuer.issuer, issuer.audience)
        claims = await tokens.claims_of(token, self._tools.keys(issuer.jwks_url), expected, self._tools.clock())
        subject = tokens.text_of(claims, "sub")
        if not any(fnmatchcase(subject, pattern) for pattern in issuer.subjects):
            raise Refusal(Why.NOT_PROVEN, "This workload is not one of those that are taken here.")
        return Proof(self.name, f"{issuer.issuer}\n{tokens.text_of(claims, issuer.identity)}", issuer.per_identity, subject)


def _bearer(request: web.Request) -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Refusal(Why.NOT_PROVEN, "Send the token as 'Authorization: Bearer …'.")
    return token.strip()
