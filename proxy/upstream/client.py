"""The model side over aiohttp's client: one pooled session, no total timeout, nothing decompressed or redirected.

A request is tried again only where no byte of it was sent: when the connection could not be opened.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence

import aiohttp
from aiohttp import ClientTimeout, ClientWSTimeout, WSCloseCode, WSMsgType, hdrs
from multidict import CIMultiDict

from proxy.dialects.base import Headers
from proxy.errors import CallerError, NoUpstreamError, UpstreamError
from proxy.gateway.ports import Answer, Dispatch, Socket
from proxy.gateway.tunnel import HANDSHAKE
from proxy.upstream.targets import Target

TRIES = 3
"""Attempts to open a connection."""

PIECE = 256 * 1024
"""A large body is handed over in pieces of this many bytes, so that the event loop is not held."""

IDLE_CONNECTION = 4.0
"""Seconds an unused connection is kept: less than the five that common servers keep theirs, so that we never write into one
that the other side is closing (a POST that meets that could not be tried again)."""

MOST_DOCUMENT = 1 << 20
"""Bytes of a document that is fetched."""

FAREWELL = ClientWSTimeout(ws_close=2.0)
"""Longest wait for a WebSocket's close frame, seconds."""

HEARTBEAT = 30.0
"""A WebSocket that is silent for so many seconds is asked for a sign of life, and given up where none comes in half that time."""

_QUIET = frozenset({hdrs.USER_AGENT, hdrs.ACCEPT, hdrs.ACCEPT_ENCODING, hdrs.CONTENT_TYPE})
"""Headers that aiohttp would add of its own."""


class HttpUpstream:
    """Sends dispatches to the first target that serves them."""

    def __init__(self, targets: Sequence[Target], *, heartbeat: float = HEARTBEAT) -> None:
        self._targets = tuple(targets)
        self._heartbeat = heartbeat
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        """Must run on the loop that will use it."""
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=IDLE_CONNECTION, ttl_dns_cache=30)
        self._session = aiohttp.ClientSession(
            connector=connector, auto_decompress=False, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False,
            skip_auto_headers=_QUIET, read_bufsize=256 * 1024, max_line_size=64 * 1024, max_field_size=64 * 1024,
            timeout=ClientTimeout(total=None),
        )  # fmt: skip
        # aiohttp would send a GET, PUT or DELETE twice where a kept connection breaks: but by then its bytes are sent.
        self._session._retry_connection = False  # noqa: SLF001

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def fetch(self, url: str) -> bytes:
        """A small document of the operator's choosing (a JWKS). Raises `UpstreamError`."""
        try:
            async with self._opened().get(url, timeout=ClientTimeout(total=5.0), allow_redirects=False) as response:
                if response.status != 200:  # noqa: PLR2004
                    raise UpstreamError(f"fetching a document answered {response.status}", sent=True)
                found = bytearray()
                async for piece in response.content.iter_any():
                    found += piece
                    if len(found) > MOST_DOCUMENT:
                        raise UpstreamError("fetching a document failed: it is too large", sent=True)
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise UpstreamError(f"fetching a document failed: {type(error).__name__}", sent=True) from None
        return bytes(found)

    async def send(self, dispatch: Dispatch) -> Answer:
        target = self._target(dispatch)
        timeout = ClientTimeout(total=None, connect=target.connect, sock_read=dispatch.idle)
        for attempt in range(1, TRIES + 1):
            try:
                response = await self._opened().request(
                    dispatch.method, target.address(dispatch), headers=CIMultiDict(_fields(dispatch, target)),
                    data=_payload(dispatch.body), allow_redirects=False, timeout=timeout,
                )  # fmt: skip
                return HttpAnswer(response)
            except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
                if attempt == TRIES or not isinstance(dispatch.body, bytes | None):
                    raise UpstreamError(f"cannot connect to {target!r}: {type(error).__name__}", sent=False) from None
                await asyncio.sleep(0.05 * attempt)
            except TimeoutError:
                raise UpstreamError(f"{target!r} was silent", sent=True, timed_out=True) from None
            except (aiohttp.ClientError, OSError, ValueError) as error:
                if isinstance(error.__cause__, CallerError):
                    raise error.__cause__ from None  # the body that was being passed on turned out torn
                raise UpstreamError(f"{target!r} failed: {type(error).__name__}", sent=True) from None
        raise AssertionError("the last attempt returns or raises")

    async def connect(self, dispatch: Dispatch, protocols: Sequence[str]) -> Socket:
        target = self._target(dispatch)
        headers = CIMultiDict((name, value) for name, value in target.authorise(dispatch) if name.lower() not in HANDSHAKE)
        try:
            async with asyncio.timeout(target.connect):
                socket = await self._opened().ws_connect(
                    target.address(dispatch), protocols=protocols, headers=headers, max_msg_size=64 * 1024 * 1024,
                    autoclose=False, timeout=FAREWELL, heartbeat=self._heartbeat,
                )  # fmt: skip
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            raise UpstreamError(f"{target!r} did not open a WebSocket: {type(error).__name__}", sent=False) from None
        return ClientSocket(socket)

    def _target(self, dispatch: Dispatch) -> Target:
        found = next((target for target in self._targets if target.serves(dispatch)), None)
        if found is None:
            raise NoUpstreamError
        return found

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise UpstreamError("the upstream client is not open", sent=False)
        return self._session


class HttpAnswer:
    """An answer whose headers have arrived."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self.status = response.status
        self.headers = tuple((name.decode("ascii", "replace"), _text(value)) for name, value in response.raw_headers)
        fields = response.headers
        self.framed = hdrs.CONTENT_LENGTH in fields or "chunked" in fields.get(hdrs.TRANSFER_ENCODING, "").lower()

    async def chunks(self) -> AsyncIterator[bytes]:
        content = self._response.content
        try:
            while chunk := await content.readany():
                yield chunk
        except TimeoutError:
            raise UpstreamError("the upstream fell silent", sent=True, timed_out=True) from None
        except (aiohttp.ClientError, OSError) as error:
            raise UpstreamError(f"the upstream broke off: {type(error).__name__}", sent=True) from None

    def close(self) -> None:
        if self._response.content.at_eof():
            self._response.release()
        else:
            self._response.close()


class ClientSocket:
    """The upstream's end of a WebSocket."""

    def __init__(self, socket: "aiohttp.ClientWebSocketResponse[bool]") -> None:
        self._socket = socket
        self.protocol = socket.protocol
        self.farewell: tuple[int, str] | None = None

    async def messages(self) -> AsyncIterator[str | bytes]:
        while (message := await self._socket.receive()).type in {WSMsgType.TEXT, WSMsgType.BINARY}:
            yield message.data
        if message.type is WSMsgType.ERROR:
            raise UpstreamError("the upstream's WebSocket broke", sent=True)
        if message.type is WSMsgType.CLOSE:
            self.farewell = (message.data or 0, message.extra or "")
        elif message.type is WSMsgType.CLOSED:
            self.farewell = (WSCloseCode.ABNORMAL_CLOSURE, "")

    async def send(self, message: str | bytes) -> None:
        try:
            await (self._socket.send_str(message) if isinstance(message, str) else self._socket.send_bytes(message))
        except (aiohttp.ClientError, OSError) as error:
            raise UpstreamError(f"the upstream's WebSocket broke: {type(error).__name__}", sent=True) from None

    async def close(self, code: int, reason: str) -> None:
        await self._socket.close(code=code, message=reason.encode())


def _fields(dispatch: Dispatch, target: Target) -> Headers:
    """A body handed over in pieces must say its length, or it would be re-framed into chunks."""
    fields = target.authorise(dispatch)
    if isinstance(dispatch.body, bytes) and len(dispatch.body) > PIECE:
        return (*fields, (hdrs.CONTENT_LENGTH, str(len(dispatch.body))))
    return fields


def _text(value: bytes) -> str:
    """A field's value; what is not UTF-8 is Latin-1, as HTTP once had it (RFC 9110 5.5)."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


def _payload(body: bytes | AsyncIterator[bytes] | None) -> bytes | AsyncIterator[bytes] | None:
    if isinstance(body, bytes) and len(body) > PIECE:
        return _pieces(body)
    return body


async def _pieces(body: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(body), PIECE):
        yield body[start : start + PIECE]
