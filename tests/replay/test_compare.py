"""Two policies side by side."""

from pathlib import Path

from proxy.replay.compare import Difference
from proxy.replay.play import play
from proxy.replay.run import Replay
from proxy.replay.trace import Trace
from tests.support.traces import Told, recorded, risky, written


def difference(path: Path, one: dict[str, float], other: dict[str, float]) -> Difference:
    lines = [recorded(name, number * 60.0) for number in range(8) for name in ("ann", "bob", "cy")]
    with Trace(written(path / "trace.jsonl", lines)) as trace:
        replays = [Replay(risky(), Told(one)), Replay(risky(digest="ba9876543210"), Told(other))]
        found = play(trace, replays).difference
    assert found is not None
    return found


def test_what_differs_is_told(tmp_path: Path) -> None:
    said = list(difference(tmp_path, {"ann": 30.0, "bob": 30.0}, {"bob": 15.0, "cy": 40.0}).words())
    assert said[0].split() == ["side", "by", "side", "test", "012345", "test", "ba9876"]
    assert "    accounts restricted                                        2                       2" in said
    assert "    requests restricted                                       12                      10" in said
    assert "decided otherwise: 18 requests of 3 accounts" in said
    assert "restricted by test 012345 only: 1 account: ann (line 7)" in said
    assert "restricted by test ba9876 only: 1 account: cy (line 6)" in said
    assert "restricted by both: 1 account; 1 sooner by the first, 0 by the second" in said


def test_a_policy_does_not_differ_from_itself(tmp_path: Path) -> None:
    found = difference(tmp_path, {"ann": 30.0}, {"ann": 30.0})
    assert (found.requests, found.where) == (0, {})
    assert not any("only" in line for line in found.words())
