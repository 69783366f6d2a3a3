"""Headers of a front that has already found out who asks, believed only from the operator's own peers.

Settings: `trusted_peers`, networks as CIDR, and `unix` for a unix socket; then the names of the fields: `account`
(default X-Account-Id) and, where they are given, `organization`, `tier`, `created`, `verified`, `programme`, `payment`.
"""

from dataclasses import dataclass
from typing import ClassVar

from proxy.core.facts import Account
from proxy.errors import ConfigError
from proxy.gateway.fronts import Peers
from proxy.gateway.ports import Arrival
from proxy.identity.base import Reading, Settings, Tools, moment, refusal, text, texts, truth, usable
from proxy.identity.credentials import canonical

FIELDS = {"account": "X-Account-Id", "organization": "", "tier": "", "created": "", "verified": "", "programme": "", "payment": ""}
"""What may be said of an account, and the header field that says it unless the settings name another."""


@dataclass(frozen=True, slots=True)
class Rules:
    """The settings, read."""

    peers: Peers
    fields: dict[str, str]


class Header:
    """Vouches for whom a trusted peer names."""

    wanted: ClassVar[str] = "the request through the front that signs callers in"

    def __init__(self, _: Tools) -> None:
        self._rules = Reading(read)

    def check(self, settings: Settings) -> None:
        self._rules(settings)

    async def identify(self, arrival: Arrival, credential: str, settings: Settings) -> Account | None:
        rules = self._rules(settings)
        if not rules.peers.trusts(arrival.peer):
            return None
        said = {what: _one(arrival, field) for what, field in rules.fields.items() if field}
        if not said["account"]:
            return None
        return Account(
            id=_id(said["account"]),
            organization=_id(said.get("organization") or said["account"]),
            tier=said.get("tier", ""),
            created=moment(said.get("created", "")),
            verified=truth(said.get("verified", "")),
            programme=said.get("programme", ""),
            payment=said.get("payment", ""),
            source="header",
        )


def read(settings: Settings) -> Rules:
    """Raises `ConfigError`."""
    peers = texts(settings, "header", "trusted_peers")
    fields = {what: text(settings, "header", what, default) for what, default in FIELDS.items()}
    if not peers:
        raise ConfigError("identity.header.trusted_peers is missing: without it nobody's headers are believed")
    if not fields["account"]:
        raise ConfigError("identity.header.account is empty: name the header field that says who asks")
    try:
        trusted = Peers.of(peers)
    except ValueError as error:
        raise ConfigError(f"identity.header.trusted_peers: {error}") from None
    return Rules(trusted, fields)


def named(settings: Settings) -> frozenset[str]:
    """The fields this source reads, in canonical form: nobody's may go upstream."""
    said = (settings.get(what, default) for what, default in FIELDS.items())
    return frozenset(canonical(field) for field in said if isinstance(field, str) and field)


def _one(arrival: Arrival, field: str) -> str:
    """The field's value. Two different ones mean that the front let the caller's own through beside its own."""
    values = {value.strip() for name, value in arrival.headers if canonical(name) == canonical(field)}
    if len(values) > 1:
        raise refusal("This request says more than once, and differently, who asks. The front must replace the caller's identity headers.")
    return next(iter(values), "")


def _id(name: str) -> str:
    if not usable(name) or not name.isascii() or " " in name:
        raise refusal("The account named by the front cannot be used: 1 to 200 visible ASCII characters, no spaces and no braces.")
    return name
