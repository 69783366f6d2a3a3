"""Log probabilities: none, fewer, rounded; nothing else of them changes."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.shaping import NO_LOGPROBS, Logprobs
from proxy.shaping.distribution import Distribution
from proxy.shaping.edit import Raw

numbers = st.one_of(st.floats(-30, 0), st.sampled_from([-9999.0, 0, -1]))


@st.composite
def tokens(draw):
    def one(**more):
        return {"token": draw(st.sampled_from("ab")), "logprob": draw(numbers), "bytes": [97], **more}

    return [one(top_logprobs=[one() for _ in range(draw(st.integers(0, 4)))]) for _ in range(draw(st.integers(0, 3)))]


wishes = st.builds(Logprobs, st.sampled_from([None, 0, 1, 3]), st.sampled_from([None, 0, 2]))


def shaped(method, value):
    return json.loads(bytes(method(Raw(json.dumps(value).encode()))))


@given(tokens(), wishes)
def test_the_likeliest_stay_rounded_and_in_order(found, wanted):
    out = shaped(Distribution(wanted).tokens, found)
    assert len(out) == len(found)
    for new, old in zip(out, found, strict=True):
        assert new["token"] == old["token"]
        most = len(old["top_logprobs"]) if wanted.most is None else wanted.most
        kept = sorted((each["logprob"] for each in old["top_logprobs"]), reverse=True)[:most]
        assert sorted((each["logprob"] for each in new["top_logprobs"]), reverse=True) == [rounded(each, wanted) for each in kept]
        assert new["logprob"] == rounded(old["logprob"], wanted)


def rounded(number, wanted):
    return number if wanted.decimals is None or number <= -9000 else round(number, wanted.decimals)


@given(tokens(), wishes)
def test_twice_is_once(found, wanted):
    once = Distribution(wanted).tokens(Raw(json.dumps(found).encode()))
    assert bytes(Distribution(wanted).tokens(once)) == bytes(once)


@given(tokens())
def test_an_empty_wish_changes_nothing(found):
    raw = Raw(json.dumps({"content": found}).encode())
    for method in (Distribution(Logprobs()).of_choice, Distribution(Logprobs(most=20)).of_choice):
        assert method(raw) is raw


def test_none_is_null_or_an_empty_list():
    none = Distribution(Logprobs(NO_LOGPROBS))
    assert shaped(none.of_choice, {"content": []}) is None
    assert shaped(none.prompt, [None]) is None
    assert shaped(none.tokens, [1]) == []
    assert shaped(none.tokens, None) is None


def test_columns_of_completions():
    found = {
        "tokens": ["a", "b"], "token_logprobs": [None, -0.1234], "text_offset": [0, 1],
        "top_logprobs": [None, {"a": -3.14159, "b": -0.1234, "c": -9999.0}],
    }  # fmt: skip
    assert shaped(Distribution(Logprobs(1, 2)).of_choice, found) == {
        "tokens": ["a", "b"], "token_logprobs": [None, -0.12], "text_offset": [0, 1], "top_logprobs": [None, {"b": -0.12}],
    }  # fmt: skip


def test_the_prompts():
    found = [None, {"5": {"logprob": -7.777, "rank": 900}, "1": {"logprob": -0.123, "rank": 1}, "2": {"logprob": -0.2}}, {}]
    assert shaped(Distribution(Logprobs(1, 1)).prompt, found) == [
        None,
        {"5": {"logprob": -7.8, "rank": 900}, "1": {"logprob": -0.1, "rank": 1}},
        {},
    ]


@pytest.mark.parametrize("odd", [5, "x", [5, "x", None], {"content": 5}, {"content": [{"top_logprobs": 5, "logprob": "x"}]}])
def test_what_is_not_understood_is_not_shown(odd):
    distribution = Distribution(Logprobs(1, 1))
    out = json.dumps([shaped(method, odd) for method in (distribution.of_choice, distribution.tokens, distribution.prompt)])
    assert "5" not in out


def test_what_cannot_be_read_is_not_shown():
    distribution = Distribution(Logprobs(1, 1))
    assert bytes(distribution.of_choice(Raw(b'{"content":"\xff"}'))) == b"null"
    assert bytes(distribution.tokens(Raw(b'["\xff"]'))) == b"[]"


def test_a_column_of_something_else_is_not_shown():
    assert shaped(Distribution(Logprobs(1)).of_choice, {"top_logprobs": [5, {"a": -1.0}], "token_logprobs": "x"}) == {
        "top_logprobs": [None, {"a": -1.0}], "token_logprobs": None,
    }  # fmt: skip
