"""Laws of the demo model's words: deterministic, one token a word, nothing lost when cut into pieces."""

import json

from hypothesis import example, given
from hypothesis import strategies as st

from proxy.demo.kinds import MODELS
from proxy.demo.model import Ending, Prompt, Tool, reply
from proxy.demo.text import answer_words, count, pieces, words


@given(st.integers(0, 2**64 - 1), st.integers(0, 300))
def test_a_token_is_a_word(start: int, number: int) -> None:
    for make in (words, answer_words):
        tokens = make(start, number)
        assert len(tokens) == number == count("".join(tokens))
        assert tokens == make(start, number) == pieces("".join(tokens))


@given(st.text())
def test_pieces_give_the_text_back(text: str) -> None:
    assert "".join(pieces(text)) == text.rstrip()
    assert len(pieces(text)) == count(text)


@example("demo-inline", "", 1, True, [])
@example("demo-inline", "", 1, True, [" "])
@example("demo-inline", "think 5 words", 8, True, [])
@given(st.sampled_from(MODELS), st.text(), st.integers(1, 100), st.booleans(), st.lists(st.sampled_from([" ", "e", "an", "Demo"])))
def test_a_cap_holds_whatever_is_asked(model: str, said: str, cap: int, reasons: bool, stop: list[str]) -> None:
    free = reply(Prompt(model, said, said, None, tuple(stop), (), reasons))
    cut = reply(Prompt(model, said, said, cap, tuple(stop), (), reasons))
    assert cut.tokens <= cap
    assert (cut.ending is Ending.LENGTH) == (len(cut.text) < len(free.text))
    assert free.text[: len(cut.text)] == cut.text


SCHEMAS = st.recursive(
    st.booleans() | st.fixed_dictionaries({"type": st.sampled_from(["string", "integer", "number", "boolean", "null", ["string"], "?"])}),
    lambda parts: (
        st.fixed_dictionaries({"type": st.just("object"), "properties": st.dictionaries(st.text(), parts) | parts})
        | st.fixed_dictionaries({"type": st.just("array"), "items": parts})
        | st.fixed_dictionaries({"enum": st.lists(parts)})
    ),
)


@given(SCHEMAS)
def test_a_tools_arguments_are_always_a_json_object(schema: object) -> None:
    tool = Tool("any", schema if isinstance(schema, dict) else {})
    spoken = reply(Prompt("demo-small", "", "", tools=(tool,)))
    assert isinstance(json.loads("".join(spoken.calls[0].arguments)), dict)
    assert spoken.ending is Ending.TOOL


def test_only_text_costs() -> None:
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA BBBB"}}
    turn = {"role": "user", "content": [{"type": "text", "text": "one two"}, picture]}
    assert count([turn, {"role": "assistant", "content": "three"}]) == 3


def test_the_largest_answer() -> None:
    assert reply(Prompt("demo-small", "", "say 100000 words")).tokens == 100_000
    assert reply(Prompt("demo-small", "", "say 9999999 words")).tokens == 100_000
