"""`stillgate keys`: create, list, revoke and rotate API keys. A key is shown once; the store keeps its hash."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, TypeVar

import click

from proxy.app.keys import Keys, now
from proxy.cli.store_options import given, seconds_of, store_options, with_store
from proxy.core.keys import KeyRecord
from proxy.stores.keys import RedisKeys

T = TypeVar("T")


@click.group("keys")
@store_options
@click.pass_context
def command(context: click.Context, /, **flags: Any) -> None:
    """Create, list, revoke and rotate API keys."""
    context.obj = given(flags)


def _with_keys(context: click.Context, /, work: Callable[[Keys], Awaitable[T]]) -> T:
    return with_store(context.obj, lambda connection: work(Keys(RedisKeys(connection))))


@command.command()
@click.option("--account", required=True, help="Whose key it is; usage is counted by account.")
@click.option("--organization", default="", help="What the account belongs to. [its own]")
@click.option("--tier", default="", help="A tier of the policy. [its default tier]")
@click.option("--name", default="", help="A note for people.")
@click.option("--expires", metavar="DURATION", help="Valid for so long, as 90d.")
@click.option("--verified", is_flag=True, help="The account's owner has been verified.")
@click.option("--programme", default="", help="A programme the account is in, as research.")
@click.option("--payment", default="", help="Your token for the means of payment.")
@click.option("--opened", type=click.DateTime(["%Y-%m-%d"]), help="When the account was opened.")
@click.pass_context
def create(context: click.Context, /, *, expires: str | None, opened: datetime | None, **facts: Any) -> None:
    """Make a key. It is shown once."""
    record = KeyRecord(
        id="", digest="", expires=now() + seconds_of(expires) if expires else None,
        created=opened.replace(tzinfo=UTC).timestamp() if opened else None, **facts,
    )  # fmt: skip
    key, made = _with_keys(context, lambda keys: keys.create(record))
    _show(key, made)


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.pass_context
def list_(context: click.Context, /, *, as_json: bool) -> None:
    """Show all keys: ids and holders, never the keys."""
    records = _with_keys(context, lambda keys: keys.list())
    if as_json:
        shown = [{name: value for name, value in asdict(record).items() if name != "digest"} for record in records]
        click.echo(json.dumps(shown, indent=2))
        return
    for record in records:
        click.echo(f"{record.id}  {_state(record):<26}  {record.account}  {record.tier or '(default tier)'}  {record.name}".rstrip())


@command.command()
@click.argument("key_id")
@click.pass_context
def revoke(context: click.Context, /, key_id: str) -> None:
    """End a key at once, by its id."""
    record = _with_keys(context, lambda keys: keys.revoke(key_id))
    click.echo(f"{record.id} of {record.account} is revoked; every gateway knows within two seconds.")


@command.command()
@click.argument("key_id")
@click.option("--grace", default="24h", show_default=True, metavar="DURATION", help="How long the old key stays valid.")
@click.pass_context
def rotate(context: click.Context, /, key_id: str, grace: str) -> None:
    """Make a new key for the same holder; the old one ends after a grace period."""
    key, made = _with_keys(context, lambda keys: keys.rotate(key_id, seconds_of(grace)))
    _show(key, made)
    click.echo(f"{key_id} stays valid for {grace} more.", err=True)


def _show(key: str, record: KeyRecord) -> None:
    """The key alone on stdout, so that a script can take it."""
    click.echo(key)
    click.echo(f"{record.id} for {record.account}. This is the only time the key is shown.", err=True)


def _state(record: KeyRecord) -> str:
    if record.revoked:
        return "revoked"
    if record.expires is None:
        return "valid"
    until = datetime.fromtimestamp(record.expires, UTC).strftime("%Y-%m-%d %H:%M UTC")
    return f"until {until}" if record.valid(now()) else "ended"
