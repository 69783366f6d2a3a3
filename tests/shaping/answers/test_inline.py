"""Inline blocks: what stands in their place, however the text is cut."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.shaping import Plan, Reasoning, Show
from proxy.shaping.answers.inline import Inline
from proxy.shaping.answers.veils import Way
from tests.support.chunks import told
from tests.support.seals import a_binder

texts = st.lists(st.sampled_from(["<think>", "</think>", "<", "think>", " \n", "abcdef", "é😀"]), max_size=8).map("".join)
shows = st.sampled_from([Show.OMIT, Show.KEEP, Show.REWRITE])


def shaped(text, show=Show.OMIT, cuts=(), *, binder=None, preopened=False):
    inline = Inline(Way(Plan(reasoning=Reasoning(show, 1)), binder, "here"), "think", preopened=preopened)
    out = "".join(told(inline.feed(text[start:end])) for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True))
    return out + told(inline.end())


@given(texts, shows, st.booleans(), st.sampled_from([None, a_binder()]), st.data())
def test_cuts_do_not_matter(text, show, preopened, binder, data):
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=4)))
    whole = shaped(text, show, binder=binder, preopened=preopened)
    assert shaped(text, show, cuts, binder=binder, preopened=preopened) == whole
    assert shaped(text, show, range(len(text)), binder=binder, preopened=preopened) == whole


@given(texts, st.sampled_from([Show.OMIT, Show.KEEP]), st.booleans())
def test_twice_is_once_where_a_token_marks_the_block(text, show, preopened):
    once = shaped(text, show, binder=a_binder(), preopened=preopened)
    if not preopened or "SGT1" in once:
        assert shaped(once, show, binder=a_binder(), preopened=preopened and once.startswith("<think>")) == once


@pytest.mark.parametrize(
    ("show", "text", "expected"),
    [
        (Show.OMIT, " <think>abcdef</think>\n\nHi", " \n\nHi"),
        (Show.KEEP, " <think>abcdef</think>\n\nHi", " <think>abcd</think>\n\nHi"),
        (Show.REWRITE, " <think>abcdef</think>\n\nHi", " <think>[6]</think>\n\nHi"),
        (Show.REWRITE, "<think> </think>Hi", "Hi"),
        (Show.OMIT, "<think></think>Hi", "Hi"),
        (Show.OMIT, "<think>a</think> <think>b</think>Hi", " Hi"),
        (Show.KEEP, "<think>abc</think> <think>def</think>Hi", "<think>abc</think> <think>d</think>Hi"),
        (Show.OMIT, "<think>abc", ""),
        (Show.KEEP, "<think>abcdef", "<think>abcd"),
        (Show.REWRITE, "<think>abcdef", "<think>[6]</think>"),
        (Show.OMIT, "<thi", "<thi"),
    ],
)
def test_blocks(show, text, expected):
    assert shaped(text, show) == expected


@pytest.mark.parametrize(
    "text", ["<think>abcdef</think>", "<think></think>", "<think>abc", "<think>abcdef</thi", "<think>a<think></think>"]
)
@pytest.mark.parametrize("show", [Show.OMIT, Show.REWRITE])
def test_a_token_stands_for_the_whole_block(text, show):
    binder = a_binder()
    block = shaped(text, show, binder=binder)
    assert block.startswith("<think>")
    token = "SGT1" + block.removesuffix("</think>").partition("SGT1")[2]
    assert json.loads(bytes(binder.opened(token, "here")[1]["think"])) == text


def test_what_is_kept_whole_needs_no_token():
    assert shaped("<think>abc</think>d", Show.KEEP, binder=a_binder()) == "<think>abc</think>d"


def test_it_knows_what_it_has_met():
    inline = Inline(Way(Plan(reasoning=Reasoning(Show.OMIT)), None, ""), "think", preopened=False)
    assert (told(inline.feed(" <th")), inline.met, inline.undecided, inline.settled) == (" ", False, True, False)
    assert (told(inline.feed("ink>")), inline.met, inline.undecided) == ("", True, False)
    assert (told(inline.feed("</think>x")), inline.settled) == ("x", True)


def test_other_words_do_not_end_the_block():
    """A model that rewrites may reason in text itself; what it says behind its tag would be the answer."""
    inline = Inline(Way(Plan(reasoning=Reasoning(Show.REWRITE, via="other")), None, "here"), "think", preopened=False)
    out = told_of(inline.feed("<think>secret</think>42")) + told_of(inline.end())
    assert out == "<think>short and more</think>42"


def told_of(step):
    try:
        next(step)
        step.send("short</think> and more")
    except StopIteration as done:
        return done.value
    raise AssertionError("it asks for one text at a time")
