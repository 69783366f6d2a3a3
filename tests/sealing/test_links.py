"""Verification links: one per account and hour, good for a week, and nothing but our own is one."""

import base64
import re

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from proxy.core.sealing import MARK, Bound, Finding
from proxy.sealing.keyring import Keyring
from proxy.sealing.links import AHEAD, HOUR, LASTS, LONGEST, PURPOSE, Link, Links
from proxy.sealing.seal import PURPOSE as REASONING
from proxy.sealing.seal import KeyedSeal

OLD, NEW = b"an old secret of at least 32 characters", b"a new secret of at least 32 characters!"
START = 472_223 * float(HOUR)
NAMES = st.text(min_size=1, max_size=200)
LETTERS = "abcdefghijklmnopqrstuvwxyz234567"


def spelled(sealed: bytes) -> str:
    return base64.b32encode(sealed).decode().rstrip("=").lower()


def links(*secrets: bytes) -> Links:
    return Links(Keyring(*(secrets or (NEW,))))


@given(NAMES, NAMES, st.floats(0, 4e9), st.floats(0, LASTS - HOUR))
def test_a_link_says_whose_it_is(account: str, organization: str, at: float, later: float) -> None:
    token = links().make(account, organization, at)
    assert re.fullmatch(r"[a-z2-7]+", token)
    assert links().read(token, at + later) == Link(account, organization, at // HOUR * HOUR)


def test_the_longest_names_give_a_link_that_is_read() -> None:
    account, organization = "\U0001f600" * 200, "\U0001f601" * 200
    token = links().make(account, organization, START)
    assert len(token) <= LONGEST
    assert links().read(token, START) == Link(account, organization, START)


@given(st.floats(0, HOUR - 1), st.floats(0, HOUR - 1))
def test_links_of_one_hour_are_the_same(one: float, other: float) -> None:
    assert links().make("ann", "acme", START + one) == links().make("ann", "acme", START + other)
    assert links().make("ann", "acme", START + one) != links().make("ann", "acme", START + HOUR + other)


def test_links_of_different_accounts_differ() -> None:
    made = {links().make(account, organization, START) for account in ("a", "b", "ab") for organization in ("a", "b", "ab")}
    assert len(made) == 9


@pytest.mark.parametrize(("age", "good"), [(LASTS, True), (LASTS + 1, False), (-AHEAD, True), (-AHEAD - 1, False), (float("nan"), False)])
def test_a_link_expires(age: float, good: bool) -> None:
    read = links().read(links().make("ann", "acme", START), START + age)
    assert read == (Link("ann", "acme", START) if good else Finding.EXPIRED)


def test_every_changed_letter_is_forged() -> None:
    for account in ("ann", "bert", "carla", "dieter", "edward"):
        token = links().make(account, "acme", START)
        for place in range(len(token)):
            for other in {*LETTERS, token[place].upper(), "=", "1", "ı"} - {token[place]}:
                read = links().read(token[:place] + other + token[place + 1 :], START)
                assert read is Finding.FORGED or (read is Finding.LOST and place < 7)


@given(st.text(st.characters(exclude_categories=())) | st.text(LETTERS) | st.text(LETTERS, min_size=32, max_size=200))
@example("")
@example("\ud800" * 8)
@example("ß" * 8)
@example("a" * (LONGEST + 1))
def test_no_text_at_all_raises(text: str) -> None:
    assert links().read(text, START) in {Finding.FORGED, Finding.LOST}


def test_what_is_added_or_cut_off_is_forged() -> None:
    token = links().make("ann", "acme", START)
    for other in (token[:-1], token + "a", token + "=", token + "\n", " " + token, token.upper()):
        assert links().read(other, START) is Finding.FORGED


def test_a_link_outlives_rotation_and_not_its_key() -> None:
    token = links(OLD).make("ann", "acme", START)
    assert links(NEW, OLD).read(token, START) == Link("ann", "acme", START)
    assert links(NEW).read(token, START) is Finding.LOST


@given(st.floats(0, 4e9), st.floats(0, 2 * HOUR))
def test_a_link_made_after_the_account_was_cleared_is_dated_after(at: float, before: float) -> None:
    """Else an account that is asked again within the hour would be shown a link that is spent."""
    spent = max(0.0, at - before)
    found = links().read(links().make("ann", "acme", at, spent), at)
    assert isinstance(found, Link)
    assert spent <= found.issued <= max(at + 1, spent)


def test_a_reasoning_token_is_no_link() -> None:
    token = KeyedSeal(Keyring(NEW)).wrap(b"original", Bound("o:acme", "", ""), "ann", START)
    assert links().read(token, START) is Finding.FORGED
    assert links().read(spelled(base64.b64decode(token[len(MARK) :])), START) is Finding.FORGED
    record = msgspec.msgpack.encode([int(START), "ann", "acme"])
    assert links().read(spelled(Keyring(NEW).seal(PURPOSE, record)), START) == Link("ann", "acme", START)
    assert links().read(spelled(Keyring(NEW).seal(REASONING, record)), START) is Finding.FORGED, "whatever is in it"


def test_what_is_too_long_is_not_even_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[str] = []

    def decode(text: str) -> bytes:
        decoded.append(text)
        return b""

    monkeypatch.setattr(base64, "b32decode", decode)
    assert links().read("a" * LONGEST, START) is Finding.FORGED
    assert links().read("a" * (LONGEST + 1), START) is Finding.FORGED
    assert decoded == ["A" * LONGEST]
