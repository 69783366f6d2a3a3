"""How much of an item's reasoning is shown, however its texts are cut and told again."""

from hypothesis import given
from hypothesis import strategies as st

from proxy.shaping.answers.items import Allowance

PLACES = [("summary", 0), ("summary", 1), ("content", 0)]
told = st.lists(st.tuples(st.sampled_from(PLACES), st.text(alphabet="ab", max_size=5)), max_size=12)


@given(st.integers(0, 6), told)
def test_pieces_and_whole_texts_agree(keep, pieces):
    allowance, shown, texts = Allowance(keep), dict.fromkeys(PLACES, ""), dict.fromkeys(PLACES, "")
    for place, piece in pieces:
        shown[place] += allowance.delta(place, piece)
        texts[place] += piece
    assert sum(map(len, shown.values())) == min(keep * 4, sum(map(len, texts.values())))
    for _ in "twice":
        assert {place: allowance.all(place, texts[place]) for place in PLACES} == shown


@given(st.integers(0, 6), told)
def test_whole_texts_alone_are_cut_in_their_order(keep, pieces):
    allowance, texts = Allowance(keep), {place: "".join(piece for where, piece in pieces if where == place) for place in PLACES}
    assert "".join(allowance.all(place, texts[place]) for place in PLACES) == "".join(texts.values())[: keep * 4]


@given(st.integers(0, 6), told, told)
def test_never_more_than_the_limit_even_if_the_texts_are_others(keep, pieces, others):
    allowance = Allowance(keep)
    for place, piece in pieces:
        allowance.delta(place, piece)
    shown = {place: allowance.all(place, text) for place, text in dict(others).items()}
    assert sum(map(len, shown.values())) <= keep * 4
