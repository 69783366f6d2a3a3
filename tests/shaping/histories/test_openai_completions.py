"""Legacy completions: a prompt, and no history."""

import pytest

from proxy.shaping.histories.openai_completions import CompletionsHistory
from tests.support.seals import a_binder

HISTORY = CompletionsHistory()


@pytest.mark.parametrize("prompt", [b'"say"', b'["say", "other"]', b'["say"]'])
def test_the_first_prompt_says_how_it_begins(prompt):
    assert HISTORY.anchor(b'{"prompt": %b}' % prompt) == HISTORY.anchor(b'{"prompt":"say"}') != ""


def test_token_ids_are_a_prompt():
    assert HISTORY.anchor(b'{"prompt":[1,2]}') != HISTORY.anchor(b'{"prompt":[1,3]}')


@pytest.mark.parametrize("body", [b"{}", b'{"prompt":null}', b'{"prompt":""}'])
def test_no_prompt(body):
    assert HISTORY.anchor(body) == ""


def test_there_is_nothing_to_put_back():
    body = b'{"prompt":"SGT1"}'
    assert HISTORY.restore(body, a_binder()).body is body
