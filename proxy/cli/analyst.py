"""`stillgate analyst`: learns from what gateways observed, on a machine of its own. `serve` starts one by itself."""

import asyncio
import sys
from pathlib import Path
from typing import Any

import click

from proxy.app.analyst import Post, run_analyst, store_that_runs
from proxy.config import settings
from proxy.config.settings import Settings


@click.command("analyst")
@click.option("--policy", metavar="PATH", help="The policy, as given to serve.")
@click.option("--store", metavar="URL", help="The store, as given to serve. [the embedded one of --state-dir, where a gateway runs]")
@click.option("--state-dir", metavar="DIR", help="The state directory, as given to serve.")
@click.option("--partitions", type=int, metavar="N", help="Parts of the stream of observations; the same everywhere. [1]")
@click.option("--settings", "settings_file", metavar="FILE", help="The settings file, as given to serve.")
@click.option("--log-level", metavar="LEVEL", help="DEBUG, INFO, WARNING or ERROR. [INFO]")
@click.option("--otlp-endpoint", metavar="URL", help="Where metrics and logs go (OTLP over HTTP).")
@click.option("--name", default="", hidden=True)
@click.option("--answer-on", type=click.Path(path_type=Path), hidden=True)
def command(*, name: str, answer_on: Path | None, **flags: Any) -> None:
    """Learn from what gateways observed: scores, campaigns and standings.

    Started by `serve` already, where the policy has `risk`. On machines of its own, set `analyst: false` in the gateways' settings.
    Several share the partitions of the stream; one more stands by. What it has learned is in the store: it may be killed at any moment.

    \b
    stillgate analyst --store redis://10.0.0.5:6379/0 --policy policies/
    """
    supervised = answer_on is not None
    given = Settings.from_supervisor(sys.stdin.readline()) if supervised else _own({k: v for k, v in flags.items() if v is not None})
    asyncio.run(run_analyst(given, Post(name, answer_on), supervised=supervised))


def _own(flags: dict[str, Any]) -> Settings:
    loaded = settings.load(flags)
    return loaded.model_copy(update={"store": store_that_runs(loaded)})
