"""The admin port: liveness, readiness, metrics and a status, over all workers of this gateway.

Every worker answers the same paths on a unix socket of its own; the supervisor asks them and puts the answers together.
Rule: a counter never falls, for a scraper takes that for a restart and counts everything twice. What a worker last said
stands while it does not answer, and stays in the sums when it has ended.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from proxy.telemetry.exposition import CONTENT_TYPE, counters_only, merge
from proxy.verification.site import Verification

PATIENCE = aiohttp.ClientTimeout(total=2.0)
"""How long a worker may take to answer before it counts as not ready."""


class WorkerAdmin:
    """One worker's answers, on a unix socket."""

    def __init__(self, path: Path, metrics: Callable[[], bytes], status: Callable[[], Mapping[str, Any]]) -> None:
        self._path = path
        self._metrics = metrics
        self._status = status
        self._runner: web.AppRunner | None = None

    async def open(self) -> None:
        app = web.Application()
        app.router.add_get("/metrics", self._on_metrics)
        app.router.add_get("/status", self._on_status)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        self._path.unlink(missing_ok=True)
        await web.UnixSite(self._runner, str(self._path)).start()

    async def close(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
        self._path.unlink(missing_ok=True)

    async def _on_metrics(self, _: web.Request) -> web.Response:
        return web.Response(body=self._metrics())

    async def _on_status(self, _: web.Request) -> web.Response:
        return web.json_response(dict(self._status()))


class Scrapes:
    """Metrics of workers that come and go, as sums that never fall."""

    def __init__(self) -> None:
        self._last: dict[str, bytes] = {}
        """What each living worker said last."""
        self._ended = b""
        """Counters of those that are gone, summed."""
        self._lives: Counter[str] = Counter()
        self._one_at_a_time = asyncio.Lock()

    def retire(self, worker: str) -> None:
        """This life of `worker` is over; its counters stay."""
        self._lives[worker] += 1
        if (last := self._last.pop(worker, None)) is not None:
            self._ended = merge([(worker, self._ended), (worker, counters_only(last))])

    async def text(self, ask: Callable[[], Awaitable[Mapping[str, bytes | None]]]) -> bytes:
        """One exposition of what `ask` finds out, by worker; None from one that does not answer."""
        async with self._one_at_a_time:
            lives = self._lives.copy()
            answers = await ask()
            fresh = {name: text for name, text in answers.items() if text is not None and self._lives[name] == lives[name]}
            self._last |= fresh
            silent = [(name, counters_only(text)) for name, text in self._last.items() if name not in fresh]
            return merge([*fresh.items(), *silent, ("", self._ended)])


class Admin:
    """The supervisor's admin port."""

    def __init__(
        self, workers: Callable[[], Mapping[str, Path]], also: Callable[[], bytes] = bytes, beside: Callable[[], Mapping[str, Path]] = dict
    ) -> None:
        """`also`: metrics of the supervisor's own, of which no worker knows. `beside`: processes that serve no exchange, so that
        readiness does not wait for them."""
        self._workers = workers
        self._also = also
        self._beside = beside
        self._runner: web.AppRunner | None = None
        self._scrapes = Scrapes()
        self.draining = False

    async def open(self, sock: Any, pages: Verification | None = None) -> None:
        """`pages`: what an account's owner may see, under `/verify/`. Everything else here is the operator's."""
        app = web.Application()
        app.router.add_get("/health/live", self._live)
        app.router.add_get("/health/ready", self._ready)
        app.router.add_get("/metrics", self._metrics)
        app.router.add_get("/status", self._status)
        if pages is not None:
            pages.mount(app)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.SockSite(self._runner, sock).start()

    async def close(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    def ended(self, worker: str) -> None:
        """A worker's process is gone; one that takes its place counts from nothing."""
        self._scrapes.retire(worker)

    async def statuses(self) -> dict[str, dict[str, Any] | None]:
        """What each worker says of itself; None where it does not answer."""
        return await self._statuses(self._workers())

    async def _live(self, _: web.Request) -> web.Response:
        return web.json_response({"live": True})

    async def _ready(self, _: web.Request) -> web.Response:
        statuses = await self.statuses()
        ready = not self.draining and bool(statuses) and all(status and status["ready"] for status in statuses.values())
        return web.json_response({"ready": ready, "draining": self.draining}, status=200 if ready else 503)

    async def _metrics(self, _: web.Request) -> web.Response:
        body = await self._scrapes.text(partial(_ask, {**self._workers(), **self._beside()}, "/metrics"))
        return web.Response(body=body + self._also(), headers={"Content-Type": CONTENT_TYPE})

    async def _status(self, _: web.Request) -> web.Response:
        beside = await self._statuses(self._beside())
        return web.json_response({"draining": self.draining, "workers": await self.statuses(), **beside})

    async def _statuses(self, sockets: Mapping[str, Path]) -> dict[str, dict[str, Any] | None]:
        answers = await _ask(sockets, "/status")
        return {name: json.loads(body) if body is not None else None for name, body in answers.items()}


async def _ask(sockets: Mapping[str, Path], path: str) -> dict[str, bytes | None]:
    bodies = await asyncio.gather(*(_get(socket_path, path) for socket_path in sockets.values()))
    return dict(zip(sockets, bodies, strict=True))


async def _get(socket_path: Path, path: str) -> bytes | None:
    try:
        connector = aiohttp.UnixConnector(path=str(socket_path))
        async with aiohttp.ClientSession(connector=connector, timeout=PATIENCE) as session, session.get(f"http://worker{path}") as answer:
            return await answer.read()
    except (aiohttp.ClientError, OSError, TimeoutError):
        return None
