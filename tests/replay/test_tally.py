"""Figures by account: in earnest, in shadow, on the trusted list."""

from pathlib import Path
from typing import Any

from proxy.core.enforcement import Reason
from proxy.core.ladder import Rung
from proxy.core.logits import LogitGuard
from proxy.core.rules import Rule
from proxy.core.sanctions.throttle import Throttle
from proxy.replay.play import play
from proxy.replay.run import Replay
from proxy.replay.tally import MOST_KINDS, OTHERS, Faults, Tally
from proxy.replay.trace import Trace
from tests.support.traces import START, Told, recorded, risky, written


def tally(path: Path, points: dict[str, float], times: int = 8, **parts: Any) -> Tally:
    lines = [recorded(name, number * 60.0, f"asks {number}") for number in range(times) for name in (*points, "eve")]
    with Trace(written(path / "trace.jsonl", lines)) as trace:
        return play(trace, [Replay(risky(**parts), Told(points))]).tallies[0]


def test_who_was_hit_and_when(tmp_path: Path) -> None:
    found = tally(tmp_path, {"ann": 30.0, "bob": 5.0})
    assert found.hit == {"ann"}
    assert (found.requests, found.restricted) == (24, 6)
    ann, bob = found.fates["ann"], found.fates["bob"]
    assert (ann.earned, ann.done, ann.score, ann.first, ann.campaign) == (Rung.BLOCKED, Rung.BLOCKED, 99.0, START + 120.0, "c1")
    assert ann.because == "asked 4 times", "where the score was first that high"
    assert (bob.earned, bob.done, bob.score, bob.first) == (Rung.CLEAR, Rung.CLEAR, 35.0, None)
    assert found.at_rung == {Rung.CLEAR: 18, Rung.THROTTLED: 1, Rung.DEGRADED: 1, Rung.BLOCKED: 4}


def test_shadow_and_the_trusted_list_are_counted_apart(tmp_path: Path) -> None:
    shadow = {Rung.THROTTLED: Rule((Throttle(0.5),), enforce=False)}
    found = tally(tmp_path, {"ann": 9.0, "bob": 9.0}, rules=shadow, trusted=frozenset({"bob"}))
    assert found.hit == frozenset()
    assert [(fate.earned, fate.done, fate.trusted) for fate in found.earned(Rung.THROTTLED)] == [
        (Rung.THROTTLED, Rung.WATCH, False), (Rung.THROTTLED, Rung.CLEAR, True),
    ]  # fmt: skip


def test_requests_that_are_refused_for_what_they_ask(tmp_path: Path) -> None:
    guard = LogitGuard(never_together=frozenset({"logit_bias", "logprobs"}))
    request = {"model": "demo-small", "messages": [], "logprobs": True, "logit_bias": {"5": 100}}
    with Trace(written(tmp_path / "trace.jsonl", [recorded(request=request)] * 3)) as trace:
        found = play(trace, [Replay(risky(logit_guard=guard), Told({}))]).tallies[0]
    assert found.own == {Reason.GUARD: 3}
    assert found.hit == frozenset()


def test_faults_are_counted_by_kind_with_the_first_line() -> None:
    faults = Faults()
    for index, (why, at) in enumerate((("", 5.0), ("is odd", None), ("", 3.0), ("is odd", 9.0))):
        faults.note(index, why, at)
    assert (faults.lines, faults.kinds, faults.where) == (4, {"is odd": 2}, {"is odd": 2})
    assert (faults.first, faults.last, faults.seconds, faults.disordered) == (3.0, 9.0, 6.0, 1)


def test_no_trace_makes_kinds_without_end() -> None:
    faults = Faults()
    for index in range(500):
        faults.note(index, f"is wrong {index}", None)
    assert len(faults.kinds) == MOST_KINDS + 1
    assert faults.kinds[OTHERS] == 500 - MOST_KINDS
