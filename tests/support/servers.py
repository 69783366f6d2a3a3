"""Real Valkey and Redis servers, started by the tests on free ports and killed whatever happens."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from proxy.stores.embedded import binary


def servers() -> dict[str, str]:
    """Every kind of server that is here; never empty, and no test skips."""
    found = {"valkey": binary()}
    bundled = Path(sys.executable).parent / "redis-server"
    for name, path in (("redis-6", bundled), ("redis", Path("/usr/bin/redis-server"))):
        if path.exists():
            found[name] = str(path)
    return found


def free_port() -> int:
    """Below 55535: a cluster's bus port is ten thousand higher."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
        if port < 55000:
            return port


class Server:
    """One server process."""

    def __init__(self, program: str, *options: str) -> None:
        self._program = program
        self._options = options
        self.port = free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="server-"))
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> "Server":
        command = [
            self._program, "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder), "--save", "",
            "--appendonly", "yes", "--appendfsync", "always", *self._options,
        ]  # fmt: skip
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if "Ready to accept connections" in line or "Sentinel ID is" in line or "Sentinel new configuration" in line:
                return self
        raise AssertionError(f"{command} did not start")

    def kill(self) -> None:
        self._signal(signal.SIGKILL)
        if self.process is not None:
            self.process.wait()

    def hang(self) -> None:
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        if self.process is not None and self.process.poll() is None:
            os.kill(self.process.pid, number)

    def close(self) -> None:
        self.resume()
        self.kill()
        if self.process is not None and self.process.stdout is not None:
            self.process.stdout.close()
        shutil.rmtree(self.folder, ignore_errors=True)


@contextmanager
def server(kind: str, *options: str) -> Iterator[Server]:
    """A running server of a kind that `servers()` lists."""
    found = Server(servers()[kind], *options)
    try:
        yield found.start()
    finally:
        found.close()
