"""One HTTP request as the gateway's `Body` and `Caller`.

aiohttp's low-level server is used without `web.Application`: there is one handler, and routing is the gateway's.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

from aiohttp import WSCloseCode, WSMsgType, hdrs, web
from multidict import CIMultiDict

from proxy.dialects.base import Headers
from proxy.errors import CallerError
from proxy.gateway.ports import Socket

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
MOST_MESSAGE = 64 * 1024 * 1024
"""Bytes of one WebSocket message."""

FAREWELL = 2.0
"""Longest wait for the other side's close frame, seconds."""


class HttpBody:
    """A request's body as it arrives, never decompressed."""

    def __init__(self, request: web.BaseRequest, patience: float) -> None:
        self._request = request
        self._patience = patience
        """Longest silence in the middle of a body, seconds."""

    async def whole(self, limit: int) -> bytes:
        if (self._request.content_length or 0) > limit:
            raise _too_large(limit)
        pieces: list[bytes] = []
        size = 0
        async for piece in self.chunks():
            size += len(piece)
            if size > limit:
                raise _too_large(limit)
            pieces.append(piece)
        return b"".join(pieces)

    async def chunks(self) -> AsyncIterator[bytes]:
        if not self._request.body_exists:
            return
        if self._request.headers.get("Expect", "").lower() == "100-continue" and self._request.transport is not None:
            self._request.transport.write(CONTINUE)
        content = self._request.content
        try:
            while not content.at_eof():
                async with asyncio.timeout(self._patience):
                    piece = await content.readany()
                if piece:
                    yield piece
        except TimeoutError:
            raise CallerError("The request's body did not arrive in time.", status=408) from None
        except web.RequestPayloadError:
            self._request.protocol.close()  # nobody knows where the next request would begin
            raise CallerError("The request's body is torn or its framing is not valid HTTP.") from None


class Response(web.StreamResponse):
    """An answer with the fields it was given: aiohttp would call a body without a `Content-Type` an octet-stream."""

    async def _prepare_headers(self) -> None:
        typed = hdrs.CONTENT_TYPE in self.headers
        await super()._prepare_headers()
        if not typed:
            self.headers.popall(hdrs.CONTENT_TYPE, None)


class HttpCaller:
    """The caller's side of one request."""

    def __init__(self, request: web.BaseRequest, patience: float, heartbeat: float, *, leaving: Callable[[], bool]) -> None:
        self._request = request
        self._patience = patience
        """Longest time in which the caller may take nothing of its answer, seconds."""
        self._heartbeat = heartbeat
        """Silence after which a WebSocket's other side is asked for a sign of life, seconds."""
        self._leaving = leaving
        """Is the worker draining? Then the connection is closed after this answer."""
        self.response: web.StreamResponse | None = None

    async def start(self, status: int, headers: Headers) -> None:
        response = Response(status=status, headers=CIMultiDict(headers))
        response.headers.setdefault("Server", "stillgate")
        if self._leaving():
            response.force_close()
        self.response = response
        await response.prepare(self._request)

    async def write(self, data: bytes) -> None:
        if self.response is not None and self._request.method != "HEAD":
            await self._taken(self.response.write(data))

    async def finish(self) -> None:
        if self.response is not None:
            await self._taken(self.response.write_eof())

    async def _taken(self, writing: Coroutine[Any, Any, None]) -> None:
        try:
            async with asyncio.timeout(self._patience):
                await writing
        except TimeoutError:
            if self._request.transport is not None:
                self._request.transport.abort()
            raise ConnectionResetError("the caller does not read its answer") from None

    def abort(self) -> None:
        if self.response is not None:
            self.response.force_close()
        if self._request.transport is not None:
            self._request.transport.close()

    async def upgrade(self, protocol: str | None) -> Socket:
        agreed = (protocol,) if protocol else ()
        response = web.WebSocketResponse(
            protocols=agreed, max_msg_size=MOST_MESSAGE, compress=False, autoclose=False, timeout=FAREWELL, heartbeat=self._heartbeat
        )
        self.response = response
        # aiohttp logs the subprotocols of a caller with whom none was agreed, and one of them may hold a key.
        headers = CIMultiDict((name, value) for name, value in self._request.headers.items() if name != hdrs.SEC_WEBSOCKET_PROTOCOL)
        headers.extend((hdrs.SEC_WEBSOCKET_PROTOCOL, name) for name in agreed)
        await response.prepare(self._request.clone(headers=headers))
        return ServerSocket(response)


class ServerSocket:
    """The caller's end of a WebSocket."""

    def __init__(self, socket: web.WebSocketResponse) -> None:
        self._socket = socket
        self.protocol = socket.ws_protocol
        self.farewell: tuple[int, str] | None = None

    async def messages(self) -> AsyncIterator[str | bytes]:
        while (message := await self._socket.receive()).type in {WSMsgType.TEXT, WSMsgType.BINARY}:
            yield message.data
        if message.type is WSMsgType.ERROR:
            raise ConnectionResetError("the caller's WebSocket broke")
        if message.type is WSMsgType.CLOSE:
            self.farewell = (message.data or 0, message.extra or "")
        elif message.type is WSMsgType.CLOSED:
            self.farewell = (WSCloseCode.ABNORMAL_CLOSURE, "")

    async def send(self, message: str | bytes) -> None:
        await (self._socket.send_str(message) if isinstance(message, str) else self._socket.send_bytes(message))

    async def close(self, code: int, reason: str) -> None:
        await self._socket.close(code=code, message=reason.encode())


def _too_large(limit: int) -> CallerError:
    return CallerError(f"The request's body is larger than {limit} bytes.", status=413, code="request_too_large")
