"""What a request says of its conversation is the same in every dialect, and however it is written."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.dialects.conversation import MOST_LOOKED, MOST_TEXT, Conversation, read
from tests.support.conversations import KINDS, played
from tests.support.openings import CALLS, DIALECTS, TALKING, body, nonsense, parts
from tests.support.seals import a_binder

TEXTS = st.text(min_size=1, max_size=60)
dialects = pytest.mark.parametrize("dialect", DIALECTS)
talking = pytest.mark.parametrize("dialect", TALKING)
ANSWER = {"role": "assistant", "content": "It is four."}
MORE = {"role": "user", "content": "And five?"}


@dialects
@given(text=TEXTS)
def test_an_opening_is_known_however_it_is_written(dialect, text):
    found = read(dialect, body(dialect, text))
    assert (found.begins, found.opening, found.turns) == (text, True, 1)
    assert read(dialect, json.dumps(json.loads(body(dialect, text)), indent=2, ensure_ascii=False).encode()) == found
    if dialect in TALKING:
        assert read(dialect, body(dialect, parts(dialect, text))).begins == text


@talking
@given(text=TEXTS, system=TEXTS)
def test_later_turns_begin_with_the_same_and_are_no_opening(dialect, text, system):
    for after in ([ANSWER, MORE], CALLS[dialect], [*CALLS[dialect], ANSWER, MORE]):
        found = read(dialect, body(dialect, text, system, after))
        assert (found.begins, found.opening, found.turns - (dialect == "openai_chat")) == (text, False, 1 + len(after))
        assert found.instructions == system


@talking
def test_turns_of_the_callers_that_follow_each_other_are_one(dialect):
    """To cut a prompt into several hides nothing."""
    assert read(dialect, body(dialect, "one", after=[{"role": "user", "content": "two"}])).begins == "one\ntwo"
    assert read(dialect, body(dialect, "one", after=[{"role": "user", "content": "two"}])).opening
    assert read(dialect, body(dialect, "one", after=[{"role": "system", "content": "two"}])).opening


@talking
def test_the_beginning_of_an_answer_is_not_the_models(dialect):
    """A prompt may end with how its answer is to begin; what stands behind an answer goes on with a conversation."""
    assert read(dialect, body(dialect, "one", after=[ANSWER])).opening
    assert not read(dialect, body(dialect, "one", after=[ANSWER, MORE])).opening


@talking
def test_what_is_no_text_is_left_out(dialect):
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}, "text": "not this"}
    found = read(dialect, body(dialect, [picture, *parts(dialect, "what is this?"), "a bare text"]))
    assert (found.begins, found.opening) == ("what is this?\na bare text", True)
    assert read(dialect, body(dialect, [picture])).opening
    assert read(dialect, body(dialect, [picture])).begins == ""


@pytest.mark.parametrize("member", ["previous_response_id", "conversation"])
def test_what_the_provider_keeps_is_no_opening(member):
    assert not read("openai_responses", body("openai_responses", "one", **{member: "resp_1"})).opening
    assert read("openai_responses", body("openai_responses", "one", **{member: None})).opening


def test_a_bare_input_is_a_turn():
    assert read("openai_responses", b'{"input": "one"}') == read("openai_responses", body("openai_responses", "one"))


@pytest.mark.parametrize(
    ("prompt", "text"), [(["one", "two"], "one\ntwo"), ([1, 2], "[1, 2]"), ([[1], [2]], "[[1], [2]]"), ([], "[]"), (None, ""), ("", "")]
)
def test_a_prompt_has_no_history(prompt, text):
    found = read("openai_completions", json.dumps({"prompt": prompt}).encode())
    assert (found.begins, found.opening, found.turns) == (text, prompt is not None, int(prompt is not None))


@dialects
@given(raw=nonsense)
def test_nonsense_says_nothing_and_never_raises(dialect, raw):
    found = read(dialect, raw)
    assert max(len(found.begins), len(found.instructions)) <= MOST_TEXT
    assert not found.opening or found.turns


@dialects
def test_only_so_much_is_kept(dialect):
    long = "x" * 100_000
    found = read(dialect, body(dialect, long, long, temperature=long, reasoning=long))
    assert len(found.begins) == MOST_TEXT
    assert len(found.instructions) in (0, MOST_TEXT)
    assert len(found.parameters) < MOST_TEXT
    deep = b'{"messages":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    assert read(dialect, deep) == Conversation()


@talking
def test_a_long_conversation_is_no_opening(dialect):
    found = read(dialect, body(dialect, "one", after=[MORE] * MOST_LOOKED))
    assert (found.opening, found.turns) == (False, MOST_LOOKED + 1)


def test_parameters_are_how_the_answer_is_made():
    plain = read("openai_chat", body("openai_chat", "one")).parameters
    for said in ({"temperature": 1}, {"top_p": 1}, {"reasoning_effort": "high"}, {"response_format": {"type": "json_object"}}):
        assert read("openai_chat", body("openai_chat", "one", **said)).parameters != plain
    assert read("openai_chat", body("openai_chat", "two", user="ann")).parameters == plain


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
@given(script=st.lists(st.sampled_from(["say", "call"]), min_size=1, max_size=4))
def test_a_conversation_is_known_again_by_how_it_began(kind, script):
    talk = played(kind, script, a_binder)
    first = read(kind.name, talk.body(talk.sent[: 1 + (kind.name == "openai_chat")])).fingerprint
    assert len(first) == 32
    assert read(kind.name, talk.body()).fingerprint == first
    other = kind("be brief")
    other.says("question 0")
    assert read(kind.name, other.body()).fingerprint != first


@talking
def test_how_it_began_does_not_depend_on_how_it_is_written(dialect):
    plain = read(dialect, body(dialect, "one", "be kind"))
    marked = [part | {"cache_control": {"type": "ephemeral"}} for part in parts(dialect, " one\n")]
    assert read(dialect, body(dialect, marked, "be kind ")).fingerprint == plain.fingerprint
    assert (
        read(dialect, body(dialect, "one")).fingerprint != plain.fingerprint != read(dialect, body(dialect, "two", "be kind")).fingerprint
    )


@talking
def test_pictures_are_told_apart_whatever_stands_beside_them(dialect):
    one, two = ({"type": "image", "source": {"data": data}} for data in ("AAAA", "BBBB"))
    marked = one | {"cache_control": {"type": "ephemeral"}}
    for beside in ([], parts(dialect, "what is it?")):
        prints = [read(dialect, body(dialect, [picture, *beside])).fingerprint for picture in (one, two, marked)]
        assert prints[0] == prints[2] != prints[1]


def test_what_the_provider_keeps_is_known_by_its_name():
    named = [read("openai_responses", body("openai_responses", text, conversation="conv_1")).fingerprint for text in ("one", "two")]
    assert named[0] == named[1] != read("openai_responses", body("openai_responses", "one")).fingerprint


@dialects
def test_what_says_nothing_of_a_beginning_has_no_fingerprint(dialect):
    for raw in (b"{}", b"[]", b'{"messages":[],"input":[],"prompt":null}', body(dialect, None)):
        assert read(dialect, raw).fingerprint == ""
