"""The supervisor: one small process that owns the sockets, the embedded store, the workers and the analyst. It serves no exchange.

Rule 1: a worker that dies is replaced, on the same socket, with a growing pause if it keeps dying. So is the analyst.
Rule 2: on SIGTERM or SIGINT readiness goes first, then every worker drains; the store stops last.
Rule 3: a worker whose supervisor is gone (its stdin ends) drains and leaves; nothing is left behind.
Rule 4: no exchange waits for the analyst: whether it runs changes nothing of readiness.
"""

import asyncio
import logging
import secrets
import signal
import socket
import sys
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from proxy.app import secret, sockets, verification
from proxy.app.admin import Admin
from proxy.app.clearance import PolicyClearance
from proxy.app.stores import embedded_if_needed
from proxy.app.tally import Tally
from proxy.config.reload import Watcher
from proxy.config.settings import Settings
from proxy.core.policy import Policy
from proxy.errors import ConfigError

log = logging.getLogger(__name__)

LONGEST_PAUSE = 10.0
"""Seconds between two starts of a worker that keeps dying."""

STEADY = 10.0
"""A worker that lived this many seconds is started again at once."""

ANALYST = "analyst"


@dataclass(frozen=True, slots=True)
class Child:
    """A process that is started again when it ends."""

    name: str
    """As it is called in metrics."""
    words: str
    """As it is called in log lines."""
    arguments: tuple[str, ...]
    passed: tuple[int, ...] = ()
    """File descriptors that it inherits."""


class Supervisor:
    """Runs one gateway until it is told to stop."""

    def __init__(self, settings: Settings, started: Callable[["Supervisor"], Awaitable[None]]) -> None:
        self._settings = settings
        self._started = started
        self._children: dict[str, asyncio.subprocess.Process] = {}
        self._stopping = asyncio.Event()
        self._tally = Tally()
        self._admin = Admin(self._worker_sockets, self._tally.text, self._analyst_socket)
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
                    group.create_task(self._keep(self._worker(index, sock)))
                group.create_task(self._announce())
                following = [group.create_task(secret.follow(self._settings, ring)), group.create_task(self._begin_analyst(group))]
                await self._stopping.wait()
                for each in following:
                    each.cancel()
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

    async def _begin_analyst(self, group: asyncio.TaskGroup) -> None:
        """Once all is well, and the policy has `risk`: without it there is nothing to learn. From then on it follows the policy itself."""
        while not self._served:
            await self._pause(0.1)
        if not self._settings.analyst:
            return
        async for policy in Watcher(self._settings.policy).changes():
            if isinstance(policy, Policy) and policy.risk.on:
                group.create_task(self._keep(self._analyst()))
                return

    def _worker(self, index: int, sock: socket.socket) -> Child:
        with_store = () if self._settings.store else ("--with-store",)
        arguments = ("worker", "--index", str(index), "--socket", str(sock.fileno()), *with_store)
        return Child(str(index), f"worker {index}", arguments, (sock.fileno(),))

    def _analyst(self) -> Child:
        """Under one name for as long as we live, so that one that is started again need not wait for the lease of the one that died."""
        return Child(ANALYST, "the analyst", ("analyst", "--name", f"{socket.gethostname()}-{secrets.token_hex(4)}"))

    async def _keep(self, child: Child) -> None:
        pause, loop = 0.1, asyncio.get_running_loop()
        while not self._stopping.is_set():
            began = loop.time()
            code = await self._one(child)
            if self._stopping.is_set():
                return
            if code == ConfigError.exit_code and not self._served:
                raise ConfigError(f"{child.words} could not start; its reason stands above")
            pause = 0.1 if loop.time() - began > STEADY else min(LONGEST_PAUSE, pause * 2)
            log.error("%s ended with code %s; starting it again in %.1f s", child.words, code, pause)
            await self._pause(pause)

    async def _one(self, child: Child) -> int:
        """One life of a child."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "proxy", *child.arguments, "--answer-on", str(own_socket(self._runtime, child.name)),
            stdin=asyncio.subprocess.PIPE, pass_fds=child.passed, start_new_session=True,
        )  # fmt: skip
        self._children[child.name] = process
        try:
            if process.stdin is not None:
                process.stdin.write(self._settings.for_worker(self.store_url).encode() + b"\n")
            return await self._wait(process)
        finally:
            del self._children[child.name]
            self._admin.ended(child.name)
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
                log.error("process %d did not drain in time; it is killed", process.pid)
                process.kill()
        return await ended

    def _tell_all(self, number: signal.Signals) -> None:
        for process in self._children.values():
            if process.returncode is None:
                process.send_signal(number)

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            return

    def _worker_sockets(self) -> dict[str, Path]:
        return {str(index): own_socket(self._runtime, str(index)) for index in range(self._settings.workers)}

    def _analyst_socket(self) -> dict[str, Path]:
        return {ANALYST: own_socket(self._runtime, ANALYST)} if ANALYST in self._children else {}


def own_socket(runtime: Path, name: str) -> Path:
    """Where a child answers the supervisor."""
    return runtime / f"{name}.sock"
