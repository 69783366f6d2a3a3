"""`stillgate campaigns`: accounts that act as one, and a person's word on them."""

import json
from collections.abc import Awaitable, Callable
from difflib import get_close_matches
from typing import Any, NoReturn, TypeVar

import click

from proxy.app.accounts import Because
from proxy.app.campaigns import Campaigns
from proxy.app.keys import now
from proxy.cli.accounts import because
from proxy.cli.store_options import given, store_options, with_store
from proxy.config.numbers import printable
from proxy.learning.campaign import Verdict
from proxy.stores.board import RedisBoard

T = TypeVar("T")


@click.group("campaigns")
@store_options
@click.pass_context
def command(context: click.Context, /, **flags: Any) -> None:
    """See which accounts act as one and why, and say what you know of it.

    What you say outranks the evidence, both ways, until you take it back.

    \b
    stillgate campaigns list
    stillgate campaigns confirm c3 --because "their questions are our training list, ticket 4711"
    stillgate campaigns dismiss c5 --because "an evaluation house, contract of May"
    """
    context.obj = given(flags)


def _with_campaigns(context: click.Context, /, work: Callable[[Campaigns], Awaitable[T]]) -> T:
    return with_store(context.obj, lambda connection: work(Campaigns(RedisBoard(connection), now)))


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.pass_context
def list_(context: click.Context, /, *, as_json: bool) -> None:
    """Show the campaigns, those with most evidence first."""
    found = _with_campaigns(context, Campaigns.list)
    if as_json:
        click.echo(json.dumps([seen.shown() for seen in found], indent=2))
        return
    for seen in found:
        click.echo(printable(seen.line()))
    if not found:
        click.echo("No accounts act as one, as far as has been seen.", err=True)


@command.command()
@click.argument("campaign")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.pass_context
def show(context: click.Context, /, *, campaign: str, as_json: bool) -> None:
    """Show a campaign: its links, its volume, its members."""
    found = _with_campaigns(context, lambda campaigns: campaigns.find(campaign))
    if found is None:
        _none(context, campaign)
    click.echo(json.dumps(found.shown(), indent=2) if as_json else "\n".join(map(printable, found.words())))


@command.command()
@click.argument("campaign")
@because
@click.pass_context
def confirm(context: click.Context, /, **said: str) -> None:
    """Say that a campaign is one. Its members reach any rung, and `stillgate export` tells of it."""
    _judge(context, said, Verdict.CONFIRMED)


@command.command()
@click.argument("campaign")
@click.option("--account", metavar="ACCOUNT", help="Only this member is honest; the campaign is none the less one.")
@because
@click.pass_context
def dismiss(context: click.Context, /, *, account: str | None, **said: str) -> None:
    """Say that a campaign is honest (an evaluation, a class, a customer), or one of its members."""
    if account is None:
        _judge(context, said, Verdict.HONEST)
        return
    name = said["campaign"]
    member = _with_campaigns(context, lambda campaigns: campaigns.spare(name, account, Because(said["by"], said["because"])))
    if member is None:
        _none(context, name)
    click.echo(f"{account} is honest, and no longer of {name}; its score follows within seconds")


@command.command()
@click.argument("campaign")
@because
@click.pass_context
def reopen(context: click.Context, /, **said: str) -> None:
    """Take back what was said of a campaign; the evidence counts again."""
    _judge(context, said, None)


def _judge(context: click.Context, said: dict[str, str], verdict: Verdict | None) -> None:
    word = Because(said["by"], said["because"])
    found = _with_campaigns(context, lambda campaigns: campaigns.judge(said["campaign"], verdict, word))
    if found is None:
        _none(context, said["campaign"])
    click.echo(printable(found.line()))
    click.echo("note: its members' scores follow within seconds, where an analyst runs", err=True)


def _none(context: click.Context, name: str) -> NoReturn:
    known = [seen.campaign.id for seen in _with_campaigns(context, Campaigns.list)]
    near = get_close_matches(name, known, n=1)
    meant = f"; did you mean {near[0]}?" if near else "; `stillgate campaigns list` shows them" if known else "; none has been found"
    click.echo(f"there is no campaign {name}{meant}", err=True)
    context.exit(1)
