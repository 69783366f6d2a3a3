"""`stillgate status`: the gateways on a store, their policies, and what is in flight with its age."""

import asyncio
import json
from typing import Any

import click

from proxy.app.stores import status
from proxy.cli.store_options import given, store_options
from proxy.config import settings


@click.command("status")
@store_options
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def command(*, as_json: bool, **flags: Any) -> None:
    """Show the gateways on a store, their policies, and what is in flight."""
    found = asyncio.run(status(settings.load(given(flags))))
    click.echo(json.dumps(found, indent=2) if as_json else "\n".join(_lines(found)))


def _lines(found: dict[str, Any]) -> list[str]:
    digests = {gateway["policy"] for gateway in found["gateways"]}
    count = len(found["gateways"])
    lines = [f"{count} worker{'' if count == 1 else 's'}"]
    lines += [f"  {gateway['id']}  policy {gateway['policy']}  version {gateway['version']}" for gateway in found["gateways"]]
    if len(digests) > 1:
        lines.append(f"WARNING: workers run {len(digests)} different policies: {', '.join(sorted(digests))}")
    lines.append(f"{len(found['in_flight'])} in flight")
    lines += [f"  {lease['request']}  {lease['account']}  {lease['age']:.1f} s" for lease in found["in_flight"]]
    return lines
