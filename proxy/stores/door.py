"""Failed attempts by whoever made them, counted over all gateways with `limits`: small counts of one are what it is right for."""

from collections.abc import Callable
from typing import Any

from limits import parse
from limits.aio.storage import RedisStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter

from proxy.errors import StoreError
from proxy.stores.connect import Connection

LIMIT = parse("60/minute")
"""Per address. An address may be a whole company's: the door only slows those who fail, it never shuts out a valid key."""

SHUT = 10.0
"""Seconds that an address which failed too often is answered without asking the store."""

MOST = 10_000
"""Addresses remembered as shut."""

PATIENCE = 0.5
"""Longest time that one failed login waits to be counted, seconds."""


class RedisDoor:
    """The `Door` port. It has a client of its own: who tries keys must not keep those who have one from the store."""

    def __init__(self, url: str, clock: Callable[[], float], what: str = "login") -> None:
        """`what` is attempted: each kind is counted by itself."""
        self._connection = Connection(url, PATIENCE)
        self._limiter = SlidingWindowCounterRateLimiter(_Borrowed(self._connection.client))
        self._clock = clock
        self._what = what
        self._shut: dict[str, float] = {}

    def shut(self, peer: str) -> bool:
        return self._shut.get(peer, 0.0) > self._clock()

    async def failed(self, peer: str) -> None:
        if self.shut(peer):
            return
        try:
            allowed = await self._connection.run(lambda _: self._limiter.hit(LIMIT, self._what, peer))
        except StoreError:
            return  # the store is lost; its breaker says so, once
        if not allowed:
            self._shut.pop(peer, None)  # the one remembered last stands last
            self._shut[peer] = self._clock() + SHUT
            if len(self._shut) > MOST:
                del self._shut[next(iter(self._shut))]

    async def close(self) -> None:
        await self._connection.close()


class _Borrowed(RedisStorage):
    """`limits` over a client of ours: its own would retry ten times, and reads our URLs differently."""

    STORAGE_SCHEME = ["async+stillgate"]  # noqa: RUF012 (declared so by `limits`)

    def __init__(self, client: Any) -> None:
        self._client = client
        super().__init__("redis://", implementation="redispy")

    def configure_bridge(self) -> None:
        bridge: Any = self.bridge
        bridge.storage = self._client
        bridge.connection_getter = lambda _: self._client
