"""Exchanges, written down: each worker appends to a file of its own, `<worker>.jsonl`, one line for an exchange that has ended.

A line is a line of a trace (`proxy/replay/trace.py`); without text it holds an observation in the place of the request, and hashes in the
place of what is personal (`learning/codec.py`).

Rule 1: no exchange waits for the disk. What waits is bounded; past that, and where the disk is full, lines are dropped and counted.
Rule 2: a line is there whole or not at all.
Rule 3: nobody but the operator's own user may read the files.
"""

import asyncio
import logging
import os
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from proxy.core.policy import Recording
from proxy.gateway.ports import Recorded
from proxy.learning import codec

log = logging.getLogger(__name__)

MOST_WAITING = 10_000
"""Exchanges that wait to be written."""

MOST_BYTES = 64 << 20
"""Of their requests."""

BATCH = 256
"""Exchanges written at once."""

PAUSE = 0.2
"""Seconds in which a batch gathers."""

_encode = msgspec.json.Encoder().encode


class FileRecorder:
    """The `Recorder` port. `work` is a loop that a task group runs beside it."""

    def __init__(self, worker: str, policy: Path, recording: Recording) -> None:
        """`policy`: the file, or the folder of files, that a relative directory lies beside or in."""
        self._worker = worker
        self._beside = policy if policy.is_dir() else policy.parent
        self._recording = recording
        self._waiting: deque[Recorded] = deque()
        self._bytes = 0
        self._more = asyncio.Event()
        self._dropped = 0
        self._failing = False
        self._writing = asyncio.Lock()

    def use(self, recording: Recording) -> None:
        """From the next batch on."""
        self._recording = recording

    def take_dropped(self) -> int:
        """Exchanges given up since the last look."""
        dropped, self._dropped = self._dropped, 0
        return dropped

    def record(self, exchange: Recorded) -> None:
        if len(self._waiting) >= MOST_WAITING or self._bytes + len(exchange.request) > MOST_BYTES:
            self._dropped += 1
            return
        self._waiting.append(exchange)
        self._bytes += len(exchange.request)
        self._more.set()

    async def work(self) -> None:
        """Writes them as they come, for ever."""
        while True:
            await self._more.wait()
            self._more.clear()
            await asyncio.sleep(PAUSE)
            await self.flush()

    async def flush(self) -> None:
        """All that waits."""
        async with self._writing:
            while self._waiting:
                batch = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
                self._bytes -= sum(len(exchange.request) for exchange in batch)
                if self._recording.to:
                    await asyncio.to_thread(self._write, batch, self._recording)

    def _write(self, batch: Sequence[Recorded], recording: Recording) -> None:
        folder = self._beside / recording.to
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            _append(folder / f"{self._worker}.jsonl", b"".join(line(exchange, text=recording.text) for exchange in batch))
        except OSError as error:
            self._dropped += len(batch)
            if not self._failing:
                log.error("exchanges cannot be recorded in %s: %s", folder, error.strerror)
            self._failing = True
        else:
            self._failing = False


def _append(path: Path, data: bytes) -> None:
    """All of it or nothing. Raises `OSError`."""
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        before = os.fstat(file).st_size
        left = memoryview(data)
        try:
            while left:
                left = left[os.write(file, left) :]
        except OSError:
            os.ftruncate(file, before)
            raise
    finally:
        os.close(file)


def line(exchange: Recorded, *, text: bool) -> bytes:
    """Of a trace, with its end. A request is written without the line ends in it, which JSON has between its tokens only."""
    seen, account = exchange.seen, exchange.finished.account
    facts = {
        "created": account.created, "tier": account.tier, "organization": account.organization, "payment": _hex(seen.payment),
        "verified": account.verified, "program": account.programme or None,
    }  # fmt: skip
    client: dict[str, Any] = {"address": _hex(seen.address), "headers": _hex(seen.software)}
    said: dict[str, Any] = {"observation": codec.write(seen)}
    if text and exchange.request:
        at = exchange.finished.client
        facts["payment"] = account.payment or None
        client = {"address": at.address, "user_agent": at.user_agent, "tls": at.tls, "headers": at.headers}
        said = {"request": msgspec.Raw(exchange.request.translate(_ONE_LINE))}
    usage = {"input_tokens": seen.input, "output_tokens": seen.output, "reasoning_tokens": seen.reasoning}
    told = {"dialect": seen.dialect, "model": seen.model, **said, "usage": usage, "status": seen.status, "id": seen.request}
    return _encode({"time": seen.at, "account": account.id, "account_facts": facts, "client": client, **told}) + b"\n"


def _hex(number: int) -> str:
    return f"{number:016x}" if number else ""


_ONE_LINE = bytes.maketrans(b"\r\n", b"  ")
