"""Inline reasoning, found however the text is cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.shaping.think import Kind, Think

texts = st.lists(
    st.sampled_from(["<think>", "</think>", "<", "</", "think>", " ", "\n", "a", "é😀", "```", "<thinking>", "</thi", "<th"]), max_size=10
).map("".join)


def read(text, cuts=(), *, preopened=False):
    """The pieces, with neighbours of one kind joined."""
    think = Think("think", preopened=preopened)
    pieces = []
    for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True):
        pieces += think.feed(text[start:end])
    pieces += think.end()
    joined = []
    for kind, some in pieces:
        if joined and joined[-1][0] is kind and kind in {Kind.ANSWER, Kind.REASONING}:
            joined[-1] = (kind, joined[-1][1] + some)
        else:
            joined.append((kind, some))
    return joined


@given(texts, st.booleans())
def test_the_pieces_are_the_text(text, preopened):
    assert "".join(some for _, some in read(text, preopened=preopened)) == text


@given(texts, st.booleans(), st.data())
def test_cuts_do_not_matter(text, preopened, data):
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=4)))
    assert read(text, cuts, preopened=preopened) == read(text, preopened=preopened)
    assert read(text, range(len(text)), preopened=preopened) == read(text, preopened=preopened)


@given(texts, st.booleans())
def test_less_than_a_tag_is_held(text, preopened):
    think, out = Think("think", preopened=preopened), ""
    for at, sign in enumerate(text):
        out += "".join(some for _, some in think.feed(sign))
        assert text[: at + 1].startswith(out)
        assert at + 1 - len(out) < len("</think>")
        assert think.holds == (at + 1 > len(out))
        assert not think.settled or out == text[: at + 1]


OPEN, TEXT, END, SAID = Kind.OPEN, Kind.REASONING, Kind.CLOSE, Kind.ANSWER


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hi <think>no</think>", [(SAID, "Hi <think>no</think>")]),
        ("```\n<think>no</think>\n```", [(SAID, "```\n<think>no</think>\n```")]),
        ("<think>a</think>\n\nHi", [(OPEN, "<think>"), (TEXT, "a"), (END, "</think>"), (SAID, "\n\nHi")]),
        (" \n<think>a</think>Hi", [(SAID, " \n"), (OPEN, "<think>"), (TEXT, "a"), (END, "</think>"), (SAID, "Hi")]),
        ("<think>```</think>```</think>", [(OPEN, "<think>"), (TEXT, "```"), (END, "</think>"), (SAID, "```</think>")]),
        ("<think>a<think>b</think>", [(OPEN, "<think>"), (TEXT, "a<think>b"), (END, "</think>")]),
        (
            "<think>a</think> <think>b</think>c",
            [
                (OPEN, "<think>"),
                (TEXT, "a"),
                (END, "</think>"),
                (SAID, " "),
                (OPEN, "<think>"),
                (TEXT, "b"),
                (END, "</think>"),
                (SAID, "c"),
            ],
        ),
        ("<think></think>", [(OPEN, "<think>"), (END, "</think>")]),
        ("<think>never closed </thin", [(OPEN, "<think>"), (TEXT, "never closed </thin")]),
        ("<thin", [(SAID, "<thin")]),
        ("<thinking>a", [(SAID, "<thinking>a")]),
        ("", []),
    ],
)
def test_texts(text, expected):
    assert read(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a</think>Hi", [(TEXT, "a"), (END, "</think>"), (SAID, "Hi")]),
        ("\n<think>a</think>Hi", [(TEXT, "\n"), (OPEN, "<think>"), (TEXT, "a"), (END, "</think>"), (SAID, "Hi")]),
        ("</think>Hi", [(END, "</think>"), (SAID, "Hi")]),
        ("a</think><think>b</think>", [(TEXT, "a"), (END, "</think>"), (OPEN, "<think>"), (TEXT, "b"), (END, "</think>")]),
        ("no end", [(TEXT, "no end")]),
    ],
)
def test_texts_of_a_model_whose_template_opens_the_tag(text, expected):
    assert read(text, preopened=True) == expected
