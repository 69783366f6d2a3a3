"""Which store a gateway or a command uses."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from proxy.config.settings import Settings
from proxy.errors import ConfigError, StoreError
from proxy.stores import embedded
from proxy.stores.address import read_url
from proxy.stores.analysts import Analysts
from proxy.stores.connect import Connection
from proxy.stores.redis_store import RedisStore
from proxy.stores.registry import Registry

PATIENCE = 5.0
"""Deadline of a command's calls, seconds."""


@asynccontextmanager
async def embedded_if_needed(settings: Settings) -> AsyncIterator[str]:
    """The configured store's URL, or that of an embedded one, which runs meanwhile. Raises `ConfigError`."""
    if settings.store:
        await _answers(settings.store)
        yield settings.store
        return
    async with embedded.embedded(Path(settings.state_dir)) as url:
        yield url


async def _answers(url: str) -> None:
    """A gateway cannot know its callers' keys without a store: better not ready than ready and refusing all."""
    read_url(url)
    async with _closing(url) as connection:
        try:
            await connection.run(lambda client: client.ping())
        except StoreError as error:
            raise ConfigError(f"{error}: is --store right, and does it run?") from None


@asynccontextmanager
async def connected(settings: Settings) -> AsyncIterator[Connection]:
    """For commands: the configured store, or the embedded one of a gateway that runs, or one started for the moment."""
    if settings.store:
        async with _closing(settings.store) as connection:
            yield connection
        return
    state = Path(settings.state_dir)
    if (url := embedded.running(state)) is not None:
        async with _closing(url) as connection:
            yield connection
        return
    async with embedded.embedded(state) as url, _closing(url) as connection:
        yield connection


@asynccontextmanager
async def _closing(url: str) -> AsyncIterator[Connection]:
    connection = Connection(url, PATIENCE)
    try:
        yield connection
    finally:
        await connection.close()


async def status(settings: Settings) -> dict[str, Any]:
    """The workers and analysts on a store, and what is in flight. Raises `ConfigError`, `StoreError`."""
    async with connected(settings) as connection:
        workers, analysts = await Registry(connection).workers(), Analysts(connection)
        in_flight = await RedisStore(connection).in_flight()
        return {"gateways": workers, "analysts": await analysts.all(), "partitions": await analysts.partitions(), "in_flight": in_flight}
