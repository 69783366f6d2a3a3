"""`stillgate status`: the gateways and analysts on a store, their policies, and what is in flight with its age."""

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
    """Show the gateways and analysts on a store, their policies, and what is in flight."""
    found = asyncio.run(status(settings.load(given(flags))))
    click.echo(json.dumps(found, indent=2) if as_json else "\n".join(_lines(found)))


def _lines(found: dict[str, Any]) -> list[str]:
    digests = {each["policy"] for each in (*found["gateways"], *found["analysts"])}
    lines = [_counted(len(found["gateways"]), "worker"), *map(_process, found["gateways"])]
    if found["analysts"] or found["partitions"]:
        lines += [_counted(len(found["analysts"]), "analyst"), *map(_process, found["analysts"])]
        lines += [_partition(each) for each in found["partitions"]]
    lines += [
        f"WARNING: observations {fault['partition']}: {_counted(fault['count'], 'fault')} in learning; the last: {fault['last']}"
        for each in found["analysts"]
        for fault in each.get("faults", ())
    ]
    if len(digests) > 1:
        lines.append(f"WARNING: workers and analysts run {len(digests)} different policies: {', '.join(sorted(digests))}")
    hashing = {each["hashing"] for each in found["gateways"] if "hashing" in each}
    if len(hashing) > 1:
        lines.append(
            f"WARNING: workers hash what is learned from with {len(hashing)} different secrets ({', '.join(sorted(hashing))}), and nothing "
            "links between them: set STILLGATE_SECRET to the same text on every gateway"
        )
    lines.append(f"{len(found['in_flight'])} in flight")
    lines += [f"  {lease['request']}  {lease['account']}  {lease['age']:.1f} s" for lease in found["in_flight"]]
    return lines


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _process(each: dict[str, Any]) -> str:
    return f"  {each['id']}  policy {each['policy']}  version {each['version']}"


def _partition(each: dict[str, Any]) -> str:
    owner = f"learned by {each['owner']}" if each["owner"] else "WARNING: learned by nobody"
    return f"  observations {each['partition']}: {owner}, {each['lag']:.1f} s behind"
