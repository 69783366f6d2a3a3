"""Peeking at events: every byte is checked, signs that are cut in two are no hindrance, nothing is touched."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.shaping.answers.reading import ABSENT, body_of, peeked, type_of
from proxy.shaping.base import ShapingError
from proxy.shaping.edit import NULL, Raw, maybe_text, opened


class _Any(msgspec.Struct):
    x: Raw = ABSENT


decoder = msgspec.json.Decoder(_Any)
units = st.lists(st.one_of(st.integers(0x20, 0xFFFF).map(chr), st.sampled_from("\ud83d\ude00\\u\"'d8")), max_size=12).map("".join)


@given(units)
def test_any_text_that_json_can_spell_is_read_and_written_as_it_came(text):
    data = b'{"x":%b,"y":1}' % json.dumps(text).encode()
    event, body = peeked(decoder, data, strict=True), body_of(data, strict=True)
    assert event is not None
    assert body is not None
    assert maybe_text(event.seen.x) is not None
    assert event.spelled == body.spelled == any("\ud800" <= sign <= "\udfff" for sign in json.loads(json.dumps(text)))
    for found in (event, body):
        assert found.changed({"y": NULL}) == found.written(opened(found.data) | {"y": NULL}) == data.replace(b'"y":1}', b'"y":null}')


@pytest.mark.parametrize("data", [b"", b"[DONE]", b"5", b"[1, 2]", b'"text"', b"null", b'"\\ud83d"'])
def test_what_is_no_object_is_no_event(data):
    assert peeked(decoder, data, strict=True) is None


@pytest.mark.parametrize("data", [b"{", b'{"x":NaN}', b'{"x":1}{', b"\xff", b'"\xff"', b"[1", b"\xef\xbb\xbf{}", b'{"x":' + b"[" * 100_000])
def test_what_is_no_json_is_an_error_only_where_it_must_be(data):
    assert peeked(decoder, data, strict=False) is None
    assert body_of(data, strict=False) is None
    for read in (lambda: peeked(decoder, data, strict=True), lambda: body_of(data, strict=True)):
        with pytest.raises(ShapingError):
            read()


@pytest.mark.parametrize("body", [b"5", b"[]", b'"x"'])
def test_a_body_is_an_object(body):
    with pytest.raises(ShapingError):
        body_of(body, strict=True)


@pytest.mark.parametrize(("raw", "kind"), [
    (b'{"type":"a"}', "a"), (b'{"\\u0074ype":"\\u0061"}', "a"), (b'{"type":1}', ""), (b"{}", ""), (b"[]", ""), (b"", ""),
    (b'{"type":"\xff"}', ""),
])  # fmt: skip
def test_a_type_is_a_text(raw, kind):
    assert type_of(Raw(raw)) == kind
