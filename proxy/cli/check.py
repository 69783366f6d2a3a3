"""`stillgate check`: what is wrong in a policy and where, or what it means in plain words."""

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from proxy.config import aloud
from proxy.config.measures import duration_words, share_words
from proxy.config.numbers import printable
from proxy.config.policy import compile_policy
from proxy.core.policy import Policy, Tier
from proxy.errors import ConfigError


@click.command("check")
@click.argument("paths", metavar="PATH...", nargs=-1, required=True, type=click.Path(path_type=Path))
def command(*, paths: tuple[Path, ...]) -> None:
    """Check policy files (or folders, each one policy) and say what they mean.

    Exit code 2 where one has a problem; problems go to stderr, one per line.
    """
    # A list, for every path is shown, also after a bad one.
    if not all([_shown(path) for path in paths]):  # noqa: C419
        sys.exit(ConfigError.exit_code)


def _shown(path: Path) -> bool:
    try:
        policy = compile_policy(path)
    except ConfigError as error:
        click.echo(str(error), err=True)
        return False
    click.echo(f"{path}: good")
    click.echo("\n".join(f"  {line}" for line in summary(policy)))
    return True


def summary(policy: Policy) -> Iterator[str]:
    """A policy, read aloud. No character of it moves a cursor."""
    return map(printable, _aloud(policy))


def _aloud(policy: Policy) -> Iterator[str]:
    yield f"policy {policy.name}, digest {policy.digest}, mode {'enforce' if policy.enforce else 'shadow'}"
    yield f"identity: {', then '.join(policy.identity)}"
    for tier in policy.tiers.values():
        yield from _tier(tier, default=tier.name == policy.default_tier)
    for route in policy.routes:
        cost = f"{route.requests} requests and {route.tokens} input tokens"
        also = "; also for accounts whose answers must be shaped, as they come" if route.unshaped else ""
        yield f"open route: {'|'.join(route.methods) or 'any method'} {route.path}, each call counts as {cost}{also}"
    for account, name in policy.account_tiers.items():
        yield f"account {account}: tier {name}"
    yield from aloud.rules(policy)
    yield from _failure(policy)
    yield from (f"note: {note}" for note in policy.notes)


def _tier(tier: Tier, *, default: bool) -> Iterator[str]:
    yield f"tier {tier.name}{' (default)' if default else ''}, priority {tier.priority}"
    if tier.models:
        yield f"  only models {', '.join(tier.models)}"
    for quota in tier.quotas:
        burst = "" if quota.burst == quota.amount else f", at most {quota.burst} at once"
        yield f"  {quota.words()}{burst}"
    if not tier.quotas:
        yield "  no limits"


def _failure(policy: Policy) -> Iterator[str]:
    lost = policy.store_lost
    then = "then refuse" if lost.then_refuse else "then serve on"
    if lost.serve_locally == 0:
        yield "store lost: refuse at once"
    else:
        yield f"store lost: serve {share_words(lost.serve_locally)} of each limit for {duration_words(lost.seconds)}, {then}"
    yield f"a stream over its quota: {policy.stream_over_quota}; longest silence {duration_words(policy.idle_seconds)}"
    if policy.capacity.in_flight:
        wait = f"{policy.capacity.queue_length} wait per worker, up to {duration_words(policy.capacity.queue_seconds)}"
        yield f"capacity: {policy.capacity.in_flight} in flight, {wait}"
