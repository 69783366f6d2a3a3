"""Who asks: the identity room, and its catalogue of sources. A new source is one new file here, and one line below."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType

from proxy.core.facts import Account
from proxy.core.policy import Policy
from proxy.dialects.base import Headers
from proxy.errors import ConfigError, StoreError
from proxy.gateway.ports import Arrival, KeyTable
from proxy.identity import header, stripping
from proxy.identity.base import Settings, Source, Tools, refusal, usable
from proxy.identity.credentials import find
from proxy.identity.header import Header
from proxy.identity.jwt import Jwt
from proxy.identity.keys import Keys
from proxy.identity.records import Records
from proxy.identity.upstream import Upstream

log = logging.getLogger(__name__)

SOURCES: Mapping[str, Callable[[Tools], Source]] = MappingProxyType(
    {
        "keys": Keys,
        "jwt": Jwt,
        "header": Header,
        "upstream": Upstream,
    }
)

FOLLOW = 1.0
"""Seconds between two looks at which keys have changed."""

_NONE: Settings = MappingProxyType({})


class Identities:
    """Asks the policy's sources in order; the first that vouches says who asks. Implements `ports.Identity`."""

    def __init__(
        self, keys: KeyTable, fetch: Callable[[str], Awaitable[bytes]], secret: bytes, clock: Callable[[], float], *, every: float = FOLLOW
    ) -> None:
        self._records = Records(keys, clock)
        self._every = every
        tools = Tools(self._records, fetch, secret, clock)
        self._sources = {name: make(tools) for name, make in SOURCES.items()}

    def check(self, policy: Policy) -> None:
        """Raises `ConfigError` where the policy names an unknown source, or settings that a source cannot use."""
        for name in policy.identity:
            if name not in self._sources:
                raise ConfigError(f"identity.from: there is no source '{name}'; there are {', '.join(self._sources)}")
            self._sources[name].check(policy.identity_settings.get(name, _NONE))

    async def identify(self, arrival: Arrival, policy: Policy) -> Account:
        """Raises `CallerError` 401, and `StoreError` where a source cannot tell for now."""
        credential = find(arrival)
        for name in policy.identity:
            account = await self._sources[name].identify(arrival, credential, policy.identity_settings.get(name, _NONE))
            if account is not None:
                return _named(account)
        raise refusal(self._unknown(policy, sent=bool(credential)))

    def _unknown(self, policy: Policy, *, sent: bool) -> str:
        wanted = ", or ".join(self._sources[name].wanted for name in policy.identity)
        what = "The credential sent is of a kind that is not taken here." if sent else "No API key was found."
        return f"{what} Send {wanted}." if wanted else what

    def strip(self, headers: Headers, account: Account, policy: Policy) -> Headers:
        named = header.named(policy.identity_settings.get("header", _NONE))
        return stripping.strip(headers, own_credential=account.source == "upstream", named=named)

    def strip_query(self, query: str, account: Account) -> str:
        return query if account.source == "upstream" else stripping.strip_query(query)

    async def follow(self) -> None:
        """Learns cached keys anew as they change; runs until cancelled. While the store is lost, what is cached serves on."""
        mark, lost = "", False
        while True:
            try:
                mark = await self._records.catch_up(mark)
            except StoreError as error:
                if not lost:
                    log.warning("changes of API keys cannot be followed for now: %s", error)
                lost = True
            else:
                if lost:
                    log.warning("changes of API keys are followed again")
                lost = False
            await asyncio.sleep(self._every)


def _named(account: Account) -> Account:
    """Whatever the source, the names of an account must be fit for the store."""
    if usable(account.id) and usable(account.organization):
        return account
    raise refusal("This account's name cannot be used here: 1 to 200 printable characters and no braces.")
