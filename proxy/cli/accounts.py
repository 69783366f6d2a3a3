"""`stillgate accounts`: where an account stands on the ladder, and an operator's decisions on it."""

import getpass
import json
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import click

from proxy.app.accounts import Accounts, Because, Found, Who, words_of
from proxy.app.keys import now
from proxy.app.verification import Wanted, link_for
from proxy.cli.store_options import given, seconds_of, store_options, with_store
from proxy.config import settings
from proxy.core.ladder import Rung
from proxy.stores.board import RedisBoard
from proxy.stores.connect import Connection
from proxy.stores.registry import Registry
from proxy.stores.standings import RedisStandings

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])

RUNG = click.Choice([rung.word for rung in Rung])
SET_BY_HAND = "30d"
"""How long an operator's verification or pardon lasts unless they say otherwise."""

MAY_SHAPE = frozenset({Rung.THROTTLED, Rung.CHALLENGED, Rung.DEGRADED})
"""Rungs on which a policy may have answers shaped."""


@click.group("accounts")
@store_options
@click.pass_context
def command(context: click.Context, /, **flags: Any) -> None:
    """See where accounts stand, and decide on it.

    A decision outranks the score until it expires or is released. It takes effect with the account's next request.

    \b
    stillgate accounts set-rung anna challenged --because "shares a template with a campaign" --expires 72h
    stillgate accounts verify anna --because "passport seen, ticket 4711"
    stillgate accounts list --rung blocked
    """
    context.obj = given(flags)


def _login() -> str:
    """Who is logged in here, as far as the system knows."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return "an operator"


def _account(wrapped: F) -> F:
    wrapped = click.option("--organization", default="", help="What the account belongs to. [looked up]")(wrapped)
    return click.argument("account")(wrapped)


def because(wrapped: F) -> F:
    wrapped = click.option("--by", metavar="NAME", default=_login, show_default="your login", help="Who decides.")(wrapped)
    return click.option("--because", required=True, metavar="TEXT", help="Why; it is kept with the decision.")(wrapped)


def _with_accounts(context: click.Context, /, work: Callable[[Accounts], Awaitable[T]]) -> T:
    return with_store(context.obj, lambda connection: work(Accounts(RedisStandings(connection), RedisBoard(connection), now)))


def _with_one(context: click.Context, /, work: Callable[[Accounts], Awaitable[Found]]) -> Found:
    """As `_with_accounts`, and notes a name that nobody has used: it is taken all the same, for it may be used next."""

    async def doubted(accounts: Accounts) -> tuple[Found, str]:
        found = await work(accounts)
        return found, await accounts.doubt(found)

    found, doubt = _with_accounts(context, doubted)
    _note(doubt)
    return found


@command.command("set-rung")
@_account
@click.argument("rung", type=RUNG)
@because
@click.option("--expires", metavar="DURATION", help="Hold it for so long, as 24h. [until it is released]")
@click.pass_context
def set_rung(context: click.Context, /, rung: str, *, expires: str | None, **said: str) -> None:
    """Hold an account on a rung, whatever its score."""
    lasts, wanted = seconds_of(expires) if expires else None, Rung[rung.upper()]
    _say(_with_one(context, lambda accounts: accounts.set_rung(_who(said), wanted, _why(said), lasts)))
    if wanted in MAY_SHAPE:
        _note(
            "what the policy shapes on this rung begins with the account's next conversation; where it has the rung in shadow, "
            "nothing is done (`stillgate check POLICY` says)"
        )


@command.command()
@_account
@because
@click.pass_context
def release(context: click.Context, /, **said: str) -> None:
    """End a hold or a pardon; the score counts again."""
    found = _with_accounts(context, lambda accounts: accounts.release(_who(said), _why(said)))
    if found is None:
        click.echo(f"{said['account']} is not held; nothing was changed.", err=True)
        context.exit(1)
    _say(found)


@command.command()
@_account
@because
@click.option("--for", "lasts", default=SET_BY_HAND, show_default=True, metavar="DURATION", help="Clear whatever the score for so long.")
@click.pass_context
def pardon(context: click.Context, /, *, lasts: str, **said: str) -> None:
    """Clear an account; what was known of it until now no longer counts."""
    seconds = seconds_of(lasts)
    _say(_with_one(context, lambda accounts: accounts.pardon(_who(said), _why(said), seconds)))


@command.command()
@_account
@because
@click.option("--for", "lasts", default=SET_BY_HAND, show_default=True, metavar="DURATION", help="Clear on the same evidence for so long.")
@click.pass_context
def verify(context: click.Context, /, *, lasts: str, **said: str) -> None:
    """Say that you know who the account's owner is."""
    seconds = seconds_of(lasts)
    found = _with_one(context, lambda accounts: accounts.verify(_who(said), _why(said), seconds))
    _say(found)
    hold = found.standing.hold
    if hold is not None and hold.rung is not Rung.CLEAR and hold.alive(now()):
        _note(f"this does not end the hold on {hold.rung.word}; `stillgate accounts release {found.account} --because …` does")


@command.command()
@_account
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.pass_context
def show(context: click.Context, /, *, as_json: bool, **said: str) -> None:
    """Show where an account stands, and why."""
    found = _with_one(context, lambda accounts: accounts.find(_who(said)))
    if as_json:
        click.echo(json.dumps(found.shown(now()), indent=2))
    else:
        _say(found)


@command.command("list")
@click.option("--rung", type=RUNG, help="Those that stand there now.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.pass_context
def list_(context: click.Context, /, *, rung: str | None, as_json: bool) -> None:
    """Show the accounts of which there is something to say, the strictest first."""
    found = _with_accounts(context, lambda accounts: accounts.list(Rung[rung.upper()] if rung else None))
    if as_json:
        click.echo(json.dumps([one.shown(now()) for one in found], indent=2))
        return
    for one in found:
        _say(one)
    if not found:
        click.echo(f"No account is {words_of(Rung[rung.upper()])}." if rung else "No account has a standing.", err=True)


@command.command()
@_account
@click.option("--seal-keys", metavar="FILE", help="The file of keys that seal links, as given to serve.")
@click.pass_context
def link(context: click.Context, /, *, seal_keys: str | None, **said: str) -> None:
    """Print a link by which the account's owner can verify. It can be used for a week.

    It leads to the gateway that runs on the store, and must be sealed with a key that the gateway has.
    """
    given_here = settings.load({**context.obj, **given({"seal_keys": seal_keys})})

    async def asked(connection: Connection) -> tuple[Found, str, list[dict[str, Any]]]:
        accounts = Accounts(RedisStandings(connection), RedisBoard(connection), now)
        found = await accounts.find(_who(said))
        return found, await accounts.doubt(found), await Registry(connection).workers()

    found, doubt, gateways = with_store(context.obj, asked)
    _note(doubt)
    wanted = Wanted(found.account, found.organization, now(), found.standing.cleared)
    click.echo(link_for(given_here, gateways, wanted))


def _who(said: dict[str, str]) -> Who:
    return Who(said["account"], said["organization"])


def _why(said: dict[str, str]) -> Because:
    return Because(said["by"], said["because"])


def _note(text: str) -> None:
    if text:
        click.echo(f"note: {text}", err=True)


def _say(found: Found) -> None:
    click.echo(found.words(now()))
