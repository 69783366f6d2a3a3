"""`stillgate replay`: what a policy would have done with recorded traffic."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO

import click

from proxy.config import calibration_file
from proxy.config.policy import compile_policy
from proxy.config.settings import shipped_policy
from proxy.core.policy import Policy
from proxy.errors import ConfigError
from proxy.learning.analysis import Analysis
from proxy.replay import picture, report
from proxy.replay.play import Played, play
from proxy.replay.run import Replay
from proxy.replay.trace import Trace

FILE = click.Path(path_type=Path, dir_okay=False)


@click.command("replay")
@click.argument("trace", metavar="TRACE", type=click.Path(path_type=Path))
@click.option("--policy", metavar="PATH", type=click.Path(path_type=Path), help="A policy file or folder. [the shipped default]")
@click.option("--against", metavar="PATH", type=click.Path(path_type=Path), help="Another policy, to lay beside the first.")
@click.option("--json", "decisions", metavar="OUT", type=FILE, help="Write the first policy's decisions, one JSON line for each line.")
@click.option("--picture", "drawing", metavar="OUT.svg", type=FILE, help="Draw scores, rungs, campaigns and who would have been hit.")
@click.option("--calibration", metavar="FILE", type=FILE, help="What `stillgate calibrate` wrote; instead of the policy's own.")
@click.option("--quiet", is_flag=True, help="No progress bar and no report: only the files.")
def command(  # noqa: PLR0913  # one for each flag
    *, trace: Path, policy: Path | None, against: Path | None, decisions: Path | None, drawing: Path | None, calibration: Path | None,
    quiet: bool,
) -> None:  # fmt: skip
    """Replay recorded traffic (JSON lines, plain or gzip) through a policy.

    Each exchange is decided with what was known before it, and then learned from, at its recorded time. No clock is read: the same
    input gives the same output. Quotas are not counted, since what they let through is what was recorded; accounts that the policy
    would refuse go on as they did. A line that cannot be read is reported, and still has its decision: allow.

    \b
    stillgate replay trace.jsonl.gz --policy policies/
    stillgate replay trace.jsonl.gz --against stricter.yaml --picture replay.svg
    """
    apart(trace, decisions, drawing)
    given = [compiled(path, calibration) for path in (policy or shipped_policy(), against) if path is not None]
    with Trace(trace) as opened, _sink(decisions) as sink, progress(opened.size, quiet=quiet) as told:
        played = play(opened, [Replay(each, Analysis(each.risk)) for each in given], sink, told)
    if drawing is not None:
        _drawn(drawing, trace.name, played)
    if not quiet:
        click.echo("\n".join(_said(trace.name, played)))
    if not played.tallies[0].requests:
        raise ConfigError(f"{trace}: holds no exchange{_why(played)}")


def compiled(path: Path, calibration: Path | None) -> Policy:
    """The policy, with another calibration where one is given. Raises `ConfigError`."""
    policy = compile_policy(path)
    if calibration is None:
        return policy
    return replace(policy, risk=replace(policy.risk, calibration=calibration_file.load(calibration)))


def apart(trace: Path, *made: Path | None) -> None:
    """What is written must not be what is read. Raises `ConfigError`."""
    for path in made:
        if path is not None and path.exists() and trace.exists() and path.samefile(trace):
            raise ConfigError(f"{path}: is the trace itself; nothing is written over it")


@contextmanager
def progress(size: int, *, quiet: bool) -> Iterator[Callable[[int], object]]:
    """A bar on stderr, by bytes read; none where nobody looks at a terminal."""
    with click.progressbar(length=size, file=sys.stderr, label="replay", hidden=quiet or not sys.stderr.isatty()) as bar:
        yield lambda read: bar.update(read - bar.pos)
        bar.update(size - bar.pos)


@contextmanager
def _sink(path: Path | None) -> Iterator[IO[bytes] | None]:
    """Raises `ConfigError` where it cannot be written."""
    if path is None:
        yield None
        return
    try:
        with path.open("wb") as file:
            yield file
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error.strerror}") from None


def _drawn(path: Path, name: str, played: Played) -> None:
    try:
        path.write_text(picture.drawn(name, played.tallies, played.faults))
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error.strerror}") from None


def _said(name: str, played: Played) -> Iterator[str]:
    yield from report.words(name, played.tallies[0], played.faults)
    if played.difference is not None:
        yield ""
        yield from played.difference.words()


def _why(played: Played) -> str:
    kinds = played.faults.kinds.most_common(1)
    return f"; line {played.faults.where[kinds[0][0]]} {report.shown(kinds[0][0])}" if kinds else ""
