"""`python -m proxy.demo`: starts the demo model and says where. The first line it prints ends in its URL."""

import argparse
import asyncio
import os
import signal
import sys

from aiohttp import web

from proxy.demo.server import application

LINE, FIELD = 64 * 1024, 256 * 1024
"""Longest request line and header field, bytes: longer than the gateway lets through."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m proxy.demo", description="A demo model server. It only strings words together.")
    parser.add_argument("--listen", type=_address, default=("127.0.0.1", 0), metavar="HOST:PORT", help="port 0 takes a free one")
    parser.add_argument("--with-parent", action="store_true", help="stop when standard input ends, so with whoever holds it open")
    wanted = parser.parse_args()
    host, port = wanted.listen
    try:
        asyncio.run(serve(host, port, with_parent=wanted.with_parent))
    except OSError as error:
        parser.error(f"cannot listen on {host}:{port}: {error.strerror}")


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65535:  # noqa: PLR2004
        raise argparse.ArgumentTypeError(f"'{text}' is not HOST:PORT")
    return host.strip("[]"), int(port)


async def serve(host: str, port: int, *, with_parent: bool = False) -> None:
    """Serves until SIGTERM, SIGINT or, `with_parent`, the end of stdin; what runs then is cut. Raises `OSError` where it cannot listen."""
    runner = web.AppRunner(
        application(), access_log=None, handler_cancellation=True, auto_decompress=False, shutdown_timeout=0.1,
        max_line_size=LINE, max_field_size=FIELD, keepalive_timeout=75.0,
    )  # fmt: skip
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port, backlog=1024).start()
        name, bound = runner.addresses[0][:2]
        sys.stdout.write(f"demo model: http://{f'[{name}]' if ':' in name else name}:{bound}\n")
        sys.stdout.flush()
        await _told_to_stop(with_parent=with_parent)
    finally:
        await runner.cleanup()


async def _told_to_stop(*, with_parent: bool) -> None:
    stopped, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    if with_parent:
        loop.add_reader(sys.stdin.fileno(), lambda: None if os.read(sys.stdin.fileno(), 1024) else stopped.set())
    await stopped.wait()


if __name__ == "__main__":
    main()
