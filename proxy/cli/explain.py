"""`stillgate explain`: why an account stands where it stands, what holds a campaign together, what was decided on a request."""

import json
from pathlib import Path
from typing import Any

import click

from proxy.app.accounts import Accounts
from proxy.app.campaigns import Campaigns
from proxy.app.explaining import Explaining, Why
from proxy.app.keys import now
from proxy.cli.store_options import given, store_options, with_store
from proxy.config import settings
from proxy.config.numbers import printable
from proxy.config.policy import compile_policy
from proxy.stores.board import RedisBoard
from proxy.stores.connect import Connection
from proxy.stores.keys import RedisKeys
from proxy.stores.registry import Registry
from proxy.stores.standings import RedisStandings

FILE = click.Path(path_type=Path, dir_okay=False)


@click.command("explain")
@click.argument("subject", metavar="ACCOUNT|CAMPAIGN|REQUEST")
@click.option("--organization", default="", help="What the account belongs to; then it is one. [looked up]")
@click.option("--policy", metavar="PATH", help="The policy, as given to serve.")
@click.option("--log", type=FILE, metavar="FILE", help="A gateway's log (JSON lines), for what was decided on a request.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@store_options
def command(*, subject: str, organization: str, log: Path | None, as_json: bool, **flags: Any) -> None:
    """Say why: the score and its shares, the evidence, and every rule of the policy that was considered, also those that do not hold.

    \b
    stillgate explain anna
    stillgate explain c3
    stillgate explain req_0123456789 --log gateway.log
    """
    chosen = settings.load(given(flags))
    policy = compile_policy(chosen.policy)

    async def asked(connection: Connection) -> tuple[Why, str, set[str]]:
        board = RedisBoard(connection)
        accounts = Accounts(RedisStandings(connection), board, now)
        explaining = Explaining(accounts, Campaigns(board, now), board, RedisKeys(connection), policy, log)
        why = await explaining.any(subject, organization)
        digests = {str(worker.get("policy")) for worker in await Registry(connection).workers()}
        return why, await explaining.doubt(why), digests

    why, doubt, digests = with_store(given(flags), asked)
    if doubt:
        click.echo(f"note: {doubt}", err=True)
    if digests - {policy.digest}:
        click.echo(f"note: gateways serve under policy {', '.join(sorted(digests))}; pass it with --policy", err=True)
    click.echo(json.dumps(why.shown(), indent=2) if as_json else "\n".join(map(printable, why.words())))
