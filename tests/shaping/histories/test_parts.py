"""Thinking parts of a content, as Mistral's."""

import json

import pytest

from proxy.core.sealing import Finding
from tests.support.chats import foreign, restored, token


def thinking(*texts):
    return {"type": "thinking", "thinking": [{"type": "text", "text": text} for text in texts]}


ANSWER = {"type": "text", "text": "3"}


@pytest.mark.parametrize("sent", [
    [thinking("I th{}")], [thinking("I th", "", "{}")], [thinking("I th"), thinking("{}")], [{"type": "thinking", "thinking": "I th{}"}],
])  # fmt: skip
def test_a_run_of_parts_becomes_what_the_model_wrote(sent):
    sealed = token(thinking="I think")
    content = json.loads(json.dumps(sent).replace("{}", sealed))
    assert restored(content=[*content, ANSWER]) == ({"content": [thinking("I think"), ANSWER]}, [])


def test_two_runs_are_two_reasonings():
    one, two = (thinking(token(thinking=text)) for text in ("a", "b"))
    assert restored(content=[one, ANSWER, two]) == ({"content": [thinking("a"), ANSWER, thinking("b")]}, [])


def test_a_run_that_is_not_at_home_goes():
    mine, theirs = thinking(token(thinking="a")), thinking(foreign(thinking="b"))
    assert restored(content=[mine, theirs, ANSWER]) == ({"content": [ANSWER]}, [Finding.FOREIGN])
    assert restored(content=[theirs]) == ({"content": ""}, [Finding.FOREIGN])


@pytest.mark.parametrize(("content", "after"), [
    ("3", [thinking("so"), ANSWER]), (None, [thinking("so")]), ([ANSWER], [thinking("so"), ANSWER]),
])  # fmt: skip
def test_a_text_that_a_client_took_out_of_the_parts_returns_to_them(content, after):
    assert restored(reasoning_content=token(thinking="so"), content=content) == ({"content": after}, [])


def test_what_holds_no_token_stays():
    content = [thinking("SGT1 is", "shown"), {"type": "thinking"}, {"type": "thinking", "thinking": 5}, 7, ANSWER]
    assert restored(content=content) == ({"content": content}, [])
