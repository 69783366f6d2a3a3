"""Reasoning tokens: at home they open to the very bytes, elsewhere they say where they belong, changed they never open."""

import base64
from dataclasses import replace

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from proxy.core.sealing import MARK, Bound, Finding, Opened, Seal
from proxy.sealing.keyring import Keyring
from proxy.sealing.links import PURPOSE as LINK
from proxy.sealing.links import Links
from proxy.sealing.seal import AHEAD, PURPOSE, KeyedSeal

OLD, NEW = b"an old secret of at least 32 characters", b"a new secret of at least 32 characters!"
AT = 1_700_000_000.0
LASTS = 3600.0
HOME = Bound("o:acme", "large-1", "4f2a")

ANY = st.characters(exclude_categories=())
"""Halves of surrogate pairs too."""
ANY_TEXT = st.text(ANY, max_size=30)
BOUNDS = st.builds(Bound, ANY_TEXT, ANY_TEXT, ANY_TEXT)
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="


def seal(*secrets: bytes) -> Seal:
    return KeyedSeal(Keyring(*(secrets or (NEW,))))


def found(token: str, bound: Bound = HOME, at: float = AT) -> Finding:
    return seal().unwrap(token, bound, at, LASTS).finding


@given(st.binary(max_size=200), BOUNDS, st.text(max_size=20), st.floats(0, 4e9))
@example(b"", Bound("\ud800", "\udfff", "a\ud800"), "", 0.9)
def test_at_home_a_token_opens_to_the_very_bytes(original: bytes, bound: Bound, account: str, at: float) -> None:
    token = seal().wrap(original, bound, account, at)
    assert token == seal().wrap(original, bound, account, float(int(at))), "the same within one second"
    assert token.startswith(MARK)
    assert token.isascii()
    assert token.isprintable()
    assert base64.b64encode(base64.b64decode(token, validate=True)).decode() == token
    assert seal().unwrap(token, bound, at, LASTS) == Opened(Finding.HOME, original, account)


@given(st.binary(max_size=20), st.data())
def test_a_changed_character_never_opens(original: bytes, draw: st.DataObject) -> None:
    token = seal().wrap(original, HOME, "ann", AT)
    place = draw.draw(st.integers(0, len(token) - 1))
    changed = token[:place] + draw.draw(st.sampled_from(ALPHABET) | ANY) + token[place + 1 :]
    opened = seal().unwrap(changed, HOME, AT, LASTS)
    if changed == token:
        assert opened.finding is Finding.HOME
        return
    allowed = {Finding.FOREIGN} if place < len(MARK) else {Finding.FORGED, Finding.LOST} if place < len(MARK) + 6 else {Finding.FORGED}
    assert opened.finding in allowed
    assert (opened.original, opened.issued_to) == (b"", "")


@pytest.mark.parametrize("size", range(6))
def test_every_other_spelling_of_every_character_is_refused(size: int) -> None:
    """The last character before the padding has bits that decoders ignore."""
    token = seal().wrap(b"x" * size, HOME, "ann", AT)
    for place in range(len(MARK), len(token)):
        for other in ALPHABET:
            if other != token[place]:
                assert found(token[:place] + other + token[place + 1 :]) in {Finding.FORGED, Finding.LOST}


@given(st.sampled_from(["", "\n", " ", "=", "==", "A", "AAAA", "\0", "é", "\ud800"]), st.data())
def test_what_is_added_or_cut_off_is_seen(more: str, draw: st.DataObject) -> None:
    token = seal().wrap(b"original", HOME, "ann", AT)
    place = draw.draw(st.integers(len(MARK), len(token)))
    assert found(token[:place]) in ({Finding.HOME} if place == len(token) else {Finding.FORGED})
    if more:
        assert found(token[:place] + more + token[place:]) in {Finding.FORGED, Finding.LOST}


@given(st.text(ANY) | st.text(ALPHABET) | st.binary().map(lambda data: base64.b64encode(data).decode()), BOUNDS)
@example("", HOME)
@example("\ud800", HOME)
@example("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", HOME)
def test_no_text_at_all_raises(text: str, bound: Bound) -> None:
    assert found(text, bound) is Finding.FOREIGN or text.startswith(MARK)
    assert found(MARK + text, bound) in {Finding.FORGED, Finding.LOST}


MISMATCHES = [
    ({"holder": "o:other"}, 0.0, Finding.FOREIGN),
    ({"model": "large-2"}, 0.0, Finding.OTHER_MODEL),
    ({"anchor": "ffff"}, 0.0, Finding.ELSEWHERE),
    ({}, LASTS + 1, Finding.EXPIRED),
    ({}, -AHEAD - 1, Finding.EXPIRED),
    ({}, LASTS, Finding.HOME),
    ({}, -AHEAD, Finding.HOME),
]


@pytest.mark.parametrize(("parts", "age", "finding"), MISMATCHES)
def test_each_mismatch_has_its_finding(parts: dict[str, str], age: float, finding: Finding) -> None:
    token = seal().wrap(b"original", HOME, "ann", AT)
    opened = seal().unwrap(token, replace(HOME, **parts), AT + age, LASTS)
    assert opened == Opened(finding, b"original", "ann")


def test_of_several_mismatches_the_gravest_is_told() -> None:
    token = seal().wrap(b"original", HOME, "ann", AT)
    wrong: dict[str, str] = {}
    late = AT + LASTS + 1
    for part, finding in (("anchor", Finding.ELSEWHERE), ("model", Finding.OTHER_MODEL), ("holder", Finding.FOREIGN)):
        wrong[part] = "another"
        assert found(token, replace(HOME, **wrong), late) is finding


@pytest.mark.parametrize("part", ["holder", "model", "anchor"])
def test_what_is_not_bound_is_not_compared(part: str) -> None:
    loose = replace(HOME, **{part: ""})
    assert found(seal().wrap(b"original", HOME, "ann", AT), loose) is Finding.HOME, "the policy binds less than before"
    assert found(seal().wrap(b"original", loose, "ann", AT)) is Finding.HOME, "the policy binds more than before"


@pytest.mark.parametrize("at", [float("nan"), float("inf"), -float("inf")])
def test_a_broken_clock_opens_nothing(at: float) -> None:
    assert found(seal().wrap(b"original", HOME, "ann", AT), at=at) is Finding.EXPIRED


def test_rotation_keeps_old_tokens_at_home_until_their_key_is_gone() -> None:
    token = seal(OLD).wrap(b"original", HOME, "ann", AT)
    assert seal(NEW, OLD).unwrap(token, HOME, AT, LASTS).finding is Finding.HOME
    assert seal(NEW, OLD).wrap(b"original", HOME, "ann", AT) != token
    assert seal(NEW).unwrap(token, HOME, AT, LASTS) == Opened(Finding.LOST)


def test_a_link_is_no_token() -> None:
    link = Links(Keyring(NEW)).make("ann", "acme", AT)
    sealed = base64.b32decode(link.upper() + "=" * (-len(link) % 8))
    assert found(link) is Finding.FOREIGN
    assert found(MARK + base64.b64encode(sealed).decode()) is Finding.FORGED
    sealed = Keyring(NEW).seal(LINK, msgspec.msgpack.encode([int(AT), b"", b"", b"", "ann", b"original"]))
    assert found(MARK + base64.b64encode(sealed).decode()) is Finding.FORGED, "whatever is in it"


def test_what_another_version_kept_is_read_and_what_is_no_record_is_forged() -> None:
    ring = Keyring(NEW)
    for kept, finding in (
        ([int(AT), b"", b"", b"", "ann", b"original", "more"], Finding.HOME),
        ([1], Finding.FORGED),
        ("x", Finding.FORGED),
    ):
        sealed = ring.seal(PURPOSE, msgspec.msgpack.encode(kept))
        assert found(MARK + base64.b64encode(sealed).decode()) is finding


def test_tokens_stay_what_they_are_from_version_to_version() -> None:
    token = "SGT14Byz8zZ9CsJydwSgC9eyeiUDT1wfXmaOcJb8T7wm7QTGv6P84oH6mIytyk5CoPrEcujSWvRp4r0POTuh4vPfSeMP/r/y7g=="
    assert seal(OLD).wrap(b"original", HOME, "ann", AT) == token


def test_a_token_holds_megabytes() -> None:
    original = bytes(range(256)) * (4 << 12)
    token = seal().wrap(original, HOME, "ann", AT)
    assert seal().unwrap(token, HOME, AT, LASTS).original == original
    assert found(token[:-1]) is Finding.FORGED
