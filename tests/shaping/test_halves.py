"""Half a surrogate pair, spelled so that it can be read, and spelled back."""

import json

from hypothesis import given
from hypothesis import strategies as st

from proxy.shaping.halves import back, spelled

texts = st.text(alphabet=st.sampled_from(list('ab\\u"\n\u00e9d83\ud83d\ude00\U0001f600')), max_size=12)


@given(texts)
def test_what_is_spelled_comes_back(text):
    data = json.dumps({"x": text}).encode()
    other = spelled(data)
    if other is None:
        assert not any("\ud800" <= sign <= "\udfff" or sign > "\uffff" for sign in text)
    else:
        assert back(other) == data
        json.loads(other)["x"].encode()  # nothing in it is half a sign


def test_text_that_looks_like_an_escape_is_none():
    assert spelled(rb'{"x":"\\ud83d"}') is None
    assert spelled(rb'{"x":"\\\ud83d"}') == rb'{"x":"\\\u0002d83d"}'
    assert spelled(rb'{"x":"\u0002d83d \ud83d"}') is None
    assert back(b"plain") == b"plain"
