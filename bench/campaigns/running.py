"""Stillgate over a world on disk, through its own commands: `stillgate replay`, and before it `stillgate calibrate` if asked."""

import gzip
import re
import subprocess
import sys
from pathlib import Path

from bench.campaigns.clocks import DAY, START
from bench.campaigns.files import TRACE, opened

DECISIONS = "decisions.jsonl"
_TIME = re.compile(rb'\{"time":([0-9.]+)')


class CommandError(Exception):
    """A command of Stillgate's failed; it has said why."""

    def __init__(self, code: int) -> None:
        super().__init__(f"it ended with exit code {code}")
        self.code = code


def replayed(world: Path, policy: str, calibrate: float) -> Path:
    """Its decisions on the world's trace. `calibrate`: days from the beginning that it may learn from first, without labels; 0: none."""
    options = ["--policy", policy]
    if calibrate:
        learned, beginning = world / "calibration.json", first_days(world / TRACE, calibrate, world / "beginning.jsonl.gz")
        _stillgate("calibrate", str(beginning), *options, "--out", str(learned))
        options += ["--calibration", str(learned)]
    _stillgate("replay", str(world / TRACE), *options, "--json", str(world / DECISIONS))
    return world / DECISIONS


def first_days(trace: Path, days: float, out: Path) -> Path:
    """The trace's beginning."""
    with opened(trace) as file, gzip.open(out, "wb") as packed:
        for line in file:
            head = _TIME.match(line)
            if head is None or float(head[1]) >= START + days * DAY:
                break
            packed.write(line)
    return out


def _stillgate(*args: str) -> None:
    # What it says goes to stderr, so that the table alone is printed here.
    done = subprocess.run([sys.executable, "-m", "proxy", *args], stdout=sys.stderr, check=False)
    if done.returncode:
        raise CommandError(done.returncode)
