"""A gateway as its users start it: `python -m proxy serve …` in a process of its own, stopped whatever happens."""

import asyncio
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

READY = re.compile(r"ready: (http://\S+)\s+\(admin: (http://\S+)\)")
PATIENCE = 30.0


@dataclass
class Running:
    """A gateway that is ready."""

    url: str
    admin: str
    process: subprocess.Popen[bytes]
    log: Path
    store: tuple[str, ...]
    """The flags by which other commands find its store."""

    def workers(self) -> list[int]:
        """Process ids of its workers."""
        listing = subprocess.run(
            ["ps", "-ww", "--ppid", str(self.process.pid), "-o", "pid=,args="], capture_output=True, text=True, check=True
        )
        return [int(line.split()[0]) for line in listing.stdout.splitlines() if " worker " in line]

    def logged(self) -> str:
        return self.log.read_text(errors="replace")

    async def says(self, *words: str) -> None:
        """Until it has logged each of `words`: lines are written by a thread of their own, a moment later."""
        async with asyncio.timeout(PATIENCE):
            while not all(word in self.logged() for word in words):
                await asyncio.sleep(0.02)


@asynccontextmanager
async def gateway(*args: str, env: dict[str, str] | None = None) -> AsyncIterator[Running]:
    """Starts `stillgate serve` with `args` on free ports and waits until it is ready."""
    with tempfile.TemporaryDirectory(prefix="gate-") as folder:
        log = Path(folder) / "log"
        command = [sys.executable, "-m", "proxy", "serve", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"]
        state = ("--state-dir", str(Path(folder) / "state"))
        if "--state-dir" not in args:
            command += state
        with log.open("wb") as out:
            clean = {name: value for name, value in os.environ.items() if not name.startswith("STILLGATE_")}
            process = subprocess.Popen([*command, *args], stdout=out, stderr=out, env=clean | (env or {}), start_new_session=True)
        try:
            match = await _ready(process, log)
            yield Running(match[1], match[2], process, log, _store_flags(args, state))
        finally:
            await _stop(process)


def _store_flags(args: tuple[str, ...], state: tuple[str, str]) -> tuple[str, ...]:
    for name in ("--store", "--state-dir"):
        if name in args:
            return (name, args[args.index(name) + 1])
    return state


async def stillgate(*args: str, code: int = 0) -> str:
    """Runs a command to its end; its stdout."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "proxy", *args, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await process.communicate()
    assert process.returncode == code, (out.decode(), err.decode())
    return out.decode()


async def new_key(gate: Running, account: str, *flags: str) -> str:
    """A key for `account`, made as an operator makes one."""
    return (await stillgate("keys", *gate.store, "create", "--account", account, *flags)).strip()


async def _ready(process: subprocess.Popen[bytes], log: Path) -> re.Match[str]:
    async with asyncio.timeout(PATIENCE):
        while not (match := READY.search(log.read_text(errors="replace"))):
            if process.poll() is not None:
                raise AssertionError(f"serve ended with {process.returncode}:\n{log.read_text(errors='replace')}")
            await asyncio.sleep(0.05)
    return match


async def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
    try:
        async with asyncio.timeout(15):
            while process.poll() is None:
                await asyncio.sleep(0.02)
    except TimeoutError:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
