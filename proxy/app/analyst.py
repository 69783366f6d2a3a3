"""The analyst process: every concrete class wired into a rota, and the loops that keep it current. It serves no exchange.

Rule: a loop that fails takes the process down, loudly; whoever started it starts a fresh one, which goes on from the checkpoint.
"""

import asyncio
import gc
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Coroutine, Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from proxy.analyst.ports import Ports
from proxy.analyst.rota import Rota
from proxy.app.admin import WorkerAdmin
from proxy.config.policy import compile_policy
from proxy.config.reload import Watcher
from proxy.config.settings import Settings
from proxy.core.risk import Risk
from proxy.errors import ConfigError, StoreError
from proxy.learning.analysis import Analysis
from proxy.stores import embedded
from proxy.stores.analyst_memory import RedisMemory
from proxy.stores.board import RedisBoard
from proxy.stores.connect import Connection
from proxy.stores.leases import RedisLeases
from proxy.stores.moves import RedisMoves
from proxy.stores.observations import RedisObservations
from proxy.telemetry import OpenedTelemetry, TelemetryOptions, open_telemetry
from proxy.telemetry.logs import configure

log = logging.getLogger(__name__)

DEADLINE = 5.0
"""Seconds that it waits for the store: no exchange waits for it."""

VERSION = version("stillgate")

SHOW = 2.0
"""Seconds between two looks at the gauges."""

clock = time.time  # noqa: TID251 (the rim: the analyst's own time comes from here)


@dataclass(frozen=True, slots=True)
class Post:
    """Where an analyst works, given by its supervisor; on a machine of its own it has neither."""

    name: str = ""
    """The one it is known by also when it was started again; "" and it makes one up."""
    answer_on: Path | None = None


class AnalystProcess:
    """One process's parts, wired."""

    def __init__(self, settings: Settings, post: Post) -> None:
        """Raises `ConfigError`."""
        self.name = post.name or f"{socket.gethostname()}-{os.getpid()}"
        self._settings = settings
        self._answer_on = post.answer_on
        self._policy = compile_policy(settings.policy)
        self._telemetry = _telemetry(settings, self.name)
        self._connection = Connection(settings.store, DEADLINE)
        self._leases = RedisLeases(self._connection, self.name)
        self._rota = Rota(self._leases, self._ports, restored, clock, self._policy)
        self._resting = asyncio.Event()
        """There is nothing to do: it stops, or the policy has no risk."""
        self._changed = asyncio.Event()

    async def run(self, stopping: asyncio.Event) -> None:
        """Learns until `stopping`; then everything is remembered."""
        async with AsyncExitStack() as stack:
            stack.push_async_callback(asyncio.to_thread, self._telemetry.close)
            stack.push_async_callback(self._connection.close)
            if self._answer_on is not None:
                admin = WorkerAdmin(self._answer_on, self._metrics, self._says)
                await admin.open()
                stack.push_async_callback(admin.close)
            async with asyncio.TaskGroup() as group:
                loops = [group.create_task(loop) for loop in self._loops(stopping)]
                while not stopping.is_set():
                    await self._work(stopping)
                for loop in loops:
                    loop.cancel()
            await self._leave()

    def _loops(self, stopping: asyncio.Event) -> tuple[Coroutine[None, None, None], ...]:
        return self._watch(), self._keep_showing(), self._rest_when(stopping)

    async def _work(self, stopping: asyncio.Event) -> None:
        """As long as the policy has `risk`; then until it changes."""
        self._changed.clear()
        self._resting.clear()
        if self._policy.risk.on and not stopping.is_set():
            await self._rota.run(self._settings.partitions, self._resting, self._says)
        elif not stopping.is_set():
            log.warning("policy %s has no risk: there is nothing to learn", self._policy.name)
            await self._changed.wait()

    async def _rest_when(self, stopping: asyncio.Event) -> None:
        await stopping.wait()
        self._resting.set()
        self._changed.set()

    async def _watch(self) -> None:
        """Follows the policy's files; keeps the last good policy."""
        async for change in Watcher(self._settings.policy, current=self._policy.digest).changes():
            if isinstance(change, ConfigError):
                log.error("the policy was changed and is not used; %s stays in force:\n%s", self._policy.digest, change)
                continue
            log.info("policy %s is in force (was %s)", change.digest, self._policy.digest)
            self._policy = self._rota.policy = change
            self._telemetry.policy(change)
            self._changed.set()
            if not change.risk.on:
                self._resting.set()

    async def _keep_showing(self) -> None:
        self._telemetry.policy(self._policy)
        while True:
            self._show()
            await asyncio.sleep(SHOW)

    async def _leave(self) -> None:
        try:
            await self._leases.leave()
        except StoreError:
            log.warning("the store did not hear that this analyst is gone; it will find out by itself")

    def _ports(self, partition: int, ownership: int) -> Ports:
        connection = self._connection
        board = RedisBoard(connection, partition)
        memory = RedisMemory(connection, partition, ownership)
        return Ports(RedisObservations(connection, partition), memory, RedisMoves(connection), board, board, self._telemetry)

    def _says(self) -> dict[str, Any]:
        analysts = self._rota.analysts
        return {
            "policy": self._policy.digest,
            "version": VERSION,
            "partitions": sorted(analysts),
            "lag": round(max((analyst.lag for analyst in analysts.values()), default=0.0), 3),
            "accounts": sum(analyst.accounts for analyst in analysts.values()),
            "faults": [{"partition": number, "count": count, "last": last} for number, (count, last) in self._rota.troubles.items()],
        }

    def _metrics(self) -> bytes:
        self._show()
        return self._telemetry.exposition()

    def _show(self) -> None:
        analysts = self._rota.analysts.values()
        self._telemetry.gauge("analyst_partitions", len(analysts))
        self._telemetry.gauge("analyst_lag", max((analyst.lag for analyst in analysts), default=0.0))
        self._telemetry.gauge("analyst_accounts", sum(analyst.accounts for analyst in analysts))
        self._telemetry.gauge("analyst_campaigns", sum(analyst.campaigns for analyst in analysts))
        self._telemetry.gauge("analyst_look", max((analyst.took for analyst in analysts), default=0.0))


async def run_analyst(settings: Settings, post: Post, *, supervised: bool) -> None:
    """Learns until SIGTERM, or until the supervisor is gone. Raises `ConfigError`."""
    configure(settings.log_level)
    stopping, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    if supervised:
        loop.add_reader(sys.stdin.fileno(), _supervisor_says, stopping)
    try:
        process = AnalystProcess(settings, post)
        gc.collect()
        gc.freeze()
        await process.run(stopping)
    finally:
        if supervised:
            loop.remove_reader(sys.stdin.fileno())


def store_that_runs(settings: Settings) -> str:
    """The configured store's URL, or that of the embedded one of a gateway that runs. Raises `ConfigError`."""
    url = settings.store or embedded.running(Path(settings.state_dir))
    if url is None:
        raise ConfigError("no store: pass --store URL; or start `stillgate serve`, which has one of its own, and an analyst beside it")
    return url


def restored(risk: Risk, rest: bytes, profiles: Iterable[tuple[str, bytes]]) -> Analysis:
    """The `Restore` of the house."""
    return Analysis.restored(risk, rest, (packed for _, packed in profiles)) if rest else Analysis(risk)


def _supervisor_says(stopping: asyncio.Event) -> None:
    """Its silence ends when it ends, and then so do we. An ended pipe would be ready to read for ever."""
    if not os.read(sys.stdin.fileno(), 1024):
        asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
        stopping.set()


def _telemetry(settings: Settings, name: str) -> OpenedTelemetry:
    headers = tuple((field, value.get_secret_value()) for field, value in settings.otlp_headers.items())
    return open_telemetry(
        TelemetryOptions(service_version=VERSION, instance=name, otlp_endpoint=settings.otlp_endpoint, otlp_headers=headers)
    )  # fmt: skip
