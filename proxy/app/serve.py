"""`serve` as a whole: the supervisor, and with `demo` a demo model, a demo key and a first call to paste."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from proxy.app.keys import demo_key
from proxy.app.supervisor import Supervisor
from proxy.config.settings import Settings
from proxy.errors import ConfigError
from proxy.telemetry.logs import configure

START = 15.0
"""Longest time for the demo model to start, seconds."""


async def serve(settings: Settings, *, demo: bool) -> None:
    """Runs a gateway until SIGTERM or SIGINT. Raises `ConfigError`."""
    configure(settings.log_level)
    async with AsyncExitStack() as stack:
        with_model = demo and not settings.upstreams
        if with_model:
            settings = settings.with_upstream(await stack.enter_async_context(_demo_model()))
        if not settings.upstreams:
            raise ConfigError("no upstream: pass --upstream URL, or --demo for a built-in demo model")

        async def started(supervisor: Supervisor) -> None:
            say(f"Stillgate is ready: http://{supervisor.listening}   (admin: http://{supervisor.admin})")
            if demo:
                key = await demo_key(supervisor.store_url, Path(settings.state_dir))
                say(first_call(supervisor.listening, key, with_model=with_model))

        await Supervisor(settings, started).run()


def first_call(address: str, key: str, *, with_model: bool) -> str:
    """What a newcomer pastes first."""
    model = "demo-small" if with_model else "YOUR-MODEL"
    body = json.dumps({"model": model, "stream": True, "messages": [{"role": "user", "content": "Hello!"}]})
    made_of = "a built-in DEMO model answers; it only strings words together" if with_model else "your upstream answers"
    return (
        f"\nA key for trying it ({made_of}):\n\n  {key}\n\nPaste this:\n\n"
        f"  curl -N http://{address}/v1/chat/completions -H 'Authorization: Bearer {key}' "
        f"-H 'Content-Type: application/json' -d '{body}'\n"
    )


def say(text: str) -> None:
    """To the person who started it."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


@asynccontextmanager
async def _demo_model() -> AsyncIterator[str]:
    """The demo model in a process of its own; yields its URL."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "proxy.demo", "--listen", "127.0.0.1:0", "--with-parent",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    try:
        async with asyncio.timeout(START):
            line = (await process.stdout.readline()).decode() if process.stdout else ""
        if not line.strip():
            raise ConfigError("the demo model did not start; its reason stands above")
        yield line.split()[-1].rstrip("/")
    except TimeoutError:
        raise ConfigError("the demo model did not start in time") from None
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()
