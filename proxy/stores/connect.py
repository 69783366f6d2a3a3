"""From a store URL to a client: standalone, unix socket, TLS, Sentinel, Cluster.

Rule: never a retry inside the client. A script that timed out may have run; ours are idempotent, so whoever asks may ask
again, with its own deadline (redis-py's default of ten silent retries counts twice and hangs for seconds).
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar, cast

from redis.asyncio import BlockingConnectionPool, Redis, RedisCluster, Sentinel, SSLConnection, UnixDomainSocketConnection
from redis.asyncio import Connection as PlainConnection
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisClusterException, RedisError, ResponseError
from redis.exceptions import TimeoutError as LateError
from redis.maint_notifications import MaintNotificationsConfig

from proxy.errors import StoreError
from proxy.stores.address import Address, read_url
from proxy.stores.masters import Masters

T = TypeVar("T")

FAILURES = (RedisError, RedisClusterException, OSError, TimeoutError)
"""What a client raises: a cluster's own exception is no `RedisError`."""

AT_ONCE = 64
"""Commands in flight per worker; more wait their turn, within their deadline."""


class Connection:
    """One client for the whole worker. Everything it raises is a `StoreError`, but for a URL that cannot be read: `ConfigError`."""

    def __init__(self, url: str, deadline: float) -> None:
        self._address = read_url(url)
        self._deadline = deadline
        self._gate = asyncio.Semaphore(AT_ONCE)
        self._sentinel: Any = _sentinel(self._address, deadline) if self._address.scheme == "redis+sentinel" else None
        self.client: Any = _client(self._address, deadline, self._sentinel)
        self._masters = Masters(self.client) if isinstance(self.client, RedisCluster) else None
        self.trips = 0
        """Round trips made."""

    async def run(self, call: Callable[[Any], Awaitable[T]], deadline: float | None = None, key: str = "") -> T:
        """`call(client)` within the deadline (seconds). `key` says which part of a cluster it needs."""
        try:
            async with asyncio.timeout(deadline or self._deadline), self._gate:
                self.trips += 1
                if self._masters is not None:
                    await self._masters.ready(key)
                return await call(self.client)
        except FAILURES as error:
            if self._masters is not None:
                self._masters.failed(key, error)
            raise store_error(error) from error

    async def each(self, calls: Sequence[Callable[[Any], Any]], deadline: float, keys: Sequence[str] = ()) -> list[Any]:
        """Several commands at once: one pipeline, or in a cluster side by side. Errors come back in their places."""
        if self._masters is not None:
            runs = (self.run(call, deadline, key) for call, key in zip(calls, keys or [""] * len(calls), strict=True))
            return [_cause(result) for result in await asyncio.gather(*runs, return_exceptions=True)]

        async def piped(client: Any) -> list[Any]:
            async with client.pipeline(transaction=False) as pipe:
                for call in calls:
                    call(pipe)
                found: list[Any] = await pipe.execute(raise_on_error=False)
                return found

        return await self.run(piped, deadline)

    async def together(self, calls: Sequence[Callable[[Any], Any]], deadline: float) -> list[Any]:
        """`each`, where every answer counts: the first error is raised."""
        results = await self.each(calls, deadline)
        for result in results:
            if isinstance(result, Exception):
                raise store_error(result) from result
        return results

    async def follow(self) -> None:
        """With Sentinel: leaves a master that is one no longer. Until it is told itself, it takes writes that will be lost."""
        if self._sentinel is None:
            return
        address = await self.run(lambda _: self._sentinel.discover_master(self._address.service))
        for connection in tuple(self.client.connection_pool._available_connections):  # noqa: SLF001 (there is no other way)
            if (connection.host, connection.port) != address:
                await connection.disconnect(nowait=True)

    async def close(self) -> None:
        try:
            await self.client.aclose()
        finally:
            if self._sentinel is not None:
                await self._sentinel.aclose()


def store_error(error: Exception) -> StoreError:
    """Its kind only: a server's words may hold keys."""
    done = "refused" if isinstance(error, ResponseError) else "did not answer"
    return StoreError(f"the store {done} ({type(error).__name__})")


def _cause(result: Any) -> Any:
    return result.__cause__ if isinstance(result, StoreError) else result


def _options(address: Address, deadline: float) -> dict[str, Any]:
    """What every kind of client is given."""
    return {
        "username": address.username,
        "password": address.password,
        # Our own deadline governs. With one of its own, redis-py sends through `asyncio.wait_for`, which in Python 3.11 may
        # swallow a cancellation: the deadline would pass unheard, and the exchange of a caller who left would go on.
        "socket_timeout": None,
        "socket_connect_timeout": deadline,
        "decode_responses": True,
        "retry": Retry(NoBackoff(), 0),
        # Left on, redis-py no longer notices that an idle connection was closed: after a restart each of them costs a request.
        "maint_notifications_config": MaintNotificationsConfig(enabled=False),
    }


def _tls(address: Address) -> dict[str, Any]:
    return {"ssl_ca_certs": address.authority, "ssl_check_hostname": True} if address.tls else {}


def _client(address: Address, deadline: float, sentinel: Any) -> Any:
    options = {**_options(address, deadline), **_tls(address)}
    flag: dict[str, Any] = {"ssl": True} if address.tls else {}
    if sentinel is not None:
        return sentinel.master_for(address.service, db=address.db, max_connections=AT_ONCE, **options, **flag)
    if address.scheme == "redis+cluster":
        nodes = [ClusterNode(host, port) for host, port in address.nodes]
        # No new beginning after so many MOVED: it closes the connections that others are using. One slot is mended at a time.
        return RedisCluster(startup_nodes=nodes, max_connections=AT_ONCE, reinitialize_steps=0, **options, **flag)
    pool: dict[str, Any] = {**options, "db": address.db, "max_connections": AT_ONCE, "timeout": None}
    if address.scheme == "unix":
        return Redis.from_pool(BlockingConnectionPool(connection_class=UnixDomainSocketConnection, path=address.path, **pool))
    host, port = address.nodes[0]
    kind = SSLConnection if address.tls else PlainConnection
    return Redis.from_pool(BlockingConnectionPool(connection_class=kind, host=host, port=port, **pool))


def _sentinel(address: Address, deadline: float) -> Any:
    """All sentinels may be asked in turn, the master too, before the deadline is over: one that hangs must not hide the rest."""
    options = {**_options(address, deadline), **_tls(address), **({"ssl": True} if address.tls else {})}
    options |= {"username": None, "password": address.sentinel_password}
    found: Any = cast("Any", Sentinel)([])
    found.sentinels = [_Watcher(host, port, deadline / (len(address.nodes) + 1), **options) for host, port in address.nodes]
    return found


class _Watcher(Redis):
    """One sentinel, asked within `patience` seconds."""

    def __init__(self, host: str, port: int, patience: float, **options: Any) -> None:
        super().__init__(host=host, port=port, **options)
        self._patience = patience

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        try:
            async with asyncio.timeout(self._patience):
                return await super().execute_command(*args, **options)  # type: ignore[no-untyped-call]
        except TimeoutError as error:
            raise LateError from error
