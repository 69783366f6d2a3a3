"""Verification, wired: where links come from, and the pages on the supervisor's admin port."""

import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from proxy.app import secret
from proxy.app.stores import PATIENCE
from proxy.app.tally import Tally
from proxy.config.model_verification import verification_base, verification_url
from proxy.config.settings import Settings
from proxy.core.sealing import Finding
from proxy.errors import ConfigError
from proxy.identity.jwks import Jwks
from proxy.sealing.keyring import ForgedError, Keyring, UnknownKeyError, key_id
from proxy.sealing.links import Links
from proxy.stores.connect import Connection
from proxy.stores.door import RedisDoor
from proxy.stores.proofs import RedisProofs
from proxy.stores.standings import RedisStandings
from proxy.verification import open_verification
from proxy.verification.base import Tools
from proxy.verification.options import OidcOptions, Options, WorkloadOptions
from proxy.verification.outbound import HttpOutbound
from proxy.verification.rules import Clearance, Subject, Why
from proxy.verification.site import Verification

clock = time.time  # noqa: TID251 (the pages' rim)


REFUSED = {Finding.FORGED: Why.FORGED, Finding.LOST: Why.UNREADABLE}
"""What a link that is none is called on its page; else it has expired."""


@dataclass(frozen=True, slots=True)
class ReadLinks:
    """The `LinkReader` port over the sealing room."""

    links: Links

    def read(self, token: str, at: float) -> Subject | Why:
        found = self.links.read(token, at)
        if isinstance(found, Finding):
            return REFUSED.get(found, Why.EXPIRED)
        return Subject(found.account, found.organization, found.issued)


@dataclass(frozen=True, slots=True)
class Sealed:
    """The `Opaque` port over the keyring."""

    keyring: Keyring

    def seal(self, purpose: str, data: bytes) -> bytes:
        return self.keyring.seal(purpose, data)

    def open(self, purpose: str, sealed: bytes) -> bytes | None:
        try:
            return self.keyring.open(purpose, sealed)
        except (ForgedError, UnknownKeyError):
            return None


@dataclass(frozen=True, slots=True)
class KeySets:
    """One key set per URL, kept."""

    outbound: HttpOutbound
    known: dict[str, Jwks] = field(default_factory=dict)

    def __call__(self, url: str) -> Jwks:
        return self.known.setdefault(url, Jwks(url, self.outbound.fetch, time.monotonic))


@dataclass(frozen=True, slots=True)
class Wanted:
    """Whom a link is for."""

    account: str
    organization: str
    at: float
    """Epoch seconds."""
    spent: float = 0.0
    """Links that were made before that are of no use."""


def said_of_pages(settings: Settings, keyring: Keyring) -> dict[str, Any]:
    """What a worker says of its gateway's pages to whoever makes links elsewhere: where they are, and the ids of the keys they read."""
    return {"pages": verification_base(settings), "seal_keys": list(keyring.ids)}


def link_for(settings: Settings, gateways: Sequence[Mapping[str, Any]], wanted: Wanted) -> str:
    """The address of an account's page, as the gateways that run serve it; where none does, as the settings say. `gateways`: what
    their workers say. It is sealed with the newest key that most of them read. Raises `ConfigError`."""
    secrets = secret.sealing(settings)
    said = [one for one in gateways if "pages" in one]

    def readers(key: bytes) -> list[Mapping[str, Any]]:
        return [one for one in said if key_id(key).hex() in one["seal_keys"]]

    chosen = max(secrets, key=lambda key: len(readers(key)))
    link = Links(Keyring(chosen)).make(wanted.account, wanted.organization, wanted.at, wanted.spent)
    if not said:
        return verification_url(settings, link)
    if not readers(chosen):
        raise ConfigError(
            f"the gateway that runs could not read the link: its seal keys are {', '.join(said[0]['seal_keys'])}, and this command has "
            f"{key_id(chosen).hex()}; give it what the gateway has: --seal-keys FILE, or its --settings, --state-dir or STILLGATE_SECRET"
        )
    return f"{readers(chosen)[0]['pages']}/verify/{link}"


@asynccontextmanager
async def opened(
    settings: Settings, store_url: str, keyring: Keyring, tally: Tally, clearance: Callable[[], Clearance] = Clearance,
    at: Callable[[], float] = clock,
) -> AsyncIterator[Verification]:  # fmt: skip
    """The pages, with connections of their own. `settings.admin` is the port's address, as it is known by now. Raises `ConfigError`."""
    async with AsyncExitStack() as stack:
        connection = Connection(store_url, PATIENCE)
        stack.push_async_callback(connection.close)
        door = RedisDoor(store_url, at, "verification")
        stack.push_async_callback(door.close)
        outbound = HttpOutbound()
        await outbound.open()
        stack.push_async_callback(outbound.close)
        yield open_verification(
            Tools(
                options=options_of(settings), links=ReadLinks(Links(keyring)), standings=RedisStandings(connection),
                proofs=RedisProofs(connection), attempts=door, opaque=Sealed(keyring), outbound=outbound, keys=KeySets(outbound),
                secret=secret.secret_of(settings), clearance=clearance, clock=at, count=tally,
            )
        )  # fmt: skip


def options_of(settings: Settings) -> Options:
    """The room's options, from the settings."""
    given = settings.verification
    oidc = None
    if given.oidc is not None:
        plain = given.oidc.model_dump() | {"client_secret": given.oidc.client_secret.get_secret_value()}
        oidc = OidcOptions(**plain)
    return Options(
        base=verification_base(settings),
        webhook_secrets=tuple(one.get_secret_value() for one in given.webhook_secrets),
        oidc=oidc,
        workload=tuple(WorkloadOptions(**one.model_dump()) for one in given.workload),
    )
