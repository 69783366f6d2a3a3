"""`stillgate calibrate`: what it finds is said, warned of where it rests on little, and written so that replay can use it."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from proxy.cli import calibrate as module
from proxy.config import calibration_file
from proxy.core.risk import Calibration
from proxy.errors import ConfigError
from tests.support.traces import START, Told, recorded, written

FOUND = Calibration(1.5, 1.25, 900, "learned from two accounts")


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    return written(tmp_path / "trace.jsonl", [recorded("ann"), recorded("bob", 60.0), b"{", recorded("ann", 7200.0)])


@pytest.fixture(autouse=True)
def _told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "Analysis", lambda _: Told({"ann": 2.0, "bob": 3.0}))
    monkeypatch.setattr(module, "calibrated", lambda evidence: FOUND if evidence == (4.0, 3.0) else Calibration())


def run(*args: str | Path) -> Result:
    return CliRunner().invoke(module.command, [str(arg) for arg in args])


def test_what_it_found_is_said(trace: Path) -> None:
    result = run(trace)
    assert result.exit_code == 0, result.output
    assert "trace.jsonl: 4 lines, 2 accounts, 2026-09-07 00:00 UTC to 2026-09-07 02:00 UTC" in result.stdout
    assert "1 line (first: 3): is not JSON" in result.stdout
    assert "a score of 60 takes 10.1 nats here; the shipped one says 7.2" in result.stdout
    assert "note: 2h is short" in result.stdout
    assert "note: 900 accounts are few" in result.stdout


def test_it_is_written_and_can_be_read(trace: Path, tmp_path: Path) -> None:
    out = tmp_path / "calibration.json"
    assert run(trace, "--out", out).exit_code == 0
    assert calibration_file.load(out) == FOUND
    learned = calibration_file.read(out.read_text(), "x")
    assert (learned.exchanges, learned.first, learned.last) == (3, START, START + 7200.0)
    assert len(learned.policy) == 12


def test_the_same_trace_gives_the_same_file(trace: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        run(trace, "--out", tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_no_note_where_there_is_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "calibrated", lambda _: Calibration(1.0, 1.0, 5000, "x"))
    assert "note:" not in run(written(tmp_path / "long.jsonl", [recorded("ann"), recorded("ann", 4 * 86400.0)])).stdout


def test_the_trace_is_never_written_over(trace: Path) -> None:
    assert "is the trace itself" in str(run(trace, "--out", trace).exception)


def test_from_nothing_nothing_is_learned(tmp_path: Path) -> None:
    result = run(written(tmp_path / "empty.jsonl", [b"{"]))
    assert isinstance(result.exception, ConfigError)
    assert "no account in it shows enough to learn from" in str(result.exception)
