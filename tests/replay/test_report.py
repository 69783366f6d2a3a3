"""A replay in words."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from proxy.core.ladder import Rung
from proxy.core.rules import Rule
from proxy.core.sanctions.throttle import Throttle
from proxy.replay import report
from proxy.replay.play import Played, play
from proxy.replay.report import counted, share, shown
from proxy.replay.run import Replay
from proxy.replay.trace import Trace
from tests.support.traces import Told, recorded, risky, written

SHADOW = {Rung.THROTTLED: Rule((Throttle(0.5),), enforce=False)}


def played(path: Path, **parts: Any) -> Played:
    lines: list[Any] = [recorded(name, number * 60.0) for number in range(8) for name in ("ann", "bob", "cy", "eve")]
    lines += [b"{", recorded(dialect="smoke"), b"{"]
    with Trace(written(path / "trace.jsonl", lines)) as trace:
        return play(trace, [Replay(risky(**parts), Told({"ann": 30.0, "bob": 30.0, "cy": 9.0}))])


def words(path: Path, **parts: Any) -> str:
    found = played(path, **parts)
    return "\n".join(report.words("trace.jsonl", found.tallies[0], found.faults))


def test_what_it_says(tmp_path: Path) -> None:
    said = words(tmp_path, rules=SHADOW, trusted=frozenset({"bob"}))
    for line in (
        "trace.jsonl: 35 lines, 4 accounts, 2026-09-07 00:00 UTC to 2026-09-07 00:07 UTC",
        "  2 lines (first: 33): is not JSON",
        "  1 line (first: 34): speaks a dialect that is not known",
        "  1 exchange came before one of an earlier line",
        "policy test, digest 0123456789ab, mode enforce",
        "a score of 60 takes 7.2 nats of evidence (calibration: shipped)",
        "    throttled     slowed                     1          1        0          3",
        "    blocked       refused                    2          0        1          9",
        "restricted: 1 of 4 accounts (25.00 %), 6 of 33 requests (18.18 %)",
        "on the trusted list, and else restricted: 1 account: bob",
        "a score above zero: 3 of 4 accounts (75.00 %)",
        "    60 or more: 3; of honest accounts at most 1 in 1,000, here 0.0",
        "1 campaign at the end",
        "    c1: score 77.0, since 2026-09-07 00:00 UTC, 12 exchanges, 345 output tokens: "
        "3 accounts act as one: they work through one list",
        "    ann: 99.0, blocked: asked 4 times",
        "    bob: 99.0, blocked, but for the trusted list: asked 4 times",
        "    cy: 63.0, throttled in shadow: asked 7 times",
    ):
        assert line in said.splitlines()


def test_the_same_replay_is_told_in_the_same_words(tmp_path: Path) -> None:
    assert words(tmp_path) == words(tmp_path)


def test_a_policy_without_risk_is_told_so(tmp_path: Path) -> None:
    assert "its risk is off: nothing is observed and nothing is scored" in words(tmp_path, risk=replace(risky().risk, on=False))


def test_a_trace_without_an_exchange(tmp_path: Path) -> None:
    with Trace(written(tmp_path / "trace.jsonl", [b"", b"{"])) as trace:
        found = play(trace, [Replay(risky(), Told({}))])
    said = list(report.words("x", found.tallies[0], found.faults))
    assert said[:2] == ["x: no exchange in 2 lines", "  2 lines (first: 1): is not JSON"]


def test_words() -> None:
    assert counted(1, "account") == "1 account"
    assert counted(2000, "account") == "2,000 accounts"
    assert share(0, 0, "account") == "0 of 0 accounts (0.00 %)"
    assert shown("a\x1b[2Jb\nc") == "a?[2Jb?c"
