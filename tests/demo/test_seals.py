"""Laws of what the strict models sign: only the very token, for the very text, in its very place, counts."""

from hypothesis import given
from hypothesis import strategies as st

from proxy.demo.seals import Verdict, judged, sealed, stamp

ANY = st.text(max_size=40)
PURPOSE = b"test"


@given(ANY, ANY, ANY)
def test_what_was_sealed_is_known_again(model: str, text: str, bound: str) -> None:
    token = sealed(PURPOSE, model, text, bound)
    assert token == sealed(PURPOSE, model, text, bound)
    assert judged(token, PURPOSE, model, text, bound) is Verdict.MADE
    assert judged(token, PURPOSE, model, None, bound) is Verdict.MADE


@given(ANY, ANY, ANY)
def test_another_text_is_altered(model: str, text: str, other: str) -> None:
    verdict = judged(sealed(PURPOSE, model, text), PURPOSE, model, other)
    assert verdict is (Verdict.MADE if text == other else Verdict.ALTERED)


@given(ANY, ANY, ANY.filter(bool))
def test_another_model_purpose_or_place_is_foreign(model: str, text: str, more: str) -> None:
    token = sealed(PURPOSE, model, text)
    for verdict in (
        judged(token, PURPOSE, model + more, text),
        judged(token, b"else", model, text),
        judged(token, PURPOSE, model, text, more),
    ):
        assert verdict is Verdict.FOREIGN


@given(ANY, st.data())
def test_a_changed_character_is_foreign(text: str, data: st.DataObject) -> None:
    token = sealed(PURPOSE, "m", text)
    place = data.draw(st.integers(0, len(token)))
    changed = token[:place] + data.draw(st.text(max_size=3)) + token[place + data.draw(st.integers(0, 1)) :]
    assert changed == token or judged(changed, PURPOSE, "m", text) is Verdict.FOREIGN


@given(st.none() | st.integers() | st.text() | st.lists(st.text()))
def test_nonsense_is_foreign(token: object) -> None:
    assert judged(token, PURPOSE, "m", None) is Verdict.FOREIGN


@given(ANY, ANY)
def test_stamps_tell_their_parts_apart(one: str, other: str) -> None:
    assert len(stamp(one, other)) == 16
    assert (stamp(one) == stamp(other)) == (one == other)
