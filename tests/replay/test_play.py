"""A whole replay: lines in, decision lines out, the same bytes each time."""

import io
import json
from pathlib import Path

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from proxy.replay.play import Played, play
from proxy.replay.run import Replay
from proxy.replay.trace import Trace
from tests.support.traces import Told, recorded, risky, sketched, written

SCORES = {"ann": 30.0, "bob": 9.0}


def played(path: Path, *more: dict[str, float]) -> tuple[bytes, Played]:
    sink = io.BytesIO()
    with Trace(path) as trace:
        found = play(trace, [Replay(risky(), Told(points)) for points in (SCORES, *more)], sink)
    return sink.getvalue(), found


def talk(times: int) -> list[dict[str, object]]:
    return [recorded("ann" if number % 3 else "bob", number * 60.0, f"asks {number}") for number in range(times)]


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.binary(max_size=30).map(lambda raw: raw.replace(b"\n", b"")) | st.builds(recorded, st.text(max_size=3)), max_size=6))
@example([b"", recorded("a\nb"), b"{"])
def test_as_many_lines_out_as_in(tmp_path: Path, lines: list[bytes | dict[str, object]]) -> None:
    out, found = played(written(tmp_path / "trace.gz", lines))
    decisions = [json.loads(line) for line in out.splitlines()]
    assert [each["index"] for each in decisions] == list(range(len(lines))) == list(range(found.faults.lines))
    for line, each in zip(lines, decisions, strict=True):
        assert list(each) == ["index", "account", "score", "action", "campaign"]
        assert isinstance(line, bytes) or each["account"] == line["account"]


def test_a_decision_line(tmp_path: Path) -> None:
    out, _ = played(written(tmp_path / "trace.jsonl", talk(7)))
    assert out.splitlines()[0] == b'{"index":0,"account":"bob","score":0.0,"action":"allow","campaign":null}'
    assert out.splitlines()[5] == b'{"index":5,"account":"ann","score":90.0,"action":"degrade","campaign":"c1"}'


def test_the_same_trace_gives_the_same_bytes_packed_or_not(tmp_path: Path) -> None:
    plain = played(written(tmp_path / "trace.jsonl", talk(40)))[0]
    assert plain == played(tmp_path / "trace.jsonl")[0]
    assert plain == played(written(tmp_path / "trace.jsonl.gz", talk(40)))[0]


def test_sketches_give_the_same_bytes_as_text(tmp_path: Path) -> None:
    lines = [line | {"id": str(index)} for index, line in enumerate(talk(40))]
    text = played(written(tmp_path / "text.jsonl", lines))[0]
    assert text == played(written(tmp_path / "sketches.jsonl", map(sketched, lines)))[0]


def test_a_file_that_breaks_off_is_told(tmp_path: Path) -> None:
    path = written(tmp_path / "trace.gz", talk(3))
    path.write_bytes(path.read_bytes()[:-8])
    _, found = played(path)
    assert found.faults.lines == 4
    assert any("breaks off" in why for why in found.faults.kinds)


def test_it_tells_how_far_it_is(tmp_path: Path) -> None:
    told: list[int] = []
    with Trace(written(tmp_path / "trace.jsonl", talk(600))) as trace:
        play(trace, [Replay(risky(), Told({}))], None, told.append)
        assert len(told) == 3
        assert told == sorted(told)
        assert told[-1] <= trace.size


def test_two_policies_are_laid_side_by_side(tmp_path: Path) -> None:
    path = written(tmp_path / "trace.jsonl", talk(9))
    alone, _ = played(path)
    out, found = played(path, {"bob": 40.0})
    assert out == alone, "another policy must not change what the first decides"
    assert found.difference is not None
    assert found.difference.where.keys() == {"ann", "bob"}
    assert found.tallies[0].hit == {"ann"}
    assert found.tallies[1].hit == {"bob"}
