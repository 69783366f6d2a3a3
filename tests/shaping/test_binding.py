"""Tokens of one exchange: what they stand for, where it stays meanwhile, and that it comes back as it was."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.rules import Binding
from proxy.core.sealing import MARK, Finding
from proxy.shaping.binding import Binder
from proxy.shaping.edit import Raw, closed
from tests.support.seals import a_binder

WAYS = ("sealed", "store", "never")
texts = st.text(max_size=40)


def raw(value: object) -> Raw:
    return closed(value)


def later(before: Binder) -> Binder:
    """The next exchange of the same account; what was to be kept is in the store by now."""
    after = a_binder(rules=before.rules)
    after.kept = dict(before.kept)
    return after


@pytest.mark.parametrize("restore", WAYS)
@given(signature=texts, text=texts)
def test_opaque_values_always_come_back_and_hidden_text_where_the_policy_keeps_it(restore: str, signature: str, text: str) -> None:
    binder = a_binder(rules=Binding(on=True, restore=restore))
    token = binder.token({"signature": raw(signature)}, {"thinking": raw(text)}, "anchor")
    assert token.startswith(MARK)
    assert bool(binder.kept) is (restore == "store")
    opened, members = later(binder).opened(token, "anchor")
    assert opened.finding is Finding.HOME
    assert json.loads(bytes(members["signature"])) == signature
    assert ("thinking" in members) is (restore != "never")
    if restore != "never":
        assert json.loads(bytes(members["thinking"])) == text


def test_what_the_store_has_forgotten_is_lost_and_nobodys_fault() -> None:
    binder = a_binder(rules=Binding(restore="store"))
    token = binder.token({}, {"thinking": raw("long ago")}, "a")
    opened, members = a_binder(rules=binder.rules).opened(token, "a")
    assert (opened.finding, members) == (Finding.LOST, {})


@pytest.mark.parametrize("escaped", ["as it is", "slashes", "all"])
def test_names_of_what_is_kept_are_found_however_a_caller_writes_its_json(escaped: str) -> None:
    binder = a_binder(rules=Binding(restore="store"))
    tokens = [binder.token({}, {"thinking": raw(f"thought {place}")}, "a") for place in range(3)]
    body = json.dumps({"one": tokens[0], "two": tokens[1] + "\n" + tokens[2], "again": tokens[0]})
    if escaped != "as it is":
        body = body.replace("/", "\\/")
    if escaped == "all":
        body = body.replace("+", "\\u002b").replace("=", "\\u003D")
    assert sorted(binder.wanted(body.encode())) == sorted(binder.kept)


def test_tokens_that_touch_are_told_apart() -> None:
    binder = a_binder(rules=Binding(restore="store"))
    first, second = (binder.token({}, {"thinking": raw(text)}, "a") for text in ("one", "two"))
    assert sorted(binder.wanted(json.dumps([first + second]).encode())) == sorted(binder.kept)


@given(st.binary(max_size=200))
def test_nothing_that_a_caller_sends_breaks_the_search(body: bytes) -> None:
    binder = a_binder(rules=Binding(restore="store"))
    assert binder.wanted(body) == []
    assert binder.wanted(MARK.encode() + body) == []


def test_half_a_sign_comes_back_as_it_was() -> None:
    """Some providers cut text between the halves of a surrogate pair, which no JSON reader here takes."""
    binder = a_binder(rules=Binding())
    half = Raw(b'"cut \\ud83d"')
    _, members = later(binder).opened(binder.token({}, {"thinking": half}, "a"), "a")
    assert bytes(members["thinking"]) == bytes(half)


def test_the_same_text_of_two_holders_is_kept_apart() -> None:
    one, two = (a_binder(rules=Binding(restore="store"), holder=name) for name in ("o:acme", "o:umbrella"))
    for binder in (one, two):
        binder.token({}, {"thinking": raw("the same")}, "a")
    assert not set(one.kept) & set(two.kept)
