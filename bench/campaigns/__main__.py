"""`python -m bench.campaigns make | score | run | scale`: the open benchmark of campaigns (see the package's docstring)."""

import argparse
import importlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.campaigns.families import FAMILIES
from bench.campaigns.figures import Figures
from bench.campaigns.files import LABELS, TRACE, write
from bench.campaigns.running import CommandError, replayed
from bench.campaigns.scoring import MismatchError, score, table
from bench.campaigns.world import Plan, World, make

POLICY = "policies/default.yaml"


def main(args: Sequence[str] | None = None) -> int:
    told = _parser().parse_args(args)
    try:
        done: int = told.does(told)
    except MismatchError as error:
        print(error, file=sys.stderr)
        return 2
    except CommandError as error:
        return error.code
    return done


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.campaigns", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    making = commands.add_parser("make", help="write a world's trace and labels")
    making.add_argument("out", type=Path, metavar="OUT_DIR")
    _planned(making)
    making.set_defaults(does=_make)
    scoring = commands.add_parser("score", help="what a scorer's decisions are worth")
    for name in ("trace", "labels", "decisions"):
        scoring.add_argument(name, type=Path, metavar=name.upper())
    scoring.add_argument("--json", type=Path, metavar="OUT", help="write all figures there too")
    scoring.set_defaults(does=_score)
    running = commands.add_parser("run", help="make a world, replay it through Stillgate, and score that")
    _planned(running)
    running.add_argument("--policy", default=POLICY)
    running.add_argument(
        "--calibrate", type=float, default=0, metavar="DAYS", help="let it calibrate on the first days before it is judged"
    )
    running.add_argument(
        "--json", type=Path, default=Path("campaigns.json"), metavar="OUT", help="where all figures go (default: %(default)s)"
    )
    running.add_argument("--keep", type=Path, metavar="DIR", help="keep the trace, the labels and the decisions there")
    running.set_defaults(does=_run)
    scaling = commands.add_parser("scale", help="memory and time of the analysis as accounts grow")
    scaling.add_argument("--accounts", type=int, default=100_000, help="the largest size; an eighth, a quarter and a half run first")
    scaling.add_argument("--days", type=float, default=2.0)
    scaling.add_argument("--seed", type=int, default=7)
    scaling.set_defaults(does=_scale)
    return parser


def _planned(parser: argparse.ArgumentParser) -> None:
    usual = Plan()
    parser.add_argument("--seed", type=int, default=usual.seed)
    parser.add_argument("--accounts", type=int, default=usual.accounts)
    parser.add_argument("--days", type=int, default=usual.days)
    parser.add_argument("--prevalence", type=float, default=usual.prevalence, help="share of accounts in campaigns (default: %(default)s)")
    parser.add_argument("--pace", type=float, default=usual.pace, help="times the campaigns' usual rate (default: %(default)s)")
    parser.add_argument("--families", nargs="*", choices=tuple(FAMILIES), default=list(FAMILIES), metavar="NAME", help=", ".join(FAMILIES))


def _world(told: argparse.Namespace) -> World:
    return make(Plan(told.seed, told.accounts, told.days, told.prevalence, tuple(told.families), told.pace))


def _make(told: argparse.Namespace) -> int:
    written = write(_world(told), told.out)
    print(f"{written} exchanges in {told.out / TRACE}, labels in {told.out / LABELS}")
    return 0


def _score(told: argparse.Namespace) -> int:
    _shown(score(told.trace, told.labels, told.decisions), {}, told.json)
    return 0


def _run(told: argparse.Namespace) -> int:
    with TemporaryDirectory() as scratch:
        out = told.keep or Path(scratch)
        print(f"making {told.accounts} accounts over {told.days} days, seed {told.seed}…", file=sys.stderr)
        write(_world(told), out)
        found = score(out / TRACE, out / LABELS, replayed(out, told.policy, told.calibrate))
    world = {name: getattr(told, name) for name in ("seed", "accounts", "days", "prevalence", "pace", "families", "policy", "calibrate")}
    _shown(found, world, told.json)
    return 0


def _scale(told: argparse.Namespace) -> int:
    # Alone among these it needs the analysis and its libraries; whoever makes or scores a trace need not have them.
    importlib.import_module("bench.campaigns.scale").table(told.accounts, told.days, told.seed)
    return 0


def _shown(found: Figures, world: dict[str, object], out: Path | None) -> None:
    print("\n".join(table(found)))
    if out:
        out.write_text(json.dumps({"world": world, **found.record()}, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())
