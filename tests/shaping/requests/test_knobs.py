"""The table of knobs is what is looked at in requests, and nothing else."""

import ast
from pathlib import Path

import pytest

import proxy.shaping.requests.knobs as module
from proxy.dialects.openai_chat import CAPS
from proxy.shaping.requests.knobs import KNOBS

USED = {
    node.value
    for path in Path(module.__file__).parent.glob("*.py")
    if path.name != "knobs.py"
    for node in ast.walk(ast.parse(path.read_text()))
    if isinstance(node, ast.Constant) and isinstance(node.value, str)
}


@pytest.mark.parametrize("name", KNOBS)
def test_a_knob_says_where_it_stands_what_it_does_and_who_says_so(name):
    knob = KNOBS[name]
    assert knob.dialects
    assert name.removeprefix("thinking_") in knob.parameter
    assert knob.does
    assert knob.source


@pytest.mark.parametrize("name", sorted(KNOBS.keys() - {"include_reasoning"}))
def test_a_knob_is_looked_at(name):
    """`include_reasoning` stands in the table to say that nothing is done with it."""
    assert name in USED | set(CAPS)
