"""A model side that keeps what it is sent byte for byte, and answers with the bytes that a test gives it."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import Enum
from itertools import pairwise

PATIENCE = 30.0


class Then(Enum):
    """What can stand between the bytes of an answer."""

    CLOSE = "the connection is closed"
    CUT = "the connection is reset"
    SILENCE = "nothing more is sent, until the other side closes"
    GO = "the test says `go`"


Script = tuple[bytes | Then, ...]


@dataclass
class Received:
    """One request, as it came."""

    start: str
    lines: tuple[str, ...]
    """Its header lines."""
    body: bytes
    """As on the wire, chunks framed."""
    connection: int
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    """The other side has closed the connection."""

    @property
    def names(self) -> list[str]:
        return [line.partition(":")[0] for line in self.lines]

    def value(self, name: str) -> str | None:
        return next((line.partition(":")[2].strip() for line in self.lines if line.partition(":")[0].lower() == name.lower()), None)

    def unchunked(self) -> bytes:
        """The body of a request that was sent in chunks."""
        rest, found = self.body, bytearray()
        while rest:
            size, _, rest = rest.partition(b"\r\n")
            found += rest[: int(size, 16)]
            rest = rest[int(size, 16) + 2 :]
        return bytes(found)


def whole(body: bytes = b"{}", *fields: str, status: str = "200 OK") -> bytes:
    """An answer with a length."""
    lines = [f"HTTP/1.1 {status}", "Content-Type: application/json", *fields, f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


def stream(*fields: str) -> bytes:
    """The head of a stream in chunks."""
    lines = ["HTTP/1.1 200 OK", "Content-Type: text/event-stream", *fields, "Transfer-Encoding: chunked", "", ""]
    return "\r\n".join(lines).encode()


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


END = chunk(b"")


class RawUpstream:
    """Answers each request with the next script, or with `{}` where there is none."""

    def __init__(self) -> None:
        self.requests: list[Received] = []
        self.connections = 0
        self.scripts: deque[Script] = deque()
        self.go = asyncio.Event()
        self.interim = b""
        """Sent when a request's head has come, before its body is read."""
        self._came = asyncio.Condition()

    def says(self, *script: bytes | Then) -> None:
        """The next request's answer."""
        self.scripts.append(script)

    async def request(self, number: int = 1) -> Received:
        """Waits for the `number`th request."""
        async with asyncio.timeout(PATIENCE), self._came:
            await self._came.wait_for(lambda: len(self.requests) >= number)
        return self.requests[number - 1]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        number = self.connections
        try:
            while True:
                found = await self._read(reader, writer, number)
                if not await self._answer(found, reader, writer):
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.transport.abort()

    async def _read(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> Received:
        start, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("utf-8", "surrogateescape").split("\r\n")[:-2]
        found = Received(start, tuple(lines), b"", number)
        writer.write(self.interim)
        if length := found.value("content-length"):
            found.body = await reader.readexactly(int(length))
        elif found.value("transfer-encoding"):
            found.body = await reader.readuntil(b"0\r\n\r\n")
        async with self._came:
            self.requests.append(found)
            self._came.notify_all()
        return found

    async def _answer(self, found: Received, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """False where the connection cannot be used again."""
        watch = asyncio.ensure_future(_closed(found, reader)) if self.scripts and Then.SILENCE in self.scripts[0] else None
        for step in self.scripts.popleft() if self.scripts else (whole(),):
            if isinstance(step, bytes):
                writer.write(step)
                await writer.drain()
            elif step is Then.GO:
                await self.go.wait()
            elif step is Then.SILENCE and watch is not None:
                await watch
                return False
            else:
                if step is Then.CLOSE:
                    writer.close()
                return False
        return True


async def _closed(found: Received, reader: asyncio.StreamReader) -> None:
    try:
        while await reader.read(65536):
            pass
    except ConnectionError:
        pass
    found.gone.set()


@asynccontextmanager
async def raw_upstream(port: int) -> AsyncIterator[RawUpstream]:
    """Serves on 127.0.0.1:`port`; every connection is cut at the end."""
    upstream = RawUpstream()
    tasks: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(upstream.serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(accept, "127.0.0.1", port, limit=1 << 27)
    try:
        yield upstream
    finally:
        server.close()
        running = tuple(tasks)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


def in_order(wanted: list[str], found: list[str]) -> bool:
    """Do all of `wanted` stand in `found`, in that order?"""
    places = [found.index(name) for name in wanted if name in found]
    return len(places) == len(wanted) and all(before < after for before, after in pairwise(places))
