"""What aiohttp refuses before a request exists (torn framing, conflicting lengths, oversized headers), told as JSON.

Rule: nothing of what was sent is echoed, and the connection is closed: after broken framing nobody knows where the next
request begins (RFC 9112 11.2, request smuggling).
"""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web
from aiohttp.http import RawRequestMessage
from aiohttp.http_exceptions import HttpProcessingError, LineTooLong
from aiohttp.web_protocol import RequestHandler

from proxy.core.enforcement import Fault, Reason
from proxy.dialects import routing
from proxy.dialects.base import Headers

log = logging.getLogger(__name__)

LOOK = 4096
"""Bytes of a request's beginning that are kept until it is one: in which dialect would its caller read an error?"""

WORDS = {
    400: "The request is not valid HTTP: its framing, its headers or its lengths contradict each other.",
    414: "The request's path and query are too long.",
    431: "The request's headers are too large or too many.",
    500: "Stillgate failed on this request.",
}


def new_reference() -> str:
    """The id of an exchange: what the caller is told, and what the logs say."""
    return "sg_" + secrets.token_hex(12)


def glimpse(head: bytes) -> tuple[str, Headers]:
    """The first line and the fields' names of what may become a request; no value is looked at."""
    line, *fields = head.decode("latin-1").split("\n")
    return line, tuple((field.partition(":")[0].strip(), "") for field in fields)


class Connection(RequestHandler):
    """One connection of a caller; it is closed where its first request does not come in time."""

    def __init__(self, manager: "Listener", *, first_request: float, **kwargs: Any) -> None:
        super().__init__(manager, **kwargs)
        self._first_request = first_request
        self._patience: asyncio.TimerHandle | None = None
        self._head, self._before = b"", 0
        """The beginning of the request that is coming in, and how many came before it."""

    @property
    def idle(self) -> bool:
        """Does it wait for a request, with none begun?"""
        return self._waiter is not None and not self._waiter.done()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._patience = asyncio.get_running_loop().call_later(self._first_request, self._close_silent)

    def connection_lost(self, exc: BaseException | None) -> None:
        if self._patience is not None:
            self._patience.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Where the framing turns out torn in the middle of a body, aiohttp does not tell who reads that body: he would wait on."""
        self._look(data)
        super().data_received(data)
        if not self._messages or isinstance(self._messages[-1][0], RawRequestMessage):
            return
        reading = [self._current_request.content] if self._current_request is not None else []
        for payload in (*reading, *(payload for _, payload in self._messages)):
            if not payload.is_eof() and payload.exception() is None:
                payload.set_exception(web.RequestPayloadError("torn"))

    def _look(self, data: bytes) -> None:
        if self._request_count != self._before:
            self._head, self._before = b"", self._request_count
        if self.idle and len(self._head) < LOOK:
            self._head += data[: LOOK - len(self._head)]

    def _close_silent(self) -> None:
        if self._request_count == 0:
            self.force_close()

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        if request.writer.output_size > 0:
            raise ConnectionError("the answer has begun")
        status, reference = self._status(status, exc), new_reference()
        log.info("a request was refused before it was one: %d, %s (reference %s)", status, type(exc).__name__, reference)
        reason = Reason.INTERNAL if status >= 500 else Reason.BAD_REQUEST  # noqa: PLR2004
        text = f"{WORDS.get(status, WORDS[400])} Reference: {reference}."
        headers, body = routing.dialect_for_error(*glimpse(self._head)).error(Fault(reason, status, text, reference, retry=False))
        response = web.Response(status=status, body=body, headers=(*headers, ("stillgate-request-id", reference)))
        response.force_close()
        return response

    def _status(self, status: int, exc: BaseException | None) -> int:
        """The parser says 400 to everything; RFC 6585 5 and RFC 9110 15.5.15 have better words for what is too long."""
        if isinstance(exc, LineTooLong):
            return 414 if exc.args[1] == self.max_line_size else 431
        many = isinstance(exc, HttpProcessingError) and exc.message.startswith("Too many headers")
        return 431 if many else status


class Listener(web.Server):
    """aiohttp's low-level server with our connections."""

    def __init__(self, handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]], *, first_request: float, **kwargs: Any) -> None:
        super().__init__(handler, **kwargs)
        self._first_request = first_request

    def __call__(self) -> RequestHandler:
        return Connection(self, loop=self._loop, first_request=self._first_request, **self._kwargs)

    def close_idle(self) -> None:
        """Closes connections on which nothing runs. (`pre_shutdown` would stop reading on the others too: uploads would hang.)"""
        for connection in self.connections:
            if isinstance(connection, Connection) and connection.idle:
                connection.force_close()
