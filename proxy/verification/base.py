"""What a way to verify is, and what all ways work with: ports, tools, and the one place where an account is cleared.

A way is one file with one class, and one line in the catalogue (`verification/__init__.py`). It knows no other way.
"""

import hashlib
import hmac
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from aiohttp import web

from proxy.core.ladder import Rung, Standing
from proxy.verification.options import Options
from proxy.verification.rules import Clearance, Refusal, Subject, Why, refusal

log = logging.getLogger(__name__)

LONGEST_NOTE = 200
"""Characters of what is kept in words."""


class LinkReader(Protocol):
    """Reads the links that gateways make."""

    def read(self, token: str, at: float) -> Subject | Why:
        """Whom it is about, or why it is none: FORGED or EXPIRED. Never raises."""


class Standings(Protocol):
    """Where standings are kept. Everything raises `StoreError`."""

    async def find(self, account: str, organization: str) -> Standing: ...

    async def change(self, account: str, organization: str, how: Callable[[Standing], Standing]) -> Standing:
        """Atomic. What `how` raises changes nothing, and is raised."""

    async def organization_of(self, account: str) -> str: ...


class Proofs(Protocol):
    """What must be remembered. Everything raises `StoreError`."""

    async def first(self, message: str, lasts: float) -> bool:
        """True once for each message, for `lasts` seconds."""

    async def forget(self, message: str) -> None: ...

    async def vouch(self, identity: str, account: str, most: int, at: float, lasts: float) -> bool:
        """False where the identity has vouched for `most` other accounts in the last `lasts` seconds."""


class Attempts(Protocol):
    """Counts failures. Neither ever raises."""

    def shut(self, who: str) -> bool: ...

    async def failed(self, who: str) -> None: ...


class Opaque(Protocol):
    """Authenticated encryption under the operator's keys."""

    def seal(self, purpose: str, data: bytes) -> bytes: ...

    def open(self, purpose: str, sealed: bytes) -> bytes | None:
        """None for what was not sealed here for this purpose."""


class KeySet(Protocol):
    """An identity provider's public keys."""

    async def find(self, kid: str | None, algorithm: str) -> Any:
        """A joserfc key, None where there is none for it. Raises `StoreError` where the set cannot be read."""


class Outbound(Protocol):
    """Talks to identity providers. Both raise `UpstreamError`."""

    async def fetch(self, url: str) -> bytes: ...

    async def post(self, url: str, fields: Mapping[str, str], login: tuple[str, str] | None) -> tuple[int, bytes]: ...


@dataclass(frozen=True, slots=True)
class Proof:
    """Why an account is cleared."""

    how: str
    """The way's name."""
    identity: str = ""
    """Who vouched, "" where the operator's own system did."""
    most: int = 1
    """Accounts that one identity may vouch for."""
    note: str = ""
    """In words, for operators."""


@dataclass(frozen=True, slots=True)
class Tools:
    """What ways work with."""

    options: Options
    links: LinkReader
    standings: Standings
    proofs: Proofs
    attempts: Attempts
    opaque: Opaque
    outbound: Outbound
    keys: Callable[[str], KeySet]
    """The key set at a URL; the same object each time."""
    secret: bytes
    """The operator's: keys the hashes of identities."""
    clearance: Callable[[], Clearance]
    clock: Callable[[], float]
    """Epoch seconds."""
    count: Callable[[str, str], None]
    """Told of each attempt: by which way, and what came of it."""

    def subject(self, link: str) -> Subject:
        """Raises `Refusal` for what is no link, or one no more."""
        found = self.links.read(link, self.clock())
        if isinstance(found, Why):
            raise Refusal(found)
        return found

    async def look(self, subject: Subject) -> Standing:
        """The standing of who may be cleared now. Raises `Refusal`."""
        standing = await self.standings.find(subject.account, subject.organization)
        self._allow(standing, subject, self.clock())
        return standing

    async def clear(self, subject: Subject, proof: Proof) -> bool:
        """Verifies the account. Of several at once with one link, one does. False where a person must look at it all the same:
        a hold had asked for it, over a rung that must be reviewed. Raises `Refusal`."""
        at, clearance = self.clock(), self.clearance()
        await self.look(subject)
        who = self.pseudonym(proof.identity) if proof.identity else ""
        name = f"{subject.organization}\n{subject.account}"
        if who and not await self.proofs.vouch(who, name, proof.most, at, clearance.clear_for):
            raise Refusal(Why.TOO_MANY)

        def decide(standing: Standing) -> Standing:
            self._allow(standing, subject, at)
            note, until = proof.note[:LONGEST_NOTE], at + clearance.clear_for
            return standing.verify(at, proof.how, until, who[:16], note, ends=clearance.answers)

        standing = await self.standings.change(subject.account, subject.organization, decide)
        clear = standing.place(at, clearance.steps) is Rung.CLEAR
        self.tell(proof.how, "cleared" if clear else "verified", subject)
        return clear

    def tell(self, way: str, result: str, subject: Subject | None) -> None:
        """An attempt is over: one line for the operator, without what was shown for it. "verified": and a person must look all the same."""
        self.count(way, result)
        about = {"account": subject.account, "organization": subject.organization} if subject is not None else {}
        reference = {"reference": subject.reference} if subject is not None and subject.reference else {}
        log.info("verification", extra={"fields": {"way": way, "result": result, **about, **reference}})

    def pseudonym(self, identity: str) -> str:
        """Who it is, for those who must only tell one from another."""
        return hmac.new(self.secret, f"identity\n{identity}".encode(), hashlib.sha256).hexdigest()

    def _allow(self, standing: Standing, subject: Subject, at: float) -> None:
        if (why := refusal(standing, subject.issued, at, self.clearance())) is not None:
            raise Refusal(why)


class Way(Protocol):
    """One way to clear an account."""

    name: ClassVar[str]

    def offer(self, link: str, form: str) -> str:
        """A piece of the page, as HTML; "" where it has none. `form` is the hidden field that each form of the page must send."""

    def routes(self) -> Sequence[web.RouteDef]: ...


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
