"""The contract of every sanction in the catalogue: a new one is held to it by its line there."""

import inspect
import json
import sys
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.config import measures
from proxy.core import sanctions
from proxy.core.sanctions import CATALOGUE, FallbackModel, Instruct, Logprobs, Reasoning, Throttle, Verify
from proxy.core.sanctions.base import Sanction
from proxy.core.shaping import NO_LOGPROBS, Plan, Show
from proxy.core.shaping import Logprobs as Shown
from proxy.core.shaping import Reasoning as Wanted
from proxy.core.terms import Grace, Terms
from tests.support.sanctions import WORDS, accepts, of, values

ROOM = Path(sanctions.__file__).parent
KINDS = [pytest.param(kind, id=name) for name, kind in CATALOGUE.items()]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
NEAR = st.sampled_from([
    "50%", "0%", "101%", "2s", "-1s", "1e9s", "keep", "keep x tokens", "keep 0 tokens", "top", "top -1", "effort", "rewrite", "omit all",
    "none none", "²", "9" * 5000, "nan", "inf", "\x00", " ", "a\nb", True, False, 0, -1, 10**30,
])  # fmt: skip
"""Nearly meant."""


def test_every_file_is_in_the_catalogue_and_is_called_as_its_sanction() -> None:
    files = {path.stem for path in ROOM.glob("*.py")} - {"__init__", "base"}
    assert files == set(CATALOGUE)
    assert {name: kind.__module__.rpartition(".")[2] for name, kind in CATALOGUE.items()} == {name: name for name in CATALOGUE}


@pytest.mark.parametrize("kind", KINDS)
class TestEverySanction:
    def test_it_is_a_frozen_record_that_says_what_it_is(self, kind: type[Sanction]) -> None:
        assert is_dataclass(kind)
        assert kind.__dataclass_params__.frozen  # type: ignore[attr-defined]  # what dataclasses say of themselves
        assert inspect.getdoc(sys.modules[kind.__module__])
        assert inspect.getdoc(kind)
        assert hash(kind()) == hash(kind())

    def test_its_example_reads_and_demands_something(self, kind: type[Sanction]) -> None:
        read = kind.read(kind.example, measures)
        assert read == kind.read(kind.example, measures)
        assert read.terms() != Terms()

    def test_a_measure_is_a_plain_sentence(self, kind: type[Sanction]) -> None:
        said = kind.read(kind.example, measures).measure()
        assert said.isprintable()
        assert said[0].islower()
        assert said[-1] not in ".;: "
        assert 3 <= len(said.split()) <= 20
        assert not set(said) & set("{}[]<>_`")

    def test_its_shape_is_json_schema_and_takes_the_example(self, kind: type[Sanction]) -> None:
        assert json.loads(json.dumps(kind.shape)) == kind.shape
        assert {word for part in schemas(kind.shape) for word in part} <= WORDS
        assert accepts(kind.shape, kind.example)

    def test_what_its_shape_shows_as_an_example_reads(self, kind: type[Sanction]) -> None:
        for part in schemas(kind.shape):
            for value in part.get("examples", ()):
                assert kind.read(value, measures)
                assert accepts(kind.shape, value)

    def test_what_its_shape_forbids_is_not_read(self, kind: type[Sanction]) -> None:
        for value in (None, [], ["x"], {"unheard_of": 1}):
            assert not accepts(kind.shape, value)
            with pytest.raises(ValueError, match=r"\w"):
                kind.read(value, measures)

    @given(data=st.data())
    def test_anything_is_a_sanction_or_a_value_error_in_plain_words(self, kind: type[Sanction], data: st.DataObject) -> None:
        keys = [name for part in schemas(kind.shape) for name in part.get("properties", ())]
        near = NEAR | values(kind.shape)
        value = data.draw(JSON | near | st.dictionaries(st.sampled_from(keys or ["x"]), near | JSON, max_size=2))
        try:
            read = kind.read(value, measures)
        except ValueError as error:
            assert 0 < len(str(error)) < 400
        else:
            assert isinstance(read, kind)
            assert isinstance(read.terms(), Terms)
            assert read.measure()

    @given(data=st.data())
    def test_what_differs_demands_something_else_or_nothing(self, kind: type[Sanction], data: st.DataObject) -> None:
        """Nothing of what a policy says is lost between its words and its terms."""
        one, other = data.draw(of(kind.name)), data.draw(of(kind.name))
        assert (one == other) == (one.terms() == other.terms())


def schemas(shape: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A shape and all that stand in it."""
    yield shape
    for inner in (*shape.get("anyOf", ()), *shape.get("properties", {}).values()):
        yield from schemas(inner)


def test_no_two_sanctions_demand_the_same_member() -> None:
    """A sanction can be read, and deleted, alone."""
    touched: dict[str, str] = {}
    for name, kind in CATALOGUE.items():
        terms = kind.read(kind.example, measures).terms()
        for member in (*changed(terms, Terms()), *(f"plan.{each}" for each in changed(terms.plan, Plan()))):
            if member != "plan":
                assert touched.setdefault(member, name) == name, f"{name} and {touched[member]} both demand {member}"


def changed(one: Any, other: Any) -> list[str]:
    return [field.name for field in fields(one) if getattr(one, field.name) != getattr(other, field.name)]


@pytest.mark.parametrize(
    ("name", "value", "terms"),
    [
        ("throttle", "50%", Terms(share=0.5)),
        ("throttle", 0.25, Terms(share=0.25)),
        ("throttle", {"share": "50%", "pace": 20}, Terms(share=0.5, pace=20.0)),
        ("throttle", {"pace": "20 tokens/s"}, Terms(pace=20.0)),
        ("delay", "500ms", Terms(delay=0.5)),
        ("verify", True, Terms(verify=Grace())),
        ("verify", {"grace": "1h", "exchanges": 200}, Terms(verify=Grace(3600.0, 200))),
        ("reasoning", "OMIT", Terms(Plan(reasoning=Wanted(Show.OMIT)))),
        ("reasoning", "keep 200 tokens", Terms(Plan(reasoning=Wanted(Show.KEEP, keep=200)))),
        ("reasoning", "rewrite Qwen/Small-1", Terms(Plan(reasoning=Wanted(Show.REWRITE, via="Qwen/Small-1")))),
        ("reasoning", {"show": "omit", "effort": "low"}, Terms(Plan(reasoning=Wanted(Show.OMIT, effort="low")))),
        ("reasoning", "effort minimal", Terms(Plan(reasoning=Wanted(effort="minimal")))),
        ("logprobs", "none", Terms(Plan(logprobs=Shown(NO_LOGPROBS)))),
        ("logprobs", "top 5", Terms(Plan(logprobs=Shown(5)))),
        ("logprobs", "round", Terms(Plan(logprobs=Shown(None, 2)))),
        ("cap_output", "1000", Terms(Plan(output_cap=1000))),
        ("single_choice", True, Terms(Plan(single_choice=True))),
        ("fallback_model", " small-1 ", Terms(Plan(model="small-1"))),
        ("instruct", "Answers only.", Terms(Plan(instruct=("Answers only.",)))),
        ("block", True, Terms(block=True)),
    ],
)
def test_what_the_words_demand(name: str, value: object, terms: Terms) -> None:
    assert CATALOGUE[name].read(value, measures).terms() == terms


@pytest.mark.parametrize(
    ("kind", "value", "said"),
    [
        (Throttle, "0%", "a share is more than 0% (that would be block)"),
        (Throttle, {"shares": 1}, "unknown key 'shares'; known are pace, share"),
        (Throttle, {"pace": 0}, "from 0.1"),
        (Verify, {"exchanges": 3}, "'exchanges' needs 'grace'"),
        (Reasoning, "keep 0 tokens", "a whole number from 1"),
        (Reasoning, "effort lowest", "an effort is one of none, minimal, low"),
        (Reasoning, "omitted", "it is written like reasoning: omit"),
        (Logprobs, "top 21", "a whole number from 0 to 20"),
        (FallbackModel, "a\nb", "the name of a model"),
        (Instruct, "x" * 4001, "at most 4000 characters"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_words(kind: type[Sanction], value: object, said: str) -> None:
    with pytest.raises(ValueError, match=r"\w") as error:
        kind.read(value, measures)
    assert said in str(error.value)
