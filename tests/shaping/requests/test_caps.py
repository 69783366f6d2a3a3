"""Caps, each choice's and all choices' together."""

import json

from hypothesis import given
from hypothesis import strategies as st

from proxy.core.shaping import Knobs, Plan
from proxy.shaping.edit import opened, written
from proxy.shaping.requests import caps

counts = st.none() | st.integers(0, 50)


@given(most=st.integers(1, 200), prompts=st.integers(1, 5), n=counts, best_of=counts)
def test_all_choices_together_keep_to_the_cap_and_each_has_a_token(most, prompts, n, best_of):
    found = opened(json.dumps({name: value for name, value in (("n", n), ("best_of", best_of)) if value is not None}).encode())
    each = caps.each(found, most, prompts)
    after = json.loads(written(found))
    choices = prompts * max(1, after.get("n", 1), after.get("best_of", 1))
    assert each >= 1
    assert each * choices <= max(most, prompts)
    assert all(after[name] <= value for name, value in (("n", n), ("best_of", best_of)) if value is not None)


@given(
    most=st.integers(1, 9),
    asked=st.lists(st.sampled_from(["a", "b", "c"]), unique=True),
    known=st.frozensets(st.sampled_from(["a", "b", "c"])),
)
def test_every_cap_is_lowered_and_at_most_one_is_added(most, asked, known):
    found = opened(json.dumps(dict.fromkeys(asked, 5)).encode())
    caps.cap(found, ("a", "b", "c"), most, Plan(knobs=Knobs(known)))
    after = json.loads(written(found))
    assert {name: value for name, value in after.items() if name in asked} == dict.fromkeys(asked, min(5, most))
    new = [name for name in after if name not in asked]
    assert new == ([] if asked or not known else [min(known)])
