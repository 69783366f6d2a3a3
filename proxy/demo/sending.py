"""Sends an answer at the pace and with the faults that its request asked for, and counts each token as it is written."""

import asyncio
import math
import zlib

import msgspec
from aiohttp import web

from proxy.demo.faults import Faults
from proxy.demo.ledger import Ledger
from proxy.demo.wire import Answer, Frame

TURN = 16
"""Tokens written without giving other requests a turn, where no pace is set."""

GZIP = 16 + zlib.MAX_WBITS


class Broken(Exception):  # noqa: N818 - not an error: the request asked for it
    """The answer was cut on purpose."""


class Sender:
    """One answer on its way."""

    def __init__(self, request: web.Request, ledger: Ledger, faults: Faults) -> None:
        self._request = request
        self._ledger = ledger
        self._faults = faults
        self._tokens = 0
        self._packer = zlib.compressobj(wbits=GZIP) if faults.gzip else None
        self._response = web.StreamResponse()
        if faults.gzip:
            self._response.headers["Content-Encoding"] = "gzip"

    async def send(self, answer: Answer) -> web.StreamResponse:
        """Sends all of it; a caller who hangs up is counted."""
        self._ledger.input_tokens += answer.read
        try:
            await asyncio.sleep(self._faults.delay)
            await (self._whole(answer) if answer.frames is None else self._stream(answer))
        except Broken:
            self._abort()
        except ConnectionResetError:
            self._ledger.cancelled += 1
        except asyncio.CancelledError:
            self._ledger.cancelled += 1
            raise
        return self._response

    async def _whole(self, answer: Answer) -> None:
        for _ in range(answer.written):
            await self._token()
        data = msgspec.json.encode(answer.body)
        data = self._packed(data[: len(data) // 2] if self._faults.malformed else data, zlib.Z_FINISH)
        self._response.content_type = "application/json"
        self._response.content_length = len(data)
        await self._response.prepare(self._request)
        if self._faults.torn:
            await self._response.write(data[: len(data) // 2])
            await self._tear(math.inf)
        await self._response.write_eof(data)

    async def _stream(self, answer: Answer) -> None:
        self._response.headers["Content-Type"] = "text/event-stream; charset=utf-8"
        self._response.headers["Cache-Control"] = "no-cache"
        await self._response.prepare(self._request)
        for frame in answer.frames or ():
            await self._tear(self._tokens)
            await self._frame(frame)
        await self._response.write_eof(self._packed(b"", zlib.Z_FINISH))

    async def _frame(self, frame: Frame) -> None:
        for _ in range(frame.tokens):
            await self._token()
        if not frame.data:
            return
        data = frame.data
        if self._faults.malformed and self._tokens == 2:  # noqa: PLR2004 - after a good beginning
            data = data[: len(data) // 2].rstrip(b"\n") + b"\n\n"
        await self._response.write(self._packed(data, zlib.Z_SYNC_FLUSH))

    async def _token(self) -> None:
        """Takes its time, then counts one token as generated."""
        if self._tokens and self._faults.pace:
            await asyncio.sleep(self._faults.pace)
        elif self._tokens % TURN == 0:
            await asyncio.sleep(0)
        self._tokens += 1
        self._ledger.output_tokens += 1

    async def _tear(self, tokens: float) -> None:
        """Breaks off or falls silent, if that was asked for after this many tokens."""
        if self._faults.break_after is not None and tokens >= self._faults.break_after:
            raise Broken
        if self._faults.silent_after is not None and tokens >= self._faults.silent_after:
            await asyncio.get_running_loop().create_future()

    def _packed(self, data: bytes, flush: int) -> bytes:
        return data if self._packer is None else self._packer.compress(data) + self._packer.flush(flush)

    def _abort(self) -> None:
        if self._request.transport is not None:
            self._request.transport.abort()
