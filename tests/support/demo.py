"""The demo model as its users start it: `python -m proxy.demo` in a process of its own, killed whatever happens."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

PATIENCE = 30.0
"""Longest time to start, seconds."""


@asynccontextmanager
async def demo_model() -> AsyncIterator[str]:
    """Yields the URL of a demo model with an empty ledger, without a slash at its end."""
    command = (sys.executable, "-m", "proxy.demo", "--listen", "127.0.0.1:0")
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, start_new_session=True)
    try:
        assert process.stdout is not None
        async with asyncio.timeout(PATIENCE):
            line = (await process.stdout.readline()).decode()
        assert line.strip(), "the demo model did not start; its reason stands on stderr"
        yield line.split()[-1]
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
