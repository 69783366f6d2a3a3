"""`stillgate serve`: the flags of a gateway. The same as environment: STILLGATE_LISTEN and so on."""

import asyncio
from typing import Any

import click

from proxy.app.serve import serve
from proxy.config import settings


@click.command("serve")
@click.option("--listen", metavar="HOST:PORT", help="Where callers connect. [127.0.0.1:8080]")
@click.option("--admin", metavar="HOST:PORT", help="Health, readiness, metrics. Keep it private. [127.0.0.1:8081]")
@click.option("--upstream", metavar="URL", help="The model API. Several, by model or route: in the settings file.")
@click.option("--policy", metavar="PATH", help="A policy file or a folder of them. [the shipped default]")
@click.option("--store", metavar="URL", help="redis://, rediss://, unix://, redis+sentinel://, redis+cluster://. [embedded]")
@click.option("--state-dir", metavar="DIR", help="Where the embedded store and secrets live.")
@click.option("--seal-keys", metavar="FILE", help="Keys that seal reasoning and links; see `stillgate seal`. [derived from the secret]")
@click.option("--workers", type=int, metavar="N", help="Processes that share the port and the store. [1]")
@click.option("--drain", type=float, metavar="SECONDS", help="How long running answers may finish at shutdown. [30]")
@click.option("--settings", "settings_file", metavar="FILE", help="A YAML file with any of these, and upstreams with credentials.")
@click.option("--log-level", metavar="LEVEL", help="DEBUG, INFO, WARNING or ERROR. [INFO]")
@click.option("--otlp-endpoint", metavar="URL", help="Where traces, metrics and logs go (OTLP over HTTP).")
@click.option("--demo", is_flag=True, help="With no upstream: a built-in demo model. Makes a demo key and prints a first call.")
def command(*, demo: bool, **flags: Any) -> None:
    """Start the proxy.

    With nothing configured it listens on 127.0.0.1:8080 and keeps its usage in an embedded store.

    \b
    stillgate serve --upstream https://api.example.com --policy policies/
    stillgate serve --workers 4 --store redis://10.0.0.5:6379/0
    """
    loaded = settings.load({name: value for name, value in flags.items() if value is not None})
    asyncio.run(serve(loaded, demo=demo))
