"""One burst of requests from this process, and what it measured."""

import asyncio
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import aiohttp


@dataclass
class Burst:
    """Figures of one burst at one address."""

    first_byte: list[float] = field(default_factory=list)
    """Seconds from sending to the first byte of the answer's body."""
    cpu: float = 0.0
    """Seconds of processor time of the proxy's processes, per request."""
    seconds: float = 0.0

    @property
    def middle(self) -> float:
        return median(self.first_byte)

    @property
    def slow(self) -> float:
        return sorted(self.first_byte)[int(len(self.first_byte) * 0.95)]


def cpu_of(pids: list[int]) -> float:
    """Processor seconds of processes so far (Linux's /proc; elsewhere 0: not measured)."""
    ticks = 0
    for pid in pids:
        stat = Path(f"/proc/{pid}/stat")
        if stat.exists():
            fields = stat.read_text().rpartition(") ")[2].split()
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


async def burst(url: str, key: str, body: dict[str, Any], *, requests: int, at_once: int, pids: list[int]) -> Burst:
    """`requests` requests, `at_once` at a time. Raises `AssertionError` where one is not answered with 200."""
    found, before, began = Burst(), cpu_of(pids), time.perf_counter()
    todo = iter(range(requests))
    headers = {"Authorization": f"Bearer {key}"}
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), headers=headers) as session:

        async def one_after_another() -> None:
            for _ in todo:
                start = time.perf_counter()
                async with session.post(f"{url}/v1/chat/completions", json=body) as answer:
                    await answer.content.readany()
                    found.first_byte.append(time.perf_counter() - start)
                    assert answer.status == 200, await answer.text()
                    await answer.read()

        await asyncio.gather(*(one_after_another() for _ in range(at_once)))
    found.seconds = time.perf_counter() - began
    found.cpu = (cpu_of(pids) - before) / requests
    return found
