"""The supervisor: one small process that owns the sockets, the embedded store and the workers. It serves no exchange.

Rule 1: a worker that dies is replaced, on the same socket, with a growing pause if it keeps dying.
Rule 2: on SIGTERM or SIGINT readiness goes first, then every worker drains; the store stops last.
Rule 3: a worker whose supervisor is gone (its stdin ends) drains and leaves; nothing is left behind.
"""

import asyncio
import logging
import signal
import socket
import sys
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

from proxy.app import secret, sockets, verification
from proxy.app.admin import Admin
from proxy.app.clearance import PolicyClearance
from proxy.app.stores import embedded_if_needed
from proxy.app.tally import Tally
from proxy.config.settings import Settings
from proxy.errors import ConfigError

log = logging.getLogger(__name__)

LONGEST_PAUSE = 10.0
"""Seconds between two starts of a worker that keeps dying."""

STEADY = 10.0
"""A worker that lived this many seconds is started again at once."""


class Supervisor:
    """Runs one gateway until it is told to stop."""

    def __init__(self, settings: Settings, started: Callable[["Supervisor"], Awaitable[None]]) -> None:
        self._settings = settings
        self._started = started
        self._workers: dict[int, asyncio.subprocess.Process] = {}
        self._stopping = asyncio.Event()
        self._tally = Tally()
        self._admin = Admin(self._worker_sockets, self._tally.text)
        self.listening = ""
        self.admin = ""
        self.store_url = ""
        self._runtime = Path()
        self._served = False
        """Once all was well: a policy that is bad now, while a worker restarts, is waited out rather than ended by."""

    async def run(self) -> None:
        """Raises `ConfigError` where it cannot start."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)
        async with AsyncExitStack() as stack:
            # A state directory's path may be longer than the 108 bytes that a unix socket's may have.
            self._runtime = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="stillgate-")))
            doors = sockets.bind(self._settings.listen, self._settings.workers)
            admin = sockets.bind(self._settings.admin, 1)[0]
            for sock in (*doors, admin):
                stack.callback(sock.close)
            self.listening, self.admin = sockets.words(doors[0]), sockets.words(admin)
            self._settings = self._settings.model_copy(update={"admin": self.admin})  # its port may have been ours to choose
            self.store_url = await stack.enter_async_context(embedded_if_needed(self._settings))
            ring = secret.keyring(self._settings)
            clearance = PolicyClearance(self._settings.policy)
            pages = await stack.enter_async_context(verification.opened(self._settings, self.store_url, ring, self._tally, clearance))
            await self._admin.open(admin, pages)
            stack.push_async_callback(self._admin.close)
            async with asyncio.TaskGroup() as group:
                for index, sock in enumerate(doors):
                    group.create_task(self._keep(index, sock))
                group.create_task(self._announce())
                following = group.create_task(secret.follow(self._settings, ring))
                await self._stopping.wait()
                following.cancel()
                self._admin.draining = True
                for sock in doors:
                    sock.close()  # or new callers would wait in its queue, where nobody serves them any more
                self._tell_all(signal.SIGTERM)

    async def _announce(self) -> None:
        """Waits until every worker is ready, then says so once."""
        while not self._stopping.is_set():
            statuses = await self._admin.statuses()
            if len(statuses) == self._settings.workers and all(status and status["ready"] for status in statuses.values()):
                self._served = True
                await self._started(self)
                return
            await self._pause(0.1)

    async def _keep(self, index: int, sock: socket.socket) -> None:
        pause, loop = 0.1, asyncio.get_running_loop()
        while not self._stopping.is_set():
            began = loop.time()
            code = await self._one(index, sock)
            if self._stopping.is_set():
                return
            if code == ConfigError.exit_code and not self._served:
                raise ConfigError("a worker could not start; its reason stands above")
            pause = 0.1 if loop.time() - began > STEADY else min(LONGEST_PAUSE, pause * 2)
            log.error("worker %d ended with code %s; starting it again in %.1f s", index, code, pause)
            await self._pause(pause)

    async def _one(self, index: int, sock: socket.socket) -> int:
        """One life of a worker."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "proxy", "worker", "--index", str(index), "--socket", str(sock.fileno()),
            "--answer-on", str(worker_socket(self._runtime, index)), *(() if self._settings.store else ("--with-store",)),
            stdin=asyncio.subprocess.PIPE, pass_fds=(sock.fileno(),), start_new_session=True,
        )  # fmt: skip
        self._workers[index] = process
        try:
            if process.stdin is not None:
                process.stdin.write(self._settings.for_worker(self.store_url).encode() + b"\n")
            return await self._wait(process)
        finally:
            del self._workers[index]
            self._admin.ended(str(index))
            if process.returncode is None:  # the supervisor itself failed
                process.terminate()

    async def _wait(self, process: asyncio.subprocess.Process) -> int:
        """Until it ends; once we are stopping, no longer than the drain time allows."""
        ended = asyncio.ensure_future(process.wait())
        stopping = asyncio.ensure_future(self._stopping.wait())
        await asyncio.wait({ended, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not ended.done():
            done, _ = await asyncio.wait({ended}, timeout=self._settings.drain + 10.0)
            if not done:
                log.error("worker %d did not drain in time; it is killed", process.pid)
                process.kill()
        return await ended

    def _tell_all(self, number: signal.Signals) -> None:
        for process in self._workers.values():
            if process.returncode is None:
                process.send_signal(number)

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            return

    def _worker_sockets(self) -> dict[str, Path]:
        return {str(index): worker_socket(self._runtime, index) for index in range(self._settings.workers)}


def worker_socket(runtime: Path, index: int) -> Path:
    """Where a worker answers the supervisor."""
    return runtime / f"worker-{index}.sock"
