"""The public keys of an identity provider (RFC 7517), kept fresh without ever holding up more than one request.

Rule 1: a set is read anew after `FRESH` seconds; while that fails the last good one serves on.
Rule 2: a key id that the set does not have makes us ask at once, so that rotation is seen. Where that brings nothing, the
next such question waits `SOON` seconds, then twice that, up to `PAUSE`: made-up ids can neither hide a rotation nor flood the provider.
"""

import json
import logging
import math
from collections.abc import Awaitable, Callable

from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry, Key

from proxy.errors import StoreError, UpstreamError
from proxy.identity.flights import Flights

log = logging.getLogger(__name__)

FRESH = 600.0
"""Seconds that a set is used without asking."""

PAUSE = 30.0
"""Least seconds between two questions for the same reason."""

SOON = 2.0
"""Least seconds between two questions for unknown key ids, while few such questions were in vain."""

FIRST_PAUSE = 1.0
"""The same while there is no set at all."""

KEY_TYPES = {"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP"}
"""Key type (RFC 7518 6.1, RFC 8037) by the first letters of an algorithm. No `oct`: a secret is nobody's public key."""


class Jwks:
    """One provider's key set."""

    def __init__(self, url: str, fetch: Callable[[str], Awaitable[bytes]], clock: Callable[[], float]) -> None:
        self._url = url
        self._fetch = fetch
        self._clock = clock
        self._keys: tuple[Key, ...] | None = None
        self._read_at = self._tried_at = self._asked_at = -math.inf
        self._pause = SOON
        self._flights: Flights[None] = Flights()
        self._lost = False

    async def find(self, kid: str | None, algorithm: str) -> Key | None:
        """The key to verify with. Without a key id, the only one that fits. Raises `StoreError` while no set was ever read."""
        if self._due():
            await self._refresh()
        if self._keys is None:
            raise StoreError("the identity provider's key set cannot be read")
        if (key := self._pick(kid, algorithm)) is None and self._may_ask():
            await self._refresh()
            if (key := self._pick(kid, algorithm)) is not None:
                self._pause = SOON
        return key

    def _due(self) -> bool:
        now = self._clock()
        if self._keys is None:
            return self._url in self._flights or now - self._tried_at >= FIRST_PAUSE
        return now - self._read_at >= FRESH and now - self._tried_at >= PAUSE

    def _may_ask(self) -> bool:
        now = self._clock()
        if (waited := now - self._asked_at) < self._pause:
            return self._url in self._flights
        self._asked_at = now
        self._pause = SOON if waited >= 2 * PAUSE else min(PAUSE, 2 * self._pause)
        return True

    async def _refresh(self) -> None:
        await self._flights.fly(self._url, self._read)

    async def _read(self) -> None:
        self._tried_at = self._clock()
        try:
            self._keys = public_keys(await self._fetch(self._url))
        except (UpstreamError, OSError, ValueError, RecursionError) as error:
            self._note(lost=True, why=str(error) if isinstance(error, UpstreamError) else type(error).__name__)
        else:
            self._read_at = self._tried_at
            self._note(lost=False)

    def _note(self, *, lost: bool, why: str = "") -> None:
        """One log line per change: callers ask again and again while a provider is down."""
        if lost and not self._lost:
            log.warning("cannot read the key set at %s: %s", self._url, why)
        elif self._lost and not lost:
            log.warning("the key set at %s is read again", self._url)
        self._lost = lost

    def _pick(self, kid: str | None, algorithm: str) -> Key | None:
        fitting = [key for key in self._keys or () if kid in {None, key.kid} and _fits(key, algorithm)]
        return fitting[0] if fitting and (kid is not None or len(fitting) == 1) else None


def _fits(key: Key, algorithm: str) -> bool:
    kind = KEY_TYPES.get(algorithm[:2])
    return key.key_type == kind and key.get("use") in {None, "sig"} and key.alg in {None, algorithm}


def public_keys(document: bytes) -> tuple[Key, ...]:
    """The keys of a set that can be used; others are passed over (RFC 7517 5). Raises `ValueError` for what is no set."""
    whole = json.loads(document)
    if not isinstance(whole, dict) or not isinstance(listed := whole.get("keys"), list):
        raise ValueError("not a JWK set")
    read = (_key(one) for one in listed if isinstance(one, dict) and one.get("kty") in KEY_TYPES.values())
    return tuple(key for key in read if key is not None)


def _key(data: dict[str, str | list[str]]) -> Key | None:
    try:
        return JWKRegistry.import_key(data)
    except (JoseError, ValueError, TypeError, KeyError):
        return None
