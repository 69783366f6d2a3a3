"""A signed message of the operator's own identity check: `{"account": …, "organization": …, "link": …, "result": "verified"}`.

`result` is "verified", or "rejected", which changes nothing. `link` may be the whole address that the account's owner was shown.
Each message counts once. One that could not be acted upon because something was away may be sent again as it is.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from aiohttp import web

from proxy.errors import StoreError
from proxy.verification.base import Proof, Tools
from proxy.verification.rules import Refusal, Subject, Why, about
from proxy.verification.signatures import TOLERANCE, key_of, message_id

VERIFIED, REJECTED = RESULTS = ("verified", "rejected")
"""What an identity check may have found."""

LONGEST_NAME = 200
"""Characters of an account's or organization's name."""


@dataclass(frozen=True, slots=True)
class Message:
    """What it says."""

    account: str
    organization: str
    link: str
    verified: bool
    evidence: str


class Webhook:
    """Takes messages at `/verify/webhook`, where secrets are set."""

    name: ClassVar[str] = "webhook"

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._keys = tuple(key_of(secret) for secret in tools.options.webhook_secrets)

    def offer(self, link: str, form: str) -> str:
        if not self._keys:
            return ""
        return "<h2>By the operator's identity check</h2>\n<p>If one was started for you, finishing it verifies this account by itself.</p>"

    def routes(self) -> Sequence[web.RouteDef]:
        return (web.post("/verify/webhook", self._on_message),) if self._keys else ()

    async def _on_message(self, request: web.Request) -> web.Response:
        body = await request.read()
        name = message_id(request.headers, body, self._keys, self._tools.clock())
        message = read(body)
        once = hashlib.sha256(f"webhook\n{name}".encode("utf-8", "surrogateescape")).hexdigest()
        if not await self._tools.proofs.first(once, 2 * TOLERANCE):
            raise Refusal(Why.REPLAYED)
        try:
            return await self._act(message, name)
        except StoreError:
            await self._tools.proofs.forget(once)
            raise

    async def _act(self, message: Message, reference: str) -> web.Response:
        with about(replace(await self._subject(message), reference=reference)) as subject:
            clear = message.verified and await self._tools.clear(subject, Proof(self.name, note=message.evidence))
        if not message.verified:
            self._tools.tell(self.name, REJECTED, subject)
        return web.json_response({"account": subject.account, "organization": subject.organization, "cleared": clear})

    async def _subject(self, message: Message) -> Subject:
        if not message.link:
            organization = message.organization or await self._tools.standings.organization_of(message.account)
            return Subject(message.account, organization, None)
        subject = self._tools.subject(message.link.rpartition("/verify/")[2])
        if message.account != subject.account or message.organization not in {"", subject.organization}:
            raise Refusal(Why.OTHER_ACCOUNT)
        return subject


def read(body: bytes) -> Message:
    """Raises `Refusal`."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise Refusal(Why.MALFORMED, "The message is not a JSON object.")
    account, organization = _name(found, "account", needed=True), _name(found, "organization")
    link, evidence, result = found.get("link", ""), found.get("evidence", ""), found.get("result")
    if result not in RESULTS:
        raise Refusal(Why.MALFORMED, f"'result' must be one of {', '.join(RESULTS)}.")
    if not isinstance(link, str):
        raise Refusal(Why.MALFORMED, "'link' must be a text.")
    return Message(account, organization, link, result == VERIFIED, evidence if isinstance(evidence, str) else json.dumps(evidence))


def _name(found: dict[str, Any], field: str, *, needed: bool = False) -> str:
    """Fit for the store: a brace would end the hash tag of an organization."""
    value = found.get(field, "")
    good = isinstance(value, str) and len(value) <= LONGEST_NAME and (value.isprintable() or not value) and not {"{", "}"} & set(value)
    if not good or (needed and not value):
        raise Refusal(Why.MALFORMED, f"'{field}' must be a name of 1 to {LONGEST_NAME} printable characters without braces.")
    return str(value)
