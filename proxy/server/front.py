"""The front door: sockets, the one handler, draining.

Time is stamped here, once, on arrival; the request's id is made here. Everything behind takes both as given.
"""

import asyncio
import contextlib
import logging
import socket
from dataclasses import dataclass

from aiohttp import web

from proxy.core.enforcement import Fault
from proxy.dialects import routing
from proxy.dialects.base import Headers
from proxy.gateway import faults
from proxy.gateway.exchange import Exchange
from proxy.gateway.ports import Arrival
from proxy.gateway.rooms import Rooms
from proxy.server.http import HttpBody, HttpCaller
from proxy.server.protocol import Listener, new_reference

log = logging.getLogger(__name__)

CUT = 0.1
"""Seconds in which an exchange that is cut lets go."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one connection may do; sizes in bytes, times in seconds."""

    line: int = 16 * 1024
    field: int = 32 * 1024
    fields: int = 128
    """With `field` this bounds what a stranger can make us keep: 4 MiB a connection."""
    keep_alive: float = 620.0
    """Longer than any load balancer's, so that it is never us who close under its request."""
    body_silence: float = 60.0
    read_silence: float = 300.0
    """A caller who takes nothing of its answer for so long is cut: it holds a place and a lease."""
    first_request: float = 30.0
    heartbeat: float = 30.0
    """A WebSocket that is silent for so long is asked for a sign of life, and cut where none comes in half that time."""


class FrontDoor:
    """Serves exchanges on given sockets until told to drain."""

    def __init__(self, rooms: Rooms, limits: Limits | None = None) -> None:
        self._rooms = rooms
        self._limits = limits or Limits()
        self._runner: web.ServerRunner | None = None
        self._listener: Listener | None = None
        self._running = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self.draining = False

    @property
    def in_flight(self) -> int:
        return self._running

    async def open(self, *sockets: socket.socket) -> None:
        limits = self._limits
        self._listener = Listener(
            self._handle, first_request=limits.first_request, handler_cancellation=True, auto_decompress=False, access_log=None,
            max_line_size=limits.line, max_field_size=limits.field, max_headers=limits.fields, keepalive_timeout=limits.keep_alive,
        )  # fmt: skip
        self._runner = web.ServerRunner(self._listener, shutdown_timeout=CUT)
        await self._runner.setup()
        for sock in sockets:
            await web.SockSite(self._runner, sock, backlog=1024).start()

    async def drain(self, seconds: float) -> bool:
        """Takes no new connections, lets what runs finish; True where everything did. Idle connections are closed."""
        self.draining = True
        if self._runner is None or self._listener is None:
            return True
        for site in list(self._runner.sites):
            await site.stop()
        self._listener.close_idle()
        try:
            async with asyncio.timeout(seconds):
                await self._idle.wait()
        except TimeoutError:
            log.warning("drain time is over with %d exchanges running; they are cut", self._running)
        finished = self._running == 0
        await self._runner.cleanup()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CUT):
                await self._idle.wait()  # what was cut is settled
        return finished

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        caller = HttpCaller(request, self._limits.read_silence, self._limits.heartbeat, leaving=lambda: self.draining)
        reference = new_reference()
        self._running += 1
        self._idle.clear()
        try:
            await self._serve(request, caller, reference)
        except Exception:  # the server's door: the one place where nothing may pass
            log.exception("exchange %s failed", reference)
            await self._apologise(caller, reference)
        finally:
            self._running -= 1
            if not self._running:
                self._idle.set()
        if self.draining and caller.response is not None:
            caller.response.force_close()
        return caller.response or web.Response(status=500)

    async def _serve(self, request: web.BaseRequest, caller: HttpCaller, reference: str) -> None:
        path, query = _split(request.raw_path)
        try:
            headers = decoded(request.raw_headers)
        except UnicodeDecodeError:
            log.info("a request was refused for a header that is not UTF-8 (reference %s)", reference)
            await _answer(caller, faults.bad_headers(reference), path, tuple(request.headers.items()))
            return
        arrival = Arrival(self._rooms.clock(), reference, request.method, path, query, headers, _peer(request), request.scheme)
        arrival = self._rooms.fronts.believed(arrival)
        body = HttpBody(request, self._limits.body_silence)
        await Exchange(self._rooms, arrival, body, caller).run()

    async def _apologise(self, caller: HttpCaller, reference: str) -> None:
        if caller.response is not None:
            caller.abort()
            return
        await _answer(caller, faults.internal(reference))


async def _answer(caller: HttpCaller, fault: Fault, path: str = "", asked: Headers = ()) -> None:
    headers, body = routing.dialect_for_error(path, asked).error(fault)
    await caller.start(fault.status, (*headers, ("stillgate-request-id", fault.reference)))
    await caller.write(body)
    await caller.finish()


def decoded(raw: tuple[tuple[bytes, bytes], ...]) -> Headers:
    """Header fields as text. Raises `UnicodeDecodeError`: what is not UTF-8 could not be forwarded as it came."""
    return tuple((name.decode("ascii"), value.decode("utf-8")) for name, value in raw)


def _split(target: str) -> tuple[str, str]:
    """Path and query. A target with a fragment, which RFC 9112 3.2 does not know, stays whole and so matches no route."""
    if "#" in target:
        return target, ""
    path, _, query = target.partition("?")
    return path, query


def _peer(request: web.BaseRequest) -> str:
    address = request.transport.get_extra_info("peername") if request.transport is not None else None
    return str(address[0]) if isinstance(address, tuple) else "local"
