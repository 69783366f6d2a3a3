"""The `stillgate` command. A new command is one file here, and one line below; each is imported only when it runs.

Exit codes: 0 done; 1 not found or not so; 2 the operator's input is wrong (shown in a line, without a traceback).
"""

import importlib
import sys
from typing import Any

import click

from proxy.errors import StillgateError

COMMANDS = {
    "serve": "Start the proxy.",
    "analyst": "Learn from what gateways observed, on a machine of its own.",
    "check": "Check a policy file and say what it means.",
    "schema": "Write the policy's JSON Schema, for editors.",
    "keys": "Create, list, revoke and rotate API keys.",
    "accounts": "See where accounts stand on the ladder, and decide on it.",
    "seal": "Look after the keys that seal reasoning and verification links.",
    "replay": "Replay recorded traffic through a policy.",
    "calibrate": "Learn from recorded traffic how rare evidence is among your accounts.",
    "campaigns": "See which accounts act as one, and say what you know of it.",
    "explain": "Say why an account, a campaign or a request is treated as it is.",
    "export": "Write the indicators of confirmed campaigns, to share them.",
    "status": "Show the gateways on a store, their policies, and what is in flight.",
}
HIDDEN = frozenset({"worker"})
"""Started by the supervisor, not by people."""


class Lazy(click.Group):
    """Finds a command's file by its name."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS and cmd_name not in HIDDEN:
            return None
        command: click.Command = importlib.import_module(f"proxy.cli.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """From the table, so that help loads nothing."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.command(cls=Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="stillgate")
def cli() -> None:
    """Stillgate: a proxy that makes copying a model through its own API slower, costlier and visible."""


def main(args: list[str] | None = None) -> Any:
    """Runs the command line; errors of ours become one line and an exit code."""
    try:
        return cli.main(args=args, prog_name="stillgate")
    except (StillgateError, ExceptionGroup) as raised:
        error = _ours(raised)
        if error is None:
            raise
        click.echo(f"stillgate: {error}", err=True)
        sys.exit(error.exit_code)


def _ours(raised: Exception) -> StillgateError | None:
    """The one error of ours, also where task groups have wrapped it; None where anything else is in there."""
    while isinstance(raised, ExceptionGroup) and len(raised.exceptions) == 1:
        raised = raised.exceptions[0]
    return raised if isinstance(raised, StillgateError) else None
