"""Failed logins by address, counted over all gateways with `limits`: small counts of one are what it is right for."""

import logging
from collections.abc import Callable

from limits import parse
from limits.aio.storage import Storage
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from limits.errors import StorageError
from limits.storage import storage_from_string

log = logging.getLogger(__name__)

LIMIT = parse("60/minute")
"""Per address. An address may be a whole company's: the door only slows those who fail, it never shuts out a valid key."""

SHUT = 10.0
"""Seconds that an address which failed too often is answered without asking the store."""

MOST = 10_000
"""Addresses remembered as shut."""


class RedisDoor:
    """The `Door` port."""

    def __init__(self, url: str, clock: Callable[[], float]) -> None:
        self._limiter = SlidingWindowCounterRateLimiter(_storage(url))
        self._clock = clock
        self._shut: dict[str, float] = {}

    def shut(self, peer: str) -> bool:
        return self._shut.get(peer, 0.0) > self._clock()

    async def failed(self, peer: str) -> None:
        if self.shut(peer):
            return
        try:
            allowed = await self._limiter.hit(LIMIT, "login", peer)
        except (StorageError, OSError, TimeoutError):
            return  # the store is lost; its breaker says so, once
        if not allowed:
            self._shut[peer] = self._clock() + SHUT
            if len(self._shut) > MOST:
                del self._shut[next(iter(self._shut))]


def _storage(url: str) -> Storage:
    scheme, _, rest = url.partition("://")
    named = {"unix": "redis+unix"}.get(scheme, scheme)
    found = storage_from_string(f"async+{named}://{rest}", implementation="redispy", wrap_exceptions=True, socket_timeout=0.5)
    assert isinstance(found, Storage)  # noqa: S101 (the `async+` scheme gives the asynchronous one)
    return found
