"""`stillgate seal`: the file of keys that seal reasoning tokens and verification links. No secret is ever shown."""

import json
from pathlib import Path
from shlex import quote

import click

from proxy.sealing import rotation

FILE = click.argument("path", metavar="FILE", type=click.Path(path_type=Path))


@click.group("seal")
def command() -> None:
    """Look after the file of seal keys (serve --seal-keys FILE).

    What the proxy hands out in place of hidden reasoning, and links for verification, are sealed with these keys. The file holds
    one secret per line, newest first: the first one seals, all of them open. Gateways notice a change by themselves within two
    seconds. All gateways that serve the same callers need the same file.

    \b
    stillgate seal rotate keys.txt               one gateway, or one shared file
    stillgate seal rotate keys.txt --stage       several copies: first let every gateway know the key
    stillgate seal promote keys.txt 1a2b3c4d     and then, when all have it, let it seal
    """


@command.command()
@FILE
@click.option("--stage", is_flag=True, help="Add it as the last line: it opens, and does not seal until it is promoted.")
def rotate(*, path: Path, stage: bool) -> None:
    """Add a fresh secret as the first line; the old ones stay. Makes the file if there is none."""
    made = rotation.rotate(path, stage=stage)
    if rotation.shown(path)[0] == made:
        click.echo(f"{made} is the first key of {path}: it seals from now on.")
        click.echo(_DISTRIBUTE)
    else:
        click.echo(f"{made} is the last key of {path}: it opens, and does not seal yet.")
        click.echo(f"Next: give the file to every gateway; when all have it, `stillgate seal promote {quote(str(path))} {made}`.")


@command.command()
@FILE
@click.argument("key_id")
def promote(*, path: Path, key_id: str) -> None:
    """Make a key of the file the first, so that it seals."""
    rotation.promote(path, key_id)
    click.echo(f"{key_id} is the first key of {path}: it seals from now on.")
    click.echo(_DISTRIBUTE)


@command.command()
@FILE
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def show(*, path: Path, as_json: bool) -> None:
    """Show the ids of the keys in order, never a secret."""
    names = rotation.shown(path)
    if as_json:
        click.echo(json.dumps([{"id": name, "seals": place == 0} for place, name in enumerate(names)], indent=2))
        return
    for place, name in enumerate(names):
        click.echo(f"{name}  {'opens' if place else 'seals and opens'}")


_DISTRIBUTE = """\
Next: give the file to every gateway; each takes it up within two seconds, without a restart. Keep the old lines for as long as
the policy lets a token last (`lasts`), then remove them: what they sealed cannot be opened afterwards."""
