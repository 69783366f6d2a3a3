"""One worker: every concrete class wired into one gateway, and the loops that keep it current.

Rule: a loop that fails takes the worker down, loudly; the supervisor starts a fresh one. Nothing limps.
"""

import asyncio
import gc
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from yarl import URL

from proxy.app import secret
from proxy.app.admin import WorkerAdmin
from proxy.app.cautions import cautions
from proxy.app.orphans import last_one_out
from proxy.app.verification import said_of_pages
from proxy.config.model_verification import verification_url
from proxy.config.policy import compile_policy
from proxy.config.reload import Watcher
from proxy.config.settings import Settings
from proxy.core.estimate import Estimator
from proxy.core.facts import Account
from proxy.core.policy import Policy
from proxy.errors import ConfigError, StoreError
from proxy.gateway.capacity import Places
from proxy.gateway.fronts import Fronts, Peers
from proxy.gateway.rooms import Rooms
from proxy.identity import Identities
from proxy.learning.sketch import Keyed
from proxy.recording.recorder import FileRecorder
from proxy.sealing.links import Links
from proxy.sealing.seal import KeyedSeal
from proxy.server.front import FrontDoor
from proxy.stores.breaker import Breaker
from proxy.stores.connect import Connection
from proxy.stores.door import RedisDoor
from proxy.stores.fallback import SteadyStore
from proxy.stores.keys import RedisKeys
from proxy.stores.redis_store import RedisStore
from proxy.stores.registry import Registry
from proxy.stores.standings import RedisStandings
from proxy.telemetry import OpenedTelemetry, TelemetryOptions, open_telemetry
from proxy.telemetry.logs import configure
from proxy.upstream.client import HttpUpstream
from proxy.upstream.targets import Target

log = logging.getLogger(__name__)

BEAT = 2.0
"""Seconds between a worker's signs of life."""

DEADLINE = 0.25
"""Seconds that a request waits for the store. A healthy store answers in one or two milliseconds; but on a machine whose
cores are all busy the event loop itself comes late, and a tighter deadline would take that for a lost store."""

FLUSH = 5.0
"""Seconds for writing the last settlements when a worker stops."""

VERSION = version("stillgate")
"""Read once: it stands in a file, and every beat says it."""

clock = time.time  # noqa: TID251 (the one place where the gateway's time comes from)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a worker serves, given by its supervisor."""

    index: int
    socket: socket.socket
    answer_on: Path
    with_store: bool = False
    """The store is the supervisor's own, and nobody else's."""


class Gateway:
    """One worker's parts, wired."""

    def __init__(self, settings: Settings, place: Place) -> None:
        self.name = f"{socket.gethostname()}-{os.getpid()}"
        self._settings = settings
        self._place = place
        self._policy = compile_policy(settings.policy)
        self._telemetry = _telemetry(settings, self.name)
        self._connection = Connection(settings.store, DEADLINE)
        self._counts = RedisStore(self._connection, partitions=settings.partitions)
        self._breaker = Breaker(time.monotonic, self._breaker_changed)
        self._store = SteadyStore(self._counts, self._breaker, self._policy, clock, gateways=settings.workers, index=place.index)
        self._recorder = FileRecorder(self.name, settings.policy, self._policy.recording)
        self._keyring = secret.keyring(settings)
        self._hashing = secret.hashing_id(settings)
        self._registry = Registry(self._connection)
        self._standings = RedisStandings(self._connection)
        self._door = RedisDoor(settings.store, clock)
        self._upstream = HttpUpstream([_target(upstream) for upstream in settings.upstreams])
        self._identities = Identities(RedisKeys(self._connection), self._upstream.fetch, secret.secret_of(settings), time.monotonic)
        self._check(self._policy)
        self._rooms = Rooms(
            policy=self._policy, identity=self._identities, store=self._store, upstream=self._upstream, telemetry=self._telemetry,
            door=self._door, places=Places(self._policy.capacity, settings.workers),
            estimator=Estimator(), max_body=settings.max_body, clock=clock, seal=KeyedSeal(self._keyring),
            key=Keyed(secret.secret_of(settings)), recorder=self._recorder, links=self._link(),
            fronts=Fronts(Peers.of(settings.trusted_proxies), settings.forwarded_header, settings.tls_header),
        )  # fmt: skip
        self._front = FrontDoor(self._rooms)
        self._show_policy()

    async def run(self, stopping: asyncio.Event) -> None:
        """Serves until `stopping`, then drains."""
        async with AsyncExitStack() as stack:
            stack.push_async_callback(asyncio.to_thread, self._telemetry.close)
            stack.push_async_callback(self._connection.close)
            stack.push_async_callback(self._door.close)
            await self._upstream.open()
            stack.push_async_callback(self._upstream.close)
            await self._front.open(self._place.socket)
            admin = WorkerAdmin(self._place.answer_on, self._metrics, self._status)
            await admin.open()
            stack.push_async_callback(admin.close)
            async with asyncio.TaskGroup() as group:
                loops = [group.create_task(loop) for loop in self._loops()]
                await stopping.wait()
                await self._front.drain(self._settings.drain)
                await self._counts.drain(FLUSH)
                await self._recorder.flush()
                for loop in loops:
                    loop.cancel()
            await self._leave()

    def _loops(self) -> tuple[Coroutine[None, None, None], ...]:
        return (
            self._counts.work(), self._counts.notes.work(), self._recorder.work(), self._beat(), self._identities.follow(), self._watch(),
            secret.follow(self._settings, self._keyring),
        )  # fmt: skip

    def _link(self) -> Callable[[Account, float, float], str]:
        """Where an account's owner verifies."""
        links, settings = Links(self._keyring), self._settings
        return lambda account, at, spent: verification_url(settings, links.make(account.id, account.organization, at, spent))

    async def _beat(self) -> None:
        while True:
            at = clock()
            try:
                await self._counts.beat(at)
                alive = await self._registry.sign(self.name, self._says())
                await self._standings.met(self._store.take_met())
                self._store.gateways, self._store.index = len(alive), alive.index(self.name)
            except StoreError as error:
                self._telemetry.count("store_errors", operation="beat")
                self._breaker.lost(str(error))
            else:
                await self._heal()
            self._show()
            self._count_dropped()
            await asyncio.sleep(BEAT)

    def _count_dropped(self) -> None:
        lost = self._counts.take_dropped(), self._counts.observations.take_dropped(), self._recorder.take_dropped()
        for kind, dropped in zip(("settlements", "observations", "recording"), lost, strict=True):
            if dropped:
                self._telemetry.count(f"{kind}_dropped", dropped)

    async def _heal(self) -> None:
        """Without traffic nobody tries a lost store. A beat has more patience than a request, so its success alone does not say
        that requests would be answered in time: that is asked within their deadline."""
        if not self._breaker.open:
            return
        try:
            await self._connection.run(lambda client: client.ping())
        except StoreError:
            return
        self._breaker.succeeded()

    async def _watch(self) -> None:
        """Follows the policy's files; keeps the last good policy."""
        async for change in Watcher(self._settings.policy, current=self._policy.digest).changes():
            try:
                if isinstance(change, ConfigError):
                    raise change
                self._check(change)
            except ConfigError as error:
                log.error("the policy was changed and is not used; %s stays in force:\n%s", self._policy.digest, error)
                self._telemetry.count("policy_reloads", result="rejected")
            else:
                self._use(change)

    def _use(self, policy: Policy) -> None:
        """From the next request on; whatever runs keeps the policy it began with."""
        log.info("policy %s is in force (was %s)", policy.digest, self._policy.digest)
        self._policy = self._rooms.policy = policy
        self._store.use(policy)
        self._recorder.use(policy.recording)
        self._rooms.places.use(policy.capacity)
        self._show_policy()
        self._telemetry.count("policy_reloads", result="ok")

    def _check(self, policy: Policy) -> None:
        """Raises `ConfigError` where this gateway cannot serve by that policy."""
        self._identities.check(policy)
        secret.check(self._settings, policy, embedded=self._place.with_store)

    def _show_policy(self) -> None:
        """Which policy is in force, and what in it does not do what one might think. The first worker speaks for all."""
        self._telemetry.policy(self._policy)
        if self._place.index == 0:
            also = cautions(self._settings, self._policy, embedded=self._place.with_store)
            for said in (*self._policy.notes, *also):
                log.warning("policy %s: %s", self._policy.name, said)

    async def _leave(self) -> None:
        try:
            await self._registry.leave(self.name)
        except StoreError:
            log.warning("the store did not hear that this worker is gone; it will find out by itself")

    def _breaker_changed(self, state: str) -> None:
        if state == "open":
            self._telemetry.count("store_trips")

    def _says(self) -> dict[str, Any]:
        own = {"policy": self._policy.digest, "version": VERSION, "in_flight": self._front.in_flight, "hashing": self._hashing}
        return own | said_of_pages(self._settings, self._keyring)

    def _status(self) -> dict[str, Any]:
        return {
            **self._says(),
            "id": self.name,
            "ready": not self._front.draining,
            "store": "lost" if self._breaker.open else "ok",
            "settlements_pending": self._counts.pending,
            "store_trips": self._connection.trips,
        }

    def _metrics(self) -> bytes:
        self._show()
        return self._telemetry.exposition()

    def _show(self) -> None:
        """The gauges: for whoever scrapes, and with every beat for a collector."""
        self._telemetry.gauge("settlements_pending", self._counts.pending)
        self._telemetry.gauge("store_breaker_open", float(self._breaker.open))


async def run_worker(settings: Settings, place: Place) -> None:
    """Serves until SIGTERM, or until the supervisor is gone. Raises `ConfigError`."""
    configure(settings.log_level)
    stopping, orphaned = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    loop.add_reader(sys.stdin.fileno(), _supervisor_says, stopping, orphaned)
    try:
        gateway = Gateway(settings, place)
        gc.collect()
        gc.freeze()  # what was built to stay is never looked at again: a full collection took a tenth of the request path's time
        await gateway.run(stopping)
        if place.with_store and orphaned.is_set():
            await last_one_out(settings.store)
    finally:
        loop.remove_reader(sys.stdin.fileno())


def _supervisor_says(stopping: asyncio.Event, orphaned: asyncio.Event) -> None:
    """It says nothing; its silence ends when it ends, and then so do we. An ended pipe would be ready to read for ever."""
    if not os.read(sys.stdin.fileno(), 1024):
        asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
        if not stopping.is_set():
            orphaned.set()
        stopping.set()


def _telemetry(settings: Settings, name: str) -> OpenedTelemetry:
    return open_telemetry(
        TelemetryOptions(
            service_version=VERSION, instance=name, otlp_endpoint=settings.otlp_endpoint, sample=settings.trace_sample,
            otlp_headers=tuple((name, value.get_secret_value()) for name, value in settings.otlp_headers.items()),
        )
    )  # fmt: skip


def _target(upstream: Any) -> Target:
    return Target(
        url=URL(upstream.url), credential=upstream.api_key.get_secret_value(), auth=upstream.auth, headers=tuple(upstream.headers.items()),
        models=tuple(upstream.models), paths=tuple(upstream.paths), connect=upstream.connect,
    )  # fmt: skip
