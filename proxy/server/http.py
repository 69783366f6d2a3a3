"""One HTTP request as the gateway's `Body` and `Caller`.

aiohttp's low-level server is used without `web.Application`: there is one handler, and routing is the gateway's.
"""

import asyncio
from collections.abc import AsyncIterator

from aiohttp import WSCloseCode, WSMsgType, web
from multidict import CIMultiDict

from proxy.dialects.base import Headers
from proxy.errors import CallerError
from proxy.gateway.ports import Socket

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
MOST_MESSAGE = 64 * 1024 * 1024
"""Bytes of one WebSocket message."""


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
            raise CallerError("The request's body is torn or its framing is not valid HTTP.") from None


class HttpCaller:
    """The caller's side of one request."""

    def __init__(self, request: web.BaseRequest, *, last: bool) -> None:
        self._request = request
        self._last = last
        """Close the connection after this answer: the worker is draining."""
        self.response: web.StreamResponse | None = None

    async def start(self, status: int, headers: Headers) -> None:
        response = web.StreamResponse(status=status, headers=CIMultiDict(headers))
        response.headers.setdefault("Server", "stillgate")
        if self._last:
            response.force_close()
        self.response = response
        await response.prepare(self._request)

    async def write(self, data: bytes) -> None:
        if self.response is not None and self._request.method != "HEAD":
            await self.response.write(data)

    async def finish(self) -> None:
        if self.response is not None:
            await self.response.write_eof()

    def abort(self) -> None:
        if self.response is not None:
            self.response.force_close()
        if self._request.transport is not None:
            self._request.transport.close()

    async def upgrade(self, protocol: str | None) -> Socket:
        response = web.WebSocketResponse(protocols=(protocol,) if protocol else (), max_msg_size=MOST_MESSAGE, compress=False)
        self.response = response
        await response.prepare(self._request)
        return ServerSocket(response)


class ServerSocket:
    """The caller's end of a WebSocket."""

    def __init__(self, socket: web.WebSocketResponse) -> None:
        self._socket = socket
        self.protocol = socket.ws_protocol

    async def messages(self) -> AsyncIterator[str | bytes]:
        async for message in self._socket:
            if message.type is WSMsgType.TEXT or message.type is WSMsgType.BINARY:
                yield message.data
            elif message.type is WSMsgType.ERROR:
                raise ConnectionResetError("the caller's WebSocket broke")

    async def send(self, message: str | bytes) -> None:
        await (self._socket.send_str(message) if isinstance(message, str) else self._socket.send_bytes(message))

    async def close(self, code: int, reason: str) -> None:
        await self._socket.close(code=code or WSCloseCode.GOING_AWAY, message=reason.encode())

    @property
    def close_code(self) -> int | None:
        return self._socket.close_code


def _too_large(limit: int) -> CallerError:
    return CallerError(f"The request's body is larger than {limit} bytes.", status=413, code="request_too_large")
