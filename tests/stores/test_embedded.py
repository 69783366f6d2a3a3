"""The store that comes with Stillgate, as gateways and commands use it."""

import asyncio
import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AsyncExitStack, suppress
from pathlib import Path

import pytest

from proxy.app.stores import connected, embedded_if_needed
from proxy.config.settings import Settings
from proxy.errors import ConfigError, StoreError
from proxy.stores import embedded as room
from proxy.stores.connect import Connection
from proxy.stores.embedded import embedded, running
from tests.support.meters import until

GATEWAY = """
import asyncio, sys
from pathlib import Path
from proxy.stores.embedded import embedded

async def main():
    async with embedded(Path(sys.argv[1])):
        print("ready", flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


async def put(url: str, key: str) -> None:
    connection = Connection(url, 5.0)
    await connection.run(lambda client: client.set(key, "kept"))
    await connection.close()


async def get(url: str, key: str) -> str | None:
    connection = Connection(url, 5.0)
    try:
        return await connection.run(lambda client: client.get(key))
    finally:
        await connection.close()


async def pid_of(url: str | None) -> int:
    """The server's process."""
    assert url is not None
    connection = Connection(url, 5.0)
    try:
        return int((await connection.run(lambda client: client.info("server")))["process_id"])
    finally:
        await connection.close()


def free(state: Path) -> bool:
    """Does no server live there? Each holds the lock that it inherited."""
    path = state / "store" / "server.lock"
    if not path.exists():
        return True
    with path.open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


async def test_it_keeps_what_it_knew_over_a_stop(tmp_path: Path) -> None:
    async with embedded(tmp_path) as url:
        assert running(tmp_path) == url
        await put(url, "a")
        assert (tmp_path / "store").stat().st_mode & 0o777 == 0o700
        assert Path(url.removeprefix("unix://")).stat().st_mode & 0o777 == 0o600
    assert running(tmp_path) is None
    assert free(tmp_path)
    assert not Path(url.removeprefix("unix://")).exists()
    async with embedded(tmp_path) as url:
        assert await get(url, "a") == "kept"


async def test_a_killed_server_is_started_again_with_its_data(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with embedded(tmp_path) as url:
        await put(url, "a")
        for _ in range(2):
            old = await pid_of(url)
            await until(lambda: _written(tmp_path), bool)
            os.kill(old, signal.SIGKILL)
            await back(url, old)
            assert await get(url, "a") == "kept"
    assert caplog.text.count("the embedded store ended with code -9; starting it again") == 2


async def _written(state: Path) -> bool:
    """To the log; it reaches the disk within a second, but a killed process loses nothing that the kernel has."""
    return any(b"kept" in path.read_bytes() for path in (state / "store").rglob("*.aof"))


async def back(url: str, old: int) -> None:
    """Until another process serves."""

    async def other() -> bool:
        try:
            return await pid_of(url) != old
        except StoreError:
            return False

    await until(other, bool)


async def test_a_second_gateway_is_told_why_it_cannot(tmp_path: Path) -> None:
    async with embedded(tmp_path) as url:
        with pytest.raises(ConfigError, match=r"another gateway uses .*--state-dir.*--store"):
            async with embedded(tmp_path):
                pass
        await put(url, "a")


@pytest.fixture
def killed_gateway(tmp_path: Path) -> Iterator[Path]:
    """The state of a gateway that was killed; its server lives on."""
    process = subprocess.Popen([sys.executable, "-c", GATEWAY, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.kill()
    process.wait()
    process.stdout.close()
    url = running(tmp_path)
    yield tmp_path
    with suppress(StoreError, ProcessLookupError):
        os.kill(asyncio.run(pid_of(url)), signal.SIGKILL)


async def test_a_server_that_outlived_its_gateway_is_ended_first(killed_gateway: Path) -> None:
    """Two servers on one append-only log would destroy it."""
    url = running(killed_gateway)
    left = await pid_of(url)
    await put(str(url), "a")
    async with embedded(killed_gateway) as newer:
        assert await get(newer, "a") == "kept"
        assert await pid_of(newer) != left
        with pytest.raises(StoreError):
            await pid_of(url)


async def test_one_that_cannot_be_ended_is_told(killed_gateway: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "START", 0.2)
    (killed_gateway / "store" / "socket").unlink()
    with pytest.raises(ConfigError, match="still runs"):
        async with embedded(killed_gateway):
            pass


async def test_without_a_server_the_two_ways_out_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room.importlib.util, "find_spec", lambda _: None)
    monkeypatch.setattr(room.shutil, "which", lambda _: None)
    with pytest.raises(ConfigError, match=r"\(1\) install one .*\(2\) .*--store redis://"):
        async with embedded(tmp_path):
            pass
    monkeypatch.setattr(room.shutil, "which", lambda name: f"/opt/{name}" if name == "redis-server" else None)
    assert room.binary() == "/opt/redis-server"


async def test_a_server_that_cannot_start_is_one_plain_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "binary", lambda: "/bin/false")
    with pytest.raises(ConfigError, match=r"ended with code 1; see server.log"):
        async with embedded(tmp_path):
            pass
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="cannot use"):
        async with embedded(tmp_path / "file"):
            pass


async def test_a_server_that_will_not_start_again_is_a_store_lost_not_a_gateway_lost(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with embedded(tmp_path) as url:
        old = await pid_of(url)
        for log in (tmp_path / "store").rglob("*.manifest"):
            kept = log.read_text()
            log.write_text("nonsense\n")
        os.kill(old, signal.SIGKILL)
        await until(lambda: _said(caplog, "ended with code 1; see server.log"), bool)
        log.write_text(kept)
        await back(url, old)


async def _said(caplog: pytest.LogCaptureFixture, words: str) -> bool:
    return words in caplog.text


async def test_a_state_directory_with_a_very_long_path(tmp_path: Path) -> None:
    state = tmp_path.joinpath(*["a directory with quite a long name"] * 8)
    async with embedded(state) as url:
        await put(url, "a")
        assert len(str(state)) > 200


async def test_a_cancelled_start_leaves_no_server(tmp_path: Path) -> None:
    async def run() -> None:
        async with embedded(tmp_path):
            await asyncio.Event().wait()

    for turns in range(0, 60, 7):
        task = asyncio.ensure_future(run())
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert free(tmp_path)


def settings(state: Path, store: str = "") -> Settings:
    return Settings(state_dir=str(state), store=store)


async def test_commands_find_the_store_of_a_running_gateway_or_start_one(tmp_path: Path) -> None:
    async with connected(settings(tmp_path)) as connection:
        await connection.run(lambda client: client.set("a", "kept"))
    assert free(tmp_path)
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(embedded_if_needed(settings(tmp_path)))
        server = await pid_of(url)
        async with connected(settings(tmp_path)) as connection:
            assert await connection.run(lambda client: client.get("a")) == "kept"
        assert await pid_of(running(tmp_path)) == server
        async with embedded_if_needed(settings(tmp_path, url)) as given, connected(settings(tmp_path, url)) as connection:
            assert given == url
            assert await connection.run(lambda client: client.get("a")) == "kept"
    with pytest.raises(ConfigError):
        async with embedded_if_needed(settings(tmp_path, "redis://")):
            pass
