"""Observations as bytes: there and back, torn or foreign bytes are refused, and what is added later harms nobody."""

import contextlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.learning import codec
from proxy.learning.observation import Bias, Observation

words = st.text(st.characters(codec="utf-8"), max_size=12)
hashes = st.integers(0, 2**64 - 1)
counts = st.integers(0, 10**15)
observations = st.builds(
    Observation,
    at=st.floats(0, 1e10), request=words, account=words.filter(bool), organization=words.filter(bool), tier=words, verified=st.booleans(),
    programme=words, created=st.none() | st.floats(0, 1e10), payment=hashes, address=hashes, software=hashes, dialect=words, model=words,
    status=st.integers(100, 599), opening=st.booleans(), sketch=st.lists(st.integers(0, 2**32 - 1), max_size=16).map(tuple),
    conversation=hashes, turns=counts, instructions=hashes, toolkit=hashes, parameters=hashes, forced=st.booleans(), cap=counts,
    input=counts, output=counts,
    reasoning=counts, bias=st.none() | st.builds(Bias, counts, counts, counts), logprobs=st.booleans(), foreign=counts,
)  # fmt: skip


@given(observations)
def test_there_and_back(seen):
    data = codec.encode(seen)
    assert len(data) <= codec.MOST
    assert codec.decode(data) == seen
    assert codec.read(codec.write(seen)) == seen


def test_the_record_is_the_observation():
    """A field that is added to one is added to the other, in its place."""
    assert tuple(Observation.__dataclass_fields__) == codec._FIELDS


@given(observations, st.data())
def test_torn_bytes_are_refused(seen, data):
    whole = codec.encode(seen)
    cut = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(ValueError, match="not an observation"):
        codec.decode(whole[:cut])


@given(st.binary(max_size=80))
def test_whatever_comes_is_decoded_or_refused(data):
    with contextlib.suppress(ValueError):
        assert isinstance(codec.decode(data), Observation)


@pytest.mark.parametrize("text", ["", "?", "AAA", "é", "\ud800", "kQ=="])
def test_what_is_not_base64_of_one_is_refused(text):
    with pytest.raises(ValueError, match=r"base64|observation|ASCII"):
        codec.read(text)


def test_fields_come_and_go_at_the_end():
    seen = Observation(1.0, "r", "ann", "ann", foreign=3)
    array = msgspec.msgpack.decode(codec.encode(seen))
    assert codec.decode(msgspec.msgpack.encode([*array, "new"])) == seen
    assert codec.decode(msgspec.msgpack.encode(array[:-1])) == Observation(1.0, "r", "ann", "ann")
    assert codec.decode(msgspec.msgpack.encode([1, 1.0, "r", "ann"])) == Observation(1.0, "r", "ann", "ann")
    with pytest.raises(ValueError, match="version 2"):
        codec.decode(msgspec.msgpack.encode([2, *array[1:]]))
    with pytest.raises(ValueError, match="not an observation"):
        codec.decode(msgspec.msgpack.encode([1, 1.0, "r"]))


def test_names_that_are_too_long_are_refused():
    with pytest.raises(ValueError, match="bytes"):
        codec.encode(Observation(1.0, "r", "a" * 1400, "a" * 1400))
