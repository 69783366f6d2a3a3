"""`stillgate export`: what is known of confirmed campaigns, for houses that agreed to warn each other."""

import importlib
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click

from proxy.analyst.records import Exported
from proxy.app.campaigns import Campaigns, Seen
from proxy.app.keys import now
from proxy.app.secret import secret_of
from proxy.cli.store_options import given, seconds_of, store_options, with_store
from proxy.config import settings
from proxy.config.policy import compile_policy
from proxy.core.ladder import Rung
from proxy.core.policy import Policy
from proxy.errors import ConfigError
from proxy.learning.campaign import Verdict
from proxy.stores.board import RedisBoard
from proxy.stores.connect import Connection

LEVELS = ("clear", "green", "amber", "amber+strict", "red")
"""Of TLP 2.0; `export.tlp` has their ids, and needs a library that may be missing (tests/test_said_twice.py)."""

LATER = 0.001
"""Seconds, the least that STIX tells apart: what is revoked must be later than what was told, whatever clocks say."""

FILE = click.Path(path_type=Path, dir_okay=False)


@click.command("export")
@click.option("--stix", is_flag=True, help="As a STIX 2.1 bundle; there is no other form yet.")
@click.option("--out", type=FILE, metavar="FILE", help="Where to write it. [stdout]")
@click.option("--tlp", type=click.Choice(LEVELS), default="amber", show_default=True, help="Who may read it (TLP 2.0).")
@click.option("--producer", metavar="NAME", default="A Stillgate operator", show_default=True, help="Who exports; keep it the same.")
@click.option("--valid", metavar="DURATION", default="30d", show_default=True, help="How long after the last evidence an indicator ends.")
@click.option("--policy", metavar="PATH", help="The policy, as given to serve.")
@store_options
def command(*, stix: bool, out: Path | None, tlp: str, producer: str, valid: str, **flags: Any) -> None:
    """Write the indicators of campaigns that a person has confirmed (`stillgate campaigns confirm`).

    Accounts, addresses and means of payment are keyed hashes: only who has the same STILLGATE_SECRET can compare them. A second export
    updates the first, indicators end by themselves, and what was exported and is dismissed since is exported once more, as revoked.

    \b
    stillgate export --stix --tlp amber+strict --producer "Example Inc." --out campaigns.json
    """
    if not stix:
        raise ConfigError("say in which form: --stix")
    made, lasts, chosen = _library(), seconds_of(valid), settings.load(given(flags))
    policy = compile_policy(chosen.policy)

    async def known(connection: Connection) -> tuple[list[Seen], Sequence[tuple[Exported, float]]]:
        campaigns = Campaigns(RedisBoard(connection), now)
        return await campaigns.list(), await campaigns.dismissed(producer)

    seen, dismissed = with_store(given(flags), known)
    confirmed = [each for each in seen if each.word is not None and each.word.verdict is Verdict.CONFIRMED]
    origin = made.Origin(
        producer=producer, version=version("stillgate"), policy=policy.digest, calibration=policy.risk.calibration.said,
        threshold=_threshold(policy), level=tlp, lasts=lasts, secret=secret_of(chosen),
    )  # fmt: skip
    judged = {each.campaign.id: each.word.at for each in confirmed if each.word is not None}
    revoked = [made.Revoked(told.campaign, max(at, told.at, told.confirmed, told.campaign.seen) + LATER) for told, at in dismissed]
    _write(out, made.bundle([each.campaign for each in confirmed], judged, origin, revoked))
    with_store(given(flags), lambda connection: Campaigns(RedisBoard(connection), now).exported(confirmed, producer))
    also = f"; {len(revoked)} exported before {'is' if len(revoked) == 1 else 'are'} revoked" if revoked else ""
    click.echo(f"{len(confirmed)} of {len(seen)} campaigns are confirmed, and exported{also}", err=True)


def _library() -> Any:
    """What needs the extra. Raises `ConfigError`."""
    try:
        return importlib.import_module("proxy.export.stix")
    except ModuleNotFoundError as error:
        if error.name != "stix2":
            raise
    raise ConfigError("STIX needs a library that is not installed: pip install 'stillgate[stix]'")


def _threshold(policy: Policy) -> float:
    """The score from which something is done to an account; that of being watched, where nothing is."""
    steps = policy.ladder.steps.at
    done = [least for rung, least in steps.items() if rung > Rung.WATCH and policy.ladder.rule(rung).sanctions]
    return min(done or steps.values(), default=0.0)


def _write(out: Path | None, text: str) -> None:
    if out is None:
        click.echo(text, nl=False)
        return
    try:
        out.write_text(text)
    except OSError as error:
        raise ConfigError(f"cannot write {out}: {error.strerror}") from None
