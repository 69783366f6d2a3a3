"""`stillgate schema`: the policy's JSON Schema, for editors."""

import json
from pathlib import Path

import click

from proxy.config.schema import policy_schema
from proxy.errors import ConfigError


@click.command("schema")
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Where to write it. [stdout]")
def command(*, output: Path | None) -> None:
    """Write the policy's JSON Schema, for editors.

    A policy names it in its first line: # yaml-language-server: $schema=./policy.schema.json
    """
    text = json.dumps(policy_schema(), indent=2) + "\n"
    if output is None:
        click.echo(text, nl=False)
        return
    try:
        output.write_text(text)
    except OSError as error:
        raise ConfigError(f"cannot write {output}: {error.strerror}") from None
