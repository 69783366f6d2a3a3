"""HTTP by hand: what a client library would tidy up, hide or refuse to send."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

PATIENCE = 30.0


@dataclass(frozen=True)
class Reply:
    """One answer, as it came."""

    status: int
    fields: tuple[tuple[str, str], ...]
    """In order, names as sent."""
    body: bytes
    """Without its chunks' frame."""

    def field(self, name: str) -> str | None:
        return next((value for key, value in self.fields if key.lower() == name.lower()), None)


class Wire:
    """One connection to a server."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def head(self) -> Reply:
        """Status and fields; the body stays on the wire."""
        async with asyncio.timeout(PATIENCE):
            status, *lines = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")[:-2]
        fields = tuple((name, value.strip()) for name, _, value in (line.partition(":") for line in lines))
        return Reply(int(status.split()[1]), fields, b"")

    async def answer(self, *, body: bool = True) -> Reply:
        """One whole answer. Raises `IncompleteReadError` where it is torn."""
        head = await self.head()
        async with asyncio.timeout(PATIENCE):
            return Reply(head.status, head.fields, await self._body(head) if body else b"")

    async def _body(self, head: Reply) -> bytes:
        if (head.field("transfer-encoding") or "") == "chunked":
            return b"".join([piece async for piece in self._chunks()])
        length = head.field("content-length")
        return await self.reader.readexactly(int(length)) if length is not None else await self.reader.read()

    async def _chunks(self) -> AsyncIterator[bytes]:
        while size := int(await self.reader.readuntil(b"\r\n"), 16):
            yield (await self.reader.readexactly(size + 2))[:-2]
        await self.reader.readexactly(2)

    async def rest(self) -> bytes:
        """All that comes until the other side closes; what came, where it cut the connection."""
        found = bytearray()
        async with asyncio.timeout(PATIENCE):
            try:
                while piece := await self.reader.read(65536):
                    found += piece
            except ConnectionError:
                pass
        return bytes(found)

    async def closed(self) -> bool:
        """Waits until the other side closes; was there nothing more to read?"""
        return await self.rest() == b""


@asynccontextmanager
async def dial(url: str) -> AsyncIterator[Wire]:
    """A fresh connection to the server of `url`."""
    where = urlsplit(url)
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    try:
        yield Wire(reader, writer)
    finally:
        writer.transport.abort()


def request(start: str, fields: tuple[tuple[str, str], ...] = (), body: bytes = b"", *, length: bool = True) -> bytes:
    """A request's bytes; `start` without its version. `Content-Length` comes last, where there is a body."""
    lines = [f"{start} HTTP/1.1", "Host: gateway.test", *(f"{name}: {value}" for name, value in fields)]
    if body and length:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape") + body
