"""`stillgate worker`: one worker process, started by the supervisor with its socket and, on stdin, its settings."""

import asyncio
import socket
import sys
from pathlib import Path

import click

from proxy.app.worker import Place, run_worker
from proxy.config.settings import Settings


@click.command("worker", hidden=True)
@click.option("--index", type=int, required=True)
@click.option("--socket", "descriptor", type=int, required=True)
@click.option("--answer-on", type=click.Path(path_type=Path), required=True)
@click.option("--with-store", is_flag=True)
def command(*, index: int, descriptor: int, answer_on: Path, with_store: bool) -> None:
    """Serve on an inherited socket until stdin ends or SIGTERM comes."""
    settings = Settings.from_supervisor(sys.stdin.readline())
    asyncio.run(run_worker(settings, Place(index, socket.socket(fileno=descriptor), answer_on, with_store)))
