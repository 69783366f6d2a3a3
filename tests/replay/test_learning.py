"""A trace that is learned from and not decided."""

from pathlib import Path
from typing import Any

from proxy.replay.learning import learned
from proxy.replay.trace import Trace
from tests.support.traces import START, Told, recorded, written


def test_everything_readable_is_learned_and_the_end_is_looked_at(tmp_path: Path) -> None:
    looked: list[float] = []

    class Pupil(Told):
        def look(self, at: float) -> tuple[str, ...]:
            looked.append(at)
            return ()

    pupil = Pupil({"ann": 2.0, "bob": 3.0})
    lines: list[dict[str, Any] | bytes] = [
        recorded("ann"),
        b"{",
        recorded("bob", 60.0),
        recorded("cy", 90.0, dialect="smoke"),
        recorded("ann", 120.0),
    ]
    told: list[int] = []
    with Trace(written(tmp_path / "trace.jsonl", lines)) as trace:
        lesson = learned(trace, pupil, told.append)
    assert lesson.evidence == (4.0, 3.0)
    assert (lesson.accounts, lesson.exchanges, lesson.faults.lines) == (3, 3, 5)
    assert looked == [START + 120.0]
    assert told


def test_of_nothing_nothing_is_learned(tmp_path: Path) -> None:
    with Trace(written(tmp_path / "trace.jsonl", [b"{"])) as trace:
        assert learned(trace, Told({})).evidence == ()
