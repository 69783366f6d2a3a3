"""What aiohttp refuses before a request exists (torn framing, conflicting lengths, oversized headers), told as JSON.

Rule: nothing of what was sent is echoed, and the connection is closed: after broken framing nobody knows where the next
request begins (RFC 9112 11.2, request smuggling).
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from proxy.core.enforcement import Fault, Reason
from proxy.dialects import routing

WORDS = {
    400: "The request is not valid HTTP: its framing, its headers or its lengths contradict each other or are too large.",
    413: "The request is too large.",
    431: "The request's headers are too large.",
    500: "Stillgate failed on this request.",
}


class Connection(RequestHandler):
    """One connection of a caller."""

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        if request.writer.output_size > 0:
            raise ConnectionError("the answer has begun")
        reason = Reason.INTERNAL if status >= 500 else Reason.BAD_REQUEST  # noqa: PLR2004
        headers, body = routing.dialect_for_error("", ()).error(Fault(reason, status, WORDS.get(status, WORDS[400]), "", retry=False))
        response = web.Response(status=status, body=body, headers=dict(headers))
        response.force_close()
        return response


class Listener(web.Server):
    """aiohttp's low-level server with our connections, which are closed if their first request does not come in time."""

    def __init__(self, handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]], *, first_request: float, **kwargs: Any) -> None:
        super().__init__(handler, **kwargs)
        self._first_request = first_request

    def __call__(self) -> RequestHandler:
        connection = Connection(self, loop=self._loop, **self._kwargs)
        asyncio.get_running_loop().call_later(self._first_request, _close_silent, connection)
        return connection


def _close_silent(connection: Connection) -> None:
    if connection._request_count == 0:  # noqa: SLF001 (aiohttp offers no other way to tell)
        connection.force_close()
