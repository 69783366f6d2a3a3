"""The front door: sockets, the one handler, draining.

Time is stamped here, once, on arrival; the request's id is made here. Everything behind takes both as given.
"""

import asyncio
import logging
import secrets
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
from proxy.server.protocol import Listener

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Limits:
    """What one connection may do; sizes in bytes, times in seconds."""

    line: int = 16 * 1024
    field: int = 64 * 1024
    fields: int = 256
    keep_alive: float = 620.0
    """Longer than any load balancer's, so that it is never us who close under its request."""
    body_silence: float = 60.0
    first_request: float = 30.0


class FrontDoor:
    """Serves exchanges on given sockets until told to drain."""

    def __init__(self, rooms: Rooms, limits: Limits | None = None) -> None:
        self._rooms = rooms
        self._limits = limits or Limits()
        self._runner: web.ServerRunner | None = None
        self._running = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self.draining = False

    @property
    def in_flight(self) -> int:
        return self._running

    async def open(self, *sockets: socket.socket) -> None:
        limits = self._limits
        listener = Listener(
            self._handle, first_request=limits.first_request, handler_cancellation=True, auto_decompress=False, access_log=None,
            max_line_size=limits.line, max_field_size=limits.field, max_headers=limits.fields, keepalive_timeout=limits.keep_alive,
        )  # fmt: skip
        self._runner = web.ServerRunner(listener, shutdown_timeout=1.0)
        await self._runner.setup()
        for sock in sockets:
            await web.SockSite(self._runner, sock, backlog=1024).start()

    async def drain(self, seconds: float) -> bool:
        """Takes no new connections, lets what runs finish; True where everything did. Idle connections are closed."""
        self.draining = True
        if self._runner is None:
            return True
        for site in list(self._runner.sites):
            await site.stop()
        if self._runner.server is not None:
            self._runner.server.pre_shutdown()
        try:
            async with asyncio.timeout(seconds):
                await self._idle.wait()
        except TimeoutError:
            log.warning("drain time is over with %d exchanges running; they are cut", self._running)
        finished = self._running == 0
        await self._runner.cleanup()
        return finished

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        caller = HttpCaller(request, last=self.draining)
        reference = "sg_" + secrets.token_hex(12)
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
        return caller.response or web.Response(status=500)

    async def _serve(self, request: web.BaseRequest, caller: HttpCaller, reference: str) -> None:
        try:
            headers = decoded(request.raw_headers)
        except UnicodeDecodeError:
            await _answer(caller, faults.bad_headers(reference))
            return
        path, _, query = request.raw_path.partition("?")
        arrival = Arrival(self._rooms.clock(), reference, request.method, path, query, headers, _peer(request), request.scheme)
        body = HttpBody(request, self._limits.body_silence)
        await Exchange(self._rooms, arrival, body, caller).run()

    async def _apologise(self, caller: HttpCaller, reference: str) -> None:
        if caller.response is not None:
            caller.abort()
            return
        await _answer(caller, faults.internal(reference))


async def _answer(caller: HttpCaller, fault: Fault) -> None:
    headers, body = routing.dialect_for_error("", ()).error(fault)
    await caller.start(fault.status, headers)
    await caller.write(body)
    await caller.finish()


def decoded(raw: tuple[tuple[bytes, bytes], ...]) -> Headers:
    """Header fields as text. Raises `UnicodeDecodeError`: what is not UTF-8 could not be forwarded as it came."""
    return tuple((name.decode("ascii"), value.decode("utf-8")) for name, value in raw)


def _peer(request: web.BaseRequest) -> str:
    address = request.transport.get_extra_info("peername") if request.transport is not None else None
    return str(address[0]) if isinstance(address, tuple) else "local"
