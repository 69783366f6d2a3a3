"""A frame with other data keeps everything else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai._streaming import SSEDecoder

from proxy.shaping.frames import data_of, inserted, replaced

LINES = [b"event: e", b"id: 7", b": comment", b"retry: 5", b"data: one", b"data:two", b"data", b"nonsense", b"datax: 3"]
frames = st.tuples(st.lists(st.sampled_from(LINES), max_size=6), st.sampled_from([b"\n", b"\r\n", b"\r"])).map(
    lambda made: made[1].join([*made[0], b"", b""])
)


@given(frames)
def test_only_the_data_changes(frame):
    out = replaced(frame, b'{"x":1}')
    assert data_of(out) == (b'{"x":1}' if data_of(frame) or b"data:" in frame else b"")
    assert [line for line in out.splitlines() if not line.startswith(b"data:")] == [
        line for line in frame.splitlines() if not line.startswith(b"data:")
    ]
    assert replaced(out, b'{"x":1}') == out


@given(frames)
def test_its_lines_end_as_they_did(frame):
    end = next((end for end in (b"\r\n", b"\r", b"\n") if end in frame), b"\n")
    out = replaced(frame, b"new")
    assert out.replace(end, b"").count(b"\r") + out.replace(end, b"").count(b"\n") == 0
    assert inserted(frame, b"x") == b"data: x" + end + end


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        (b"data: a\n\n", b"data: new\n\n"),
        (b"data:a\r\r", b"data: new\r\r"),
        (b"event: e\r\nid: 1\r\ndata: a\r\ndata: b\r\n: c\r\n\r\n", b"event: e\r\nid: 1\r\ndata: new\r\n: c\r\n\r\n"),
        (b"\xef\xbb\xbfdata: a\n\n", b"\xef\xbb\xbfdata: new\n\n"),
        (b": ping\n\n", b": ping\n\n"),
        (b"data: torn", b"data: new"),
        (b"data: a\n\r\n", b"data: new\n\r\n"),
    ],
)
def test_frames(frame, expected):
    assert replaced(frame, b"new") == expected


def test_data_over_several_lines_stays_what_it_was():
    """A value that was not changed may hold a break still; the official SDK's reader as the oracle."""
    frame = b'event: e\ndata: {"a":\ndata: 1, "b": [2,\ndata: 3]}\n\n'
    changed = data_of(frame).replace(b"1", b"4")
    (read,) = SSEDecoder().iter_bytes(iter([replaced(frame, changed)]))
    assert (read.event, read.data.encode()) == ("e", changed)


def test_a_torn_line_end_changes_nothing_but_itself():
    """The LF of a last CRLF may come with the next chunk."""
    assert replaced(b"data: a\r\n\r", b"n") + b"\n" == replaced(b"data: a\r\n\r\n", b"n")
    assert inserted(b"data: a\r\n\r", b"n") == inserted(b"data: a\r\n\r\n", b"n")
