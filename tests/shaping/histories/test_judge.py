"""Telling tokens from each other, and from what only looks like them."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from proxy.core.sealing import MARK, Finding
from proxy.shaping.edit import Raw, written
from proxy.shaping.histories.judge import Judge, tokens
from tests.support.seals import a_binder

bodies = st.text("ABCabc019+/", min_size=28, max_size=48).map(lambda text: text[: len(text) // 4 * 4])
ours = bodies.flatmap(lambda body: st.sampled_from([body, body[:-1] + "=", body[:-2] + "=="])).map(lambda body: MARK + body)
"""Of whole groups of four, as base64 is."""


@given(known=st.lists(ours, min_size=1, max_size=6), between=st.sampled_from(["", "\n", " and ", "-"]))
def test_tokens_that_follow_each_other_are_told_apart(known, between):
    assert list(tokens("so " + between.join(known), set(known).__contains__)) == known


@given(first=ours.filter(lambda token: "=" not in token), rest=ours, after=ours)
def test_one_that_holds_the_mark_inside_is_whole(first, rest, after):
    assume(after not in {first, rest})
    whole = first + rest
    assert list(tokens(whole, {whole}.__contains__)) == [whole]
    assert list(tokens(whole + "\n" + after, {whole, after}.__contains__)) == [whole, after]


def test_a_text_full_of_marks_costs_no_more_than_its_length():
    looked: list[str] = []
    text = (MARK + "abcd" * 6) * 10_000
    assert len(list(tokens(text, lambda token: bool(looked.append(token))))) == 10_000
    assert sum(map(len, looked)) <= 3 * len(text)


@pytest.mark.parametrize("value", [None, "", 7, [], {}])
def test_what_is_no_text_is_nothing_to_judge(value):
    judge = Judge(a_binder())
    assert judge.value(Raw(written(value)), ("a",), frozenset({"x"})).stays
    assert judge.value(None, ("a",), frozenset({"x"})).stays
    assert judge.restored(b"").findings == ()


def test_an_older_turn_is_tried_only_where_the_nearest_is_not_the_one():
    judge = Judge(a_binder())
    token = a_binder().token({"x": Raw(b"1")}, {}, "old")
    assert judge.token(token, ("new", "old"), frozenset({"x"})) == {"x": Raw(b"1")}
    assert judge.restored(b"").findings == ()
    assert judge.token(token, ("new", "newer"), frozenset({"x"})) is None
    assert judge.restored(b"").findings == ((Finding.ELSEWHERE, "ann"),)


def test_more_values_than_any_conversation_holds_are_not_looked_into(monkeypatch):
    monkeypatch.setattr("proxy.shaping.histories.judge.MOST", 3)
    monkeypatch.setattr("proxy.shaping.histories.judge.MOST_TOLD", 1)
    judge = Judge(a_binder())
    token = a_binder().token({"x": Raw(b"1")}, {}, "")
    assert [judge.token(token, (), frozenset({"x"})) for _ in range(5)] == [{"x": Raw(b"1")}] * 3 + [None] * 2
    assert judge.restored(b"").findings == ((Finding.FORGED, ""),)
