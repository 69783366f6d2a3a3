"""Real Valkey and Redis servers, started by the tests on free ports and killed whatever happens."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from redis import Redis
from redis.crc import key_slot
from redis.exceptions import RedisError

from proxy.stores.embedded import binary

READY = ("Ready to accept connections", "Sentinel ID is", "Sentinel new configuration")
SLOTS = 16384
PATIENCE = 30.0


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
        self._reader = threading.Thread()

    def command(self) -> list[str]:
        return [
            self._program, "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder), "--save", "",
            "--appendonly", "yes", "--appendfsync", "always", "--repl-diskless-sync-delay", "0", *self._options,
        ]  # fmt: skip

    def start(self) -> "Server":
        self.process = subprocess.Popen(self.command(), stdout=subprocess.PIPE, text=True, start_new_session=True)
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if any(sign in line for sign in READY):
                # What it says later is read away: a full pipe would stop it.
                self._reader = threading.Thread(target=deque, args=(self.process.stdout, 0), daemon=True)
                self._reader.start()
                return self
        raise AssertionError(f"{self.command()} did not start")

    def ask(self, *words: object) -> object:
        """One command, from outside of everything that is tested."""
        with Redis(port=self.port, decode_responses=True) as client:
            return client.execute_command(*words)

    def kill(self) -> None:
        self._signal(signal.SIGKILL)
        if self.process is None:
            return
        self.process.wait()
        if self._reader.ident is not None:
            self._reader.join()
        if self.process.stdout is not None:
            self.process.stdout.close()

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
        shutil.rmtree(self.folder, ignore_errors=True)


class Sentinel(Server):
    """A server that watches a master named `mymaster`."""

    def __init__(self, program: str, master: Server) -> None:
        super().__init__(program)
        lines = (
            f"port {self.port}", "bind 127.0.0.1", f"dir {self.folder}", f"sentinel monitor mymaster 127.0.0.1 {master.port} 2",
            "sentinel down-after-milliseconds mymaster 300", "sentinel failover-timeout mymaster 1000",
        )  # fmt: skip
        (self.folder / "conf").write_text("\n".join(lines) + "\n")

    def command(self) -> list[str]:
        return [self._program, str(self.folder / "conf"), "--sentinel"]


@contextmanager
def server(kind: str, *options: str) -> Iterator[Server]:
    """A running server of a kind that `servers()` lists."""
    with _running(Server(servers()[kind], *options)) as found:
        yield found


@contextmanager
def _running(found: Server) -> Iterator[Server]:
    try:
        yield found.start()
    finally:
        found.close()


@dataclass
class Watched:
    """A master and its two replicas, watched by three sentinels."""

    nodes: list[Server]
    sentinels: list[Server]

    @property
    def url(self) -> str:
        return f"redis+sentinel://{','.join(f'127.0.0.1:{each.port}' for each in self.sentinels)}/mymaster/0"

    def master(self) -> Server | None:
        """As the sentinels agree; None while they do not."""
        ports = set()
        for each in self.sentinels:
            with Redis(port=each.port, decode_responses=True) as client:
                ports.add(int(client.sentinel_get_master_addr_by_name("mymaster")[1]))
        return next((node for node in self.nodes if {node.port} == ports), None)


@contextmanager
def watched(kind: str) -> Iterator[Watched]:
    """Ready for a failover: the replicas are in step, and every sentinel knows all others."""
    program = servers()[kind]
    with ExitStack() as stack:
        master = stack.enter_context(_running(Server(program)))
        follows = ("--replicaof", "127.0.0.1", str(master.port))
        replicas = [stack.enter_context(_running(Server(program, *follows))) for _ in range(2)]
        sentinels = [stack.enter_context(_running(Sentinel(program, master))) for _ in range(3)]
        found = Watched([master, *replicas], sentinels)
        wait_for(lambda: all(_knows_all(each) for each in sentinels))
        yield found


def _knows_all(sentinel: Server) -> bool:
    with Redis(port=sentinel.port, decode_responses=True) as client:
        state = client.sentinel_master("mymaster")
        replicas = client.sentinel_slaves("mymaster")
    in_step = [each for each in replicas if each["master-link-status"] == "ok" and "disconnected" not in each["flags"]]
    return state["num-other-sentinels"] == 2 and len(in_step) == 2


@dataclass
class Cluster:
    """Three masters, each with a third of the slots."""

    nodes: list[Server]

    @property
    def url(self) -> str:
        return f"redis+cluster://{','.join(f'127.0.0.1:{node.port}' for node in self.nodes)}"

    def whole(self) -> bool:
        """Do all see all?"""
        return all(_sees_all(node) for node in self.nodes)

    def node_of(self, key: str) -> Server:
        return self.nodes[key_slot(key.encode()) * len(self.nodes) // SLOTS]


@contextmanager
def cluster(kind: str) -> Iterator[Cluster]:
    """A cluster that goes on serving what the living masters hold."""
    options = ("--cluster-enabled", "yes", "--cluster-node-timeout", "1000", "--cluster-require-full-coverage", "no")
    program = servers()[kind]
    with ExitStack() as stack:
        nodes = [stack.enter_context(_running(Server(program, *options))) for _ in range(3)]
        for index, node in enumerate(nodes):
            node.ask("CLUSTER", "ADDSLOTS", *(slot for slot in range(SLOTS) if slot * len(nodes) // SLOTS == index))
            node.ask("CLUSTER", "SET-CONFIG-EPOCH", index + 1)
            node.ask("CLUSTER", "MEET", "127.0.0.1", nodes[0].port)
        found = Cluster(nodes)
        wait_for(found.whole)
        yield found


def _sees_all(node: Server) -> bool:
    info = str(node.ask("CLUSTER", "INFO"))
    return all(sign in info for sign in ("cluster_state:ok", "cluster_known_nodes:3", f"cluster_slots_ok:{SLOTS}"))


def wait_for(is_so: Callable[[], bool]) -> None:
    """Looks again and again until it is so."""
    pause = threading.Event()
    for _ in range(int(PATIENCE / 0.02)):
        with suppress(RedisError):
            if is_so():
                return
        pause.wait(0.02)
    raise AssertionError("it never was so")
