"""The picture: whole XML whatever accounts are called, the same bytes each time, and what it shows is what was counted."""

import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from proxy.core.ladder import Rung
from proxy.core.rules import Rule
from proxy.core.sanctions.block import Block
from proxy.replay import picture, svg
from proxy.replay.play import Played, play
from proxy.replay.run import Replay
from proxy.replay.trace import Trace
from tests.support.traces import Told, recorded, risky, written

SVG = "{http://www.w3.org/2000/svg}"


def played(path: Path, *policies: dict[str, Any]) -> Played:
    lines = [recorded(name, number * 3600.0) for number in range(12) for name in ("ann", "bob", "cy")]
    with Trace(written(path / "trace.jsonl", lines)) as trace:
        told = {"ann": 30.0, "bob": 30.0, "cy": 4.0}
        return play(trace, [Replay(risky(**parts), Told(told)) for parts in policies or ({},)])


def texts(drawing: str) -> list[str]:
    return [found.text or "" for found in ET.fromstring(drawing).iter(f"{SVG}text")]


def test_what_it_shows(tmp_path: Path) -> None:
    found = played(tmp_path, {"trusted": frozenset({"bob"})})
    drawing = picture.drawn("trace.jsonl", found.tallies, found.faults)
    said = texts(drawing)
    assert said[0] == "Replay of trace.jsonl"
    assert "policy test, digest 0123456789ab, mode enforce; restricted: 1 of 3 accounts (33.33 %), 10 of 36 requests (27.78 %)" in said
    assert "1, 1 trusted" in said
    assert "95 blocked" in said
    assert "2 at 77" in said
    assert "2 accounts blocked at 95 to 100, 2026-09-07" in drawing


def test_shadow_is_pale(tmp_path: Path) -> None:
    found = played(tmp_path, {"rules": {Rung.BLOCKED: Rule((Block(),), enforce=False)}})
    assert "0, 2 in shadow" in texts(picture.drawn("x", found.tallies, found.faults))


def test_the_same_bytes_each_time(tmp_path: Path) -> None:
    one, other = (picture.drawn("x", found.tallies, found.faults) for found in (played(tmp_path), played(tmp_path)))
    assert one == other


def test_two_policies_stand_below_each_other(tmp_path: Path) -> None:
    one, both = played(tmp_path), played(tmp_path, {}, {"digest": "ba9876543210"})
    single, double = (float(re.findall(r'height="(\d+)"', picture.drawn("x", found.tallies, found.faults))[0]) for found in (one, both))
    assert double > 1.8 * single
    assert sum("digest" in text for text in texts(picture.drawn("x", both.tallies, both.faults))) == 2


def test_nothing_is_drawn_outside(tmp_path: Path) -> None:
    found = played(tmp_path)
    whole = ET.fromstring(picture.drawn("x", found.tallies, found.faults))
    width, height = float(whole.attrib["width"]), float(whole.attrib["height"])
    for shape in whole.iter(f"{SVG}rect"):
        x, y, wide, high = (float(shape.attrib[name]) for name in ("x", "y", "width", "height"))
        assert x >= 0
        assert y >= 0
        assert x + wide <= width
        assert y + high <= height
    for shape in whole.iter(f"{SVG}polygon"):
        points = re.findall(r"([\d.-]+),([\d.-]+)", shape.attrib["points"])
        assert all(0 <= float(x) <= width and 0 <= float(y) <= height for x, y in points)


def test_an_empty_replay_is_a_picture_too(tmp_path: Path) -> None:
    with Trace(written(tmp_path / "trace.jsonl", [b"{"])) as trace:
        found = play(trace, [Replay(risky(), Told({}))])
    assert "none" in texts(picture.drawn("x", found.tallies, found.faults))


@given(st.text())
def test_a_name_cannot_break_out(name: str) -> None:
    whole = ET.fromstring(svg.document(10, 10, name, [svg.text(0, 0, name), svg.box(0, 0, 1, 1, "#fff", said=name)]))
    assert {found.tag for found in whole.iter()} <= {f"{SVG}{tag}" for tag in ("svg", "title", "text", "rect")}


def test_a_policy_may_be_called_anything(tmp_path: Path) -> None:
    found = played(tmp_path)
    hostile = replace(found.tallies[0].policy, name="</text><script>&\x00")
    found.tallies[0].policy = hostile
    assert any("</text><script>&?" in text for text in texts(picture.drawn("a\x07<b>", found.tallies, found.faults)))
