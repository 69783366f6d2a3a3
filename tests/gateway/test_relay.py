"""The answer's way back, where it is large, compressed or nobody waits for it any more."""

import asyncio
import threading
from typing import Any

from proxy.core.facts import Ask, Operation, Usage
from proxy.dialects.base import Tally
from proxy.gateway.relay import LARGE, relay_whole
from tests.support.line import MemoryAnswer, MemoryCaller, Script


class SlowReader:
    """A dialect that reads when it is told."""

    def __init__(self) -> None:
        self.began = threading.Event()
        self.go = threading.Event()

    def read_whole(self, body: bytes) -> Tally:
        self.began.set()
        assert self.go.wait(5)
        return Tally(usage=Usage(len(body), 1))


async def test_who_leaves_with_the_whole_answer_is_charged_what_it_says() -> None:
    """Reading a large one takes a moment; a caller who closes in it must not fall back to an estimate."""
    script = Script(answer=(bytes(LARGE), b"."))
    caller, dialect, answer = MemoryCaller(script), SlowReader(), MemoryAnswer(script)
    await caller.start(200, ())
    slow: Any = dialect
    relaying = asyncio.ensure_future(relay_whole(answer, answer.chunks(), caller, slow, Ask(Operation.CHAT, "m")))
    await asyncio.to_thread(dialect.began.wait, 5)
    relaying.cancel()
    await asyncio.sleep(0)
    dialect.go.set()
    assert (await relaying).usage == Usage(LARGE + 1, 1)
    assert len(caller.body) == LARGE + 1
