"""`run`: one command makes a world, replays it through Stillgate, and says what that was worth."""

import gzip
import json
import subprocess
import sys
from pathlib import Path

from bench.campaigns.clocks import DAY, START
from bench.campaigns.files import TRACE, write
from bench.campaigns.running import first_days
from bench.campaigns.scoring import BARS
from bench.campaigns.world import Plan, make

ROOT = Path(__file__).parents[2]
RUN = (
    sys.executable,
    "-m",
    "bench.campaigns",
    "run",
    "--accounts",
    "80",
    "--days",
    "2",
    "--prevalence",
    "0.2",
    "--families",
    "harvest",
    "low_slow",
)


def test_the_figures_come_with_one_command(tmp_path: Path) -> None:
    out, kept = tmp_path / "figures.json", tmp_path / "kept"
    done = subprocess.run([*RUN, "--json", str(out), "--keep", str(kept)], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(out.read_text())
    assert set(told["rates"]) == set(BARS)
    assert set(told["families"]) == {"harvest", "low_slow"}
    assert told["world"]["seed"] == 7
    assert all(name in done.stdout for name in BARS)
    labels = json.loads((kept / "labels.json").read_text())
    assert told["honest"]["accounts"] + told["caught"]["accounts"] == len(labels["accounts"])


def test_it_may_calibrate_on_the_beginning_alone(tmp_path: Path) -> None:
    write(make(Plan(accounts=40, days=3)), tmp_path)
    whole = gzip.decompress((tmp_path / TRACE).read_bytes())
    beginning = gzip.decompress(first_days(tmp_path / TRACE, 1.5, tmp_path / "beginning.jsonl.gz").read_bytes())
    assert whole.startswith(beginning)
    assert json.loads(beginning.splitlines()[-1])["time"] < START + 1.5 * DAY <= json.loads(whole[len(beginning) :].splitlines()[0])["time"]


def test_a_policy_that_is_not_there_is_said_by_the_exit_code(tmp_path: Path) -> None:
    out = tmp_path / "figures.json"
    done = subprocess.run(
        [*RUN, "--accounts", "20", "--policy", str(tmp_path / "none.yaml"), "--json", str(out)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert not out.exists()
