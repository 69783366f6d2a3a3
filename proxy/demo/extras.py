"""Routes that only show what arrived: file uploads, a WebSocket that echoes, and an echo of headers and body."""

import hashlib
from contextlib import suppress
from email.message import Message
from email.parser import BytesParser

from aiohttp import WSMsgType, web

from proxy.demo.model import CREATED
from proxy.errors import CallerError

MOST_MESSAGE = 64 * 1024 * 1024
"""Bytes of one WebSocket message."""


async def files(request: web.Request) -> web.Response:
    """`POST /v1/files`: the parts of a multipart form (RFC 7578), by name and size."""
    kind = request.headers.get("Content-Type", "")
    form = BytesParser().parsebytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + await request.read())
    parts = form.get_payload()
    if not form.is_multipart() or not isinstance(parts, list):
        raise CallerError("The request's body is not a multipart form.")
    told = [_part(part) for part in parts if isinstance(part, Message)]
    upload: dict[str, object] = next((part for part in told if part["filename"]), {"bytes": 0, "filename": ""})
    identity = {"id": "file-" + hashlib.sha256(repr(told).encode()).hexdigest()[:24], "object": "file", "created_at": CREATED}
    rest = {"filename": upload["filename"], "bytes": upload["bytes"], "purpose": "user_data", "status": "processed", "parts": told}
    return web.json_response(identity | rest)


def _part(part: Message) -> dict[str, object]:
    content = part.get_payload(decode=True)
    data = content if isinstance(content, bytes) else b""
    name = part.get_param("name", "", header="content-disposition")
    return {"name": str(name), "filename": part.get_filename() or "", "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}


async def realtime(request: web.Request) -> web.WebSocketResponse:
    """`GET /v1/realtime`: sends every message back as it came (RFC 6455)."""
    socket = web.WebSocketResponse(protocols=("realtime",), max_msg_size=MOST_MESSAGE, compress=False)
    await socket.prepare(request)
    with suppress(ConnectionResetError):  # who leaves while we send needs no echo
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                await socket.send_str(message.data)
            elif message.type is WSMsgType.BINARY:
                await socket.send_bytes(message.data)
    return socket


async def echo(request: web.Request) -> web.Response:
    """`POST /v1/echo`: hash and length of the body as it was sent, and the headers in order."""
    raw = await request.read()
    fields = [[name.decode("latin-1"), value.decode("latin-1")] for name, value in request.raw_headers]
    return web.json_response({"sha256": hashlib.sha256(raw).hexdigest(), "length": len(raw), "headers": fields})
