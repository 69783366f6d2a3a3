"""`stillgate replay`: files in, files and words out, and its exit codes."""

import json
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from proxy.cli import replay as module
from proxy.errors import ConfigError
from tests.support.traces import Told, recorded, written

POLICY = """
tiers: {free: {}}
risk: {half_life: 7d}
ladder:
  watch: {at: 40}
  throttled: {at: 60, sanctions: [{throttle: 50%}]}
"""


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    path = tmp_path / "policy.yaml"
    path.write_text(POLICY)
    return path


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    lines: list[Any] = [recorded(name, number * 60.0) for number in range(5) for name in ("ann", "bob")]
    return written(tmp_path / "trace.jsonl.gz", [*lines, b"{"])


@pytest.fixture(autouse=True)
def _told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "Analysis", lambda _: Told({"ann": 30.0, "bob": 5.0}))


def run(*args: str | Path) -> Result:
    return CliRunner().invoke(module.command, [str(arg) for arg in args])


def test_decisions_picture_and_report(tmp_path: Path, trace: Path, policy: Path) -> None:
    out, drawing = tmp_path / "out.jsonl", tmp_path / "out.svg"
    result = run(trace, "--policy", policy, "--json", out, "--picture", drawing)
    assert result.exit_code == 0, result.output
    actions = [json.loads(line)["action"] for line in out.read_text().splitlines()]
    assert actions[::2] == ["allow", "allow", "throttle", "throttle", "throttle", "allow"]
    assert ET.parse(drawing).getroot().tag.endswith("svg")
    assert "restricted: 1 of 2 accounts (50.00 %), 3 of 10 requests (30.00 %)" in result.stdout
    assert "1 line (first: 11): is not JSON" in result.stdout
    assert result.stderr == "", "no progress bar where nobody looks"


def test_the_same_input_gives_the_same_bytes(tmp_path: Path, trace: Path, policy: Path) -> None:
    made = []
    for name in ("one", "two"):
        result = run(trace, "--policy", policy, "--json", tmp_path / name, "--picture", tmp_path / f"{name}.svg")
        made.append((result.stdout, (tmp_path / name).read_bytes(), (tmp_path / f"{name}.svg").read_bytes()))
    assert made[0] == made[1]


def test_quiet_says_nothing(tmp_path: Path, trace: Path, policy: Path) -> None:
    result = run(trace, "--policy", policy, "--json", tmp_path / "out", "--quiet")
    assert (result.exit_code, result.output) == (0, "")
    assert len((tmp_path / "out").read_text().splitlines()) == 11


def test_against_lays_two_policies_side_by_side(tmp_path: Path, trace: Path, policy: Path) -> None:
    other = tmp_path / "other.yaml"
    other.write_text(POLICY.replace("at: 60", "at: 99"))
    result = run(trace, "--policy", policy, "--against", other)
    assert result.exit_code == 0, result.output
    assert "decided otherwise: 2 requests of 1 account" in result.stdout


def test_a_calibration_stands_in_for_the_policys_own(tmp_path: Path, trace: Path, policy: Path) -> None:
    path = tmp_path / "calibration.json"
    path.write_text('{"calibration": 1, "start": 2, "scale": 3, "accounts": 5, "said": "ours"}')
    result = run(trace, "--policy", policy, "--calibration", path)
    assert "a score of 60 takes 22.7 nats of evidence (calibration: ours)" in result.stdout


def test_the_shipped_policy_holds_where_none_is_given(trace: Path) -> None:
    assert "policy default" in run(trace).stdout


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["nowhere.jsonl"], "nowhere.jsonl: cannot be read"),
        (["{trace}", "--policy", "nowhere.yaml"], "nowhere.yaml: cannot be read"),
        (["{trace}", "--calibration", "nowhere.json"], "nowhere.json: cannot be read"),
        (["{trace}", "--json", "{folder}/no/such/file"], "cannot write"),
        (["{trace}", "--picture", "{folder}/no/such/file"], "cannot write"),
        (["{policy}"], r"holds no exchange; line 1 is not JSON"),
    ],
)
def test_what_is_wrong_is_the_operators_error(tmp_path: Path, trace: Path, policy: Path, args: list[str], said: str) -> None:
    given = [arg.format(trace=trace, policy=policy, folder=tmp_path) for arg in args]
    result = run(*given)
    assert isinstance(result.exception, ConfigError)
    assert said in str(result.exception)
    assert result.exception.exit_code == 2


@pytest.mark.parametrize("flag", ["--json", "--picture"])
def test_the_trace_is_never_written_over(trace: Path, policy: Path, flag: str) -> None:
    before = trace.read_bytes()
    result = run(trace, "--policy", policy, flag, trace.parent / "." / trace.name)
    assert "is the trace itself" in str(result.exception)
    assert trace.read_bytes() == before


def test_help_says_what_is_not_counted() -> None:
    result = run("--help")
    assert "Quotas are not counted" in " ".join(result.output.split())


def test_errors_are_one_line_and_exit_code_2(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "proxy", "replay", str(tmp_path / "nowhere")], capture_output=True, text=True, check=False
    )  # fmt: skip
    assert ran.returncode == 2
    assert ran.stderr.count("\n") == 1
    assert ran.stderr.startswith("stillgate: ")
