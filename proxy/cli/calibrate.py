"""`stillgate calibrate`: how rare evidence is among an operator's own accounts, so that a threshold is a promise there too."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import click

from proxy.cli.replay import FILE, apart, progress
from proxy.config import calibration_file
from proxy.config.calibration_file import Learned
from proxy.config.measures import duration_words
from proxy.config.policy import compile_policy
from proxy.config.settings import shipped_policy
from proxy.core.policy import Policy
from proxy.core.risk import Calibration
from proxy.errors import ConfigError
from proxy.learning.analysis import Analysis
from proxy.learning.calibrate import calibrated
from proxy.replay.learning import Lesson, learned
from proxy.replay.report import counted, heading
from proxy.replay.trace import Trace

SAID = 60.0
"""The score that is spoken of."""

DAYS = 3
"""Below so many, a trace does not show a week's habits."""

FEW = 1000
"""Accounts, below which nobody can have seen what one in a thousand does."""


@click.command("calibrate")
@click.argument("trace", metavar="TRACE", type=click.Path(path_type=Path))
@click.option("--policy", metavar="PATH", type=click.Path(path_type=Path), help="Whose signals and weights count. [the shipped default]")
@click.option("--out", metavar="FILE", type=FILE, help="Where to write it; `risk.calibration` in a policy names it. [only said]")
@click.option("--quiet", is_flag=True, help="No progress bar.")
def command(*, trace: Path, policy: Path | None, out: Path | None, quiet: bool) -> None:
    """Learn from recorded traffic how rare evidence is among your accounts. No labels are needed, and campaigns in it do no harm
    as long as they are few.

    \b
    stillgate calibrate trace.jsonl.gz --out calibration.json
    stillgate replay trace.jsonl.gz --calibration calibration.json
    """
    apart(trace, out)
    chosen = compile_policy(policy or shipped_policy())
    with Trace(trace) as opened, progress(opened.size, quiet=quiet) as told:
        lesson = learned(opened, Analysis(replace(chosen.risk, on=True)), told)
    click.echo("\n".join(heading(trace.name, lesson.accounts, lesson.faults)))
    if not lesson.evidence:
        raise ConfigError(f"{trace}: no account in it shows enough to learn from")
    found = calibrated(lesson.evidence)
    click.echo("\n".join(_said(found, lesson)))
    if out is not None:
        calibration_file.write(out, _learned(found, lesson, chosen))
        click.echo(f"written to {out}; a policy names it: risk: {{calibration: {out.name}}}")


def _said(found: Calibration, lesson: Lesson) -> Iterator[str]:
    here, shipped = found.evidence(SAID), Calibration().evidence(SAID)
    yield f"learned from {counted(found.accounts, 'account')} of {lesson.accounts:,} (the others show too little): {found.said}"
    yield f"a score of {SAID:.0f} takes {here:.1f} nats here; the shipped one says {shipped:.1f}"
    if lesson.faults.seconds < DAYS * 86400:
        span = duration_words(round(lesson.faults.seconds))
        yield f"note: {span} is short; with less than {DAYS} days, habits of the week look rare"
    if found.accounts < FEW:
        yield f"note: {counted(found.accounts, 'account')} are few; what one in {FEW:,} does is guessed from what is more common"


def _learned(found: Calibration, lesson: Lesson, policy: Policy) -> Learned:
    faults = lesson.faults
    return Learned(
        calibration=1, start=found.start, scale=found.scale, accounts=found.accounts, said=found.said, exchanges=lesson.exchanges,
        first=faults.first or 0.0, last=faults.last or 0.0, policy=policy.digest,
    )  # fmt: skip
