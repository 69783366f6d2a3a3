"""The steps that dialects share, one by one."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.shaping import EFFORTS, Plan
from proxy.shaping.edit import Object, opened, written
from proxy.shaping.requests import members

values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3), lambda inner: st.dictionaries(st.sampled_from("ab"), inner)
)


def of(value: dict[str, Any]) -> Object:
    return opened(json.dumps(value).encode())


@given(value=st.dictionaries(st.sampled_from("ab"), values), path=st.lists(st.sampled_from("ab"), min_size=1, max_size=3))
def test_a_value_is_put_where_there_is_room_and_twice_is_once(value, path):
    found = of(value)
    members.put(found, path, "new")
    once = written(found)
    members.put(found, path, "new")
    assert written(found) == once
    inner = json.loads(once)
    for name in path:
        if not isinstance(inner, dict):
            assert json.loads(once) == value, "something else stood in the way"
            return
        inner = inner.get(name)
    assert inner == "new" or json.loads(once) == value


@given(level=st.sampled_from(EFFORTS), asked=st.sampled_from([*EFFORTS, "ultra", None, 7]))
def test_an_effort_is_at_most_the_level(level, asked):
    found = of({"effort": asked})
    said = members.lower_effort(found, "effort", level)
    after = json.loads(written(found))["effort"]
    assert said == isinstance(asked, str)
    assert after == asked if not said else EFFORTS.index(after) <= EFFORTS.index(level)


@pytest.mark.parametrize(
    ("value", "most", "after"), [(5, 3, 3), (2, 3, 2), (-1, 3, 3), (True, 0, True), (2.5, 0, 2.5), ("9", 0, "9"), (None, 0, None)]
)
def test_only_whole_numbers_are_lowered(value, most, after):
    found = of({"x": value})
    members.lower(found, "x", most)
    assert json.loads(written(found))["x"] == after


def test_what_is_said_already_keeps_its_bytes():
    found = opened(b'{"model":"\\u0061"}')
    members.set_model(found, Plan(model="a"))
    assert written(found) == b'{"model":"\\u0061"}'


@pytest.mark.parametrize(("text", "after"), [("", "b"), ("a", "a\n\nb"), ("b", "b"), ("a\n\nb", "a\n\nb"), ("ab", "ab\n\nb")])
def test_a_text_is_appended_once(text, after):
    assert members.appended(text, "b") == after
