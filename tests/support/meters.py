"""What the store has counted, read as it stands there; and waiting for what must come."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

from redis.asyncio import Redis

from proxy.stores import embedded
from tests.support.gateway import Running

T = TypeVar("T")
PATIENCE = 30.0


def store(gate: Running, *, decode_responses: bool = True) -> Any:
    """A client of the gateway's store."""
    kind, where = gate.store
    url = where if kind == "--store" else embedded.running(Path(where))
    assert url is not None
    return Redis.from_url(url, decode_responses=decode_responses)


async def count(gate: Running, account: str, field: str) -> tuple[float, float]:
    """(used when last touched, held) of an account that is its own organization."""
    async with store(gate) as client:
        packed = await client.hget(f"sg:{{{account}}}:u:a:{account}", field)
    numbers = (packed or "0 0 0").split()
    return float(numbers[0]), float(numbers[2])


async def used(gate: Running, account: str, field: str) -> float:
    return (await count(gate, account, field))[0]


async def until(look: Callable[[], Awaitable[T]], is_so: Callable[[T], bool]) -> T:
    """Looks again and again until it is so; what was seen last."""
    async with asyncio.timeout(PATIENCE):
        while not is_so(seen := await look()):
            await asyncio.sleep(0.02)
    return seen


async def announced(gate: Running) -> None:
    """Waits until its two workers have heard of every key made so far: a change is no news any more when the store is lost."""
    looked = await _looks(gate)
    await until(lambda: _looks(gate), lambda number: number >= looked + 4)


async def _looks(gate: Running) -> int:
    """How often its workers have looked for keys that changed."""
    async with store(gate) as client:
        return int((await client.info("commandstats"))["cmdstat_xrevrange"]["calls"])
