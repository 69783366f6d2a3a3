"""Texts, put together as they are written."""

from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw, json

from proxy.shaping.histories.texts import joined


@given(st.lists(st.text(max_size=8)))
def test_joined_texts_are_one_text(texts):
    assert json.decode(joined([Raw(json.encode(text)) for text in texts])) == "".join(texts)


def test_halves_of_a_sign_meet():
    assert json.decode(joined([Raw(b'"\\ud83d"'), Raw(b'"\\ude00"')])) == "\U0001f600"
