"""One text under a veil: what is shown, held and sealed."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.rules import Binding
from proxy.core.sealing import MARK
from proxy.core.shaping import Plan, Reasoning, Show
from proxy.shaping.answers.veils import PLACE, Veil, Way
from proxy.shaping.base import MOST_HELD, ShapingError
from proxy.shaping.edit import Raw
from proxy.shaping.hiding import CHARACTERS
from tests.support.chunks import told
from tests.support.seals import FakeSeal, a_binder


def a_way(show=Show.OMIT, keep=1, binder=None, bind=False):
    return Way(Plan(reasoning=Reasoning(show, keep), bind=bind), binder, "here")


@given(st.lists(st.text(max_size=5), max_size=6), st.sampled_from([Show.OMIT, Show.SUMMARY, Show.KEEP, Show.REWRITE]), st.booleans())
def test_what_is_shown_does_not_depend_on_the_cuts(texts, show, comes_back):
    way = a_way(show, binder=a_binder() if comes_back else None)
    veil = Veil(way, way.limit())
    whole = "".join(texts)
    shown = "".join(veil.show(text) for text in texts)
    assert shown == (whole[:CHARACTERS] if show is Show.KEEP else "")
    assert veil.changed == (shown != whole)
    assert veil.text == (whole if comes_back or show is Show.REWRITE else "")


def test_the_room_is_shared_and_given_back():
    way = a_way(binder=a_binder())
    first, second = Veil(way, way.limit()), Veil(way, way.limit())
    first.show("x" * (MOST_HELD // 2))
    with pytest.raises(ShapingError):
        second.show("x" * (MOST_HELD // 2))
    way = a_way(binder=a_binder())
    veil = Veil(way, way.limit())
    for _ in range(3):
        veil.show("x" * (MOST_HELD - PLACE))
        veil.renew()


def test_texts_have_their_place_in_the_room():
    way = a_way()
    with pytest.raises(ShapingError):
        [Veil(way, way.limit()) for _ in range(MOST_HELD // PLACE + 1)]


def test_what_is_kept_is_kept_once():
    way = a_way(Show.KEEP, binder=a_binder())
    veil = Veil(way, way.limit())
    assert veil.show("abcdef") == "abcd"
    veil.renew()
    assert (veil.show("gh"), veil.text, veil.changed, veil.sealed) == ("", "gh", True, True)


def test_our_own_tokens_stay_and_nobody_elses():
    binder = a_binder()
    way = a_way(binder=binder)
    token = way.token({"reasoning": "a"})
    for text, own in (
        (token, len(token)),
        ("\n" + token, len(token) + 1),
        ("kept" + token + "\n" + token, 2 * len(token) + 1),
        (token + " more", 0),
        (token[:-6] + "AAAAA=", 0),
        ("SGT1 thoughts", 0),
        ("SGT1thoughts", 0),
        (a_binder(FakeSeal(b"other")).token({}, {}, "here"), 0),
        (binder.token({}, {}, "elsewhere"), 0),
    ):
        assert way.own(text) == own
        assert Veil(way, way.limit()).show(text) == text[len(text) - own :]
    assert a_way().own(token) == 0


def test_tokens():
    binder = a_binder()
    way = a_way(binder=binder, bind=True)
    token = way.token({"reasoning": "naïve", "reasoning_content": "\x02d83d\x02de00"})
    found, members = binder.opened(token, "here")
    assert found.original
    assert {name: json.loads(bytes(raw)) for name, raw in members.items()} == {"reasoning": "naïve", "reasoning_content": "😀"}
    assert way.token({}) == ""
    assert a_way(binder=a_binder(rules=Binding(restore="never"))).token({"reasoning": "a"}) == ""


def test_opaque_values():
    way = a_way(binder=a_binder(), bind=True)
    bound = way.bound(Raw(b'"c2ln"'))
    assert bytes(bound).startswith(b'"SGT1')
    for raw in (bound, Raw(b"null"), Raw(b'""'), Raw(b"5"), Raw(b"{}")):
        assert way.bound(raw) is raw
    assert way.binds
    for binder, bind in ((None, True), (a_binder(), False), (a_binder(rules=Binding()), True)):
        assert not a_way(binder=binder, bind=bind).binds


def test_only_a_plan_that_rewrites_asks():
    assert told(a_way(Show.REWRITE).rewritten("abc")) == "[3]"
    assert told(a_way(Show.REWRITE).rewritten(" \n")) == ""
    assert told(a_way(Show.OMIT).rewritten("abc")) == ""


@pytest.mark.parametrize("text", [MARK * 40_000, "A" * 400_000, MARK + "\n" * 200_000, (MARK + "A\n") * 40_000])
def test_what_a_model_repeats_for_ever_is_searched_for_tokens_once(text):
    """Else one answer stops every other: the text is a caller's to choose."""
    way = a_way(binder=a_binder())
    began = time.process_time()
    assert way.own(text) == 0
    assert time.process_time() - began < 0.5
