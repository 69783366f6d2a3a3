"""From a store URL to a client: standalone, unix socket, TLS, Sentinel, Cluster.

Rule: never a retry inside the client. A script that timed out may have run; ours are idempotent, so whoever asks may ask
again, with its own deadline (redis-py's default of ten silent retries counts twice and hangs for seconds).
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, cast
from urllib.parse import parse_qs, unquote, urlsplit

from redis.asyncio import BlockingConnectionPool, Redis, RedisCluster, Sentinel
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from proxy.errors import ConfigError, StoreError

T = TypeVar("T")

SCHEMES = ("redis", "rediss", "unix", "redis+sentinel", "redis+cluster")

AT_ONCE = 64
"""Commands in flight per worker; more wait their turn, within their deadline."""


@dataclass(frozen=True, slots=True)
class Address:
    """A store URL, read."""

    scheme: str
    nodes: tuple[tuple[str, int], ...]
    path: str
    username: str | None
    password: str | None
    options: dict[str, str]


def read_url(url: str) -> Address:
    """Raises `ConfigError`, which never shows the URL: it may hold a password."""
    parts = urlsplit(url)
    if parts.scheme not in SCHEMES:
        raise ConfigError(f"store: '{parts.scheme}' is not one of {', '.join(SCHEMES)}")
    userinfo, _, hosts = parts.netloc.rpartition("@")
    username, _, password = userinfo.partition(":")
    usual = 26379 if parts.scheme == "redis+sentinel" else 6379
    options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    try:
        nodes = tuple(_node(host, usual) for host in hosts.split(",") if host)
    except ValueError:
        raise ConfigError("store: a host's port is not a number") from None
    if parts.scheme != "unix" and not nodes:
        raise ConfigError("store: the URL names no host")
    return Address(parts.scheme, nodes, parts.path, unquote(username) or None, unquote(password) or None, options)


def _node(host: str, port: int) -> tuple[str, int]:
    name, colon, number = host.rpartition(":")
    return (name.strip("[]"), int(number)) if colon and not number.endswith("]") else (host.strip("[]"), port)


class Connection:
    """One client for the whole worker. Everything it raises is a `StoreError`."""

    def __init__(self, url: str, deadline: float) -> None:
        self._address = read_url(url)
        self._deadline = deadline
        self._gate = asyncio.Semaphore(AT_ONCE)
        self.client: Any = _client(self._address, deadline)
        self.trips = 0
        """Round trips made."""

    async def run(self, call: Callable[[Any], Awaitable[T]], deadline: float | None = None) -> T:
        """`call(client)` within the deadline (seconds)."""
        try:
            async with asyncio.timeout(deadline or self._deadline), self._gate:
                self.trips += 1
                return await call(self.client)
        except (RedisError, OSError, TimeoutError) as error:
            raise StoreError(f"{type(error).__name__}") from error

    async def together(self, calls: Sequence[Callable[[Any], Any]], deadline: float) -> list[Any]:
        """Several commands at once: one pipeline, or in a cluster side by side. Errors come back in their places."""
        if self._address.scheme == "redis+cluster":
            results = await asyncio.gather(*(self.run(call, deadline) for call in calls), return_exceptions=True)
            return [_cause(result) for result in results]

        async def piped(client: Any) -> list[Any]:
            async with client.pipeline(transaction=False) as pipe:
                for call in calls:
                    call(pipe)
                found: list[Any] = await pipe.execute(raise_on_error=False)
                return found

        return await self.run(piped, deadline)

    async def close(self) -> None:
        await self.client.aclose()


def _cause(result: Any) -> Any:
    return result.__cause__ if isinstance(result, StoreError) else result


def _client(address: Address, deadline: float) -> Any:
    options: dict[str, Any] = {
        "username": address.username,
        "password": address.password,
        "socket_timeout": None,  # our own deadline governs; a second, shorter one would only race it
        "socket_connect_timeout": deadline,
        "decode_responses": True,
        "retry": Retry(NoBackoff(), 0),
    }
    if address.scheme == "redis+cluster":
        nodes = [ClusterNode(host, port) for host, port in address.nodes]
        return RedisCluster(startup_nodes=nodes, max_connections=AT_ONCE, **_tls(address, options, flag=True))
    if address.scheme == "redis+sentinel":
        return _sentinel(address, options)
    pool = {**options, "max_connections": AT_ONCE, "timeout": None}
    if address.scheme == "unix":
        return Redis(connection_pool=BlockingConnectionPool.from_url(f"unix://{address.path}", db=_db(address, ""), **pool))
    host, port = address.nodes[0]
    where = f"{address.scheme}://{f'[{host}]' if ':' in host else host}:{port}"
    return Redis(connection_pool=BlockingConnectionPool.from_url(where, db=_db(address, address.path), **_tls(address, pool, flag=False)))


def _sentinel(address: Address, options: dict[str, Any]) -> Any:
    service, _, db = address.path.strip("/").partition("/")
    if not service:
        raise ConfigError("store: redis+sentinel:// needs the master's name: redis+sentinel://host:26379/NAME/0")
    watchers = {
        "password": address.options.get("sentinel_password"),
        "decode_responses": True,
        "socket_connect_timeout": options["socket_connect_timeout"],
        "socket_timeout": 1.0,
    }
    sentinel: Any = cast("Any", Sentinel)(
        list(address.nodes), sentinel_kwargs={key: value for key, value in watchers.items() if value is not None}, **options
    )
    return sentinel.master_for(service, db=_db(address, db), max_connections=AT_ONCE)


def _db(address: Address, path: str) -> int:
    text = path.strip("/") or address.options.get("db", "0")
    if not text.isdecimal():
        raise ConfigError("store: the database after the last '/' is not a number")
    return int(text)


def _tls(address: Address, options: dict[str, Any], *, flag: bool) -> dict[str, Any]:
    """`?ca=FILE` names the authority of a private one."""
    tls = address.scheme == "rediss" or address.options.get("tls") == "true"
    if not tls:
        return options
    return {**options, **({"ssl": True} if flag else {}), "ssl_ca_certs": address.options.get("ca"), "ssl_check_hostname": True}
