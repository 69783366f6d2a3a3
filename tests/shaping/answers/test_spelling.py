"""What spells a text or a prompt."""

import json

import pytest

from proxy.core.shaping import NO_LOGPROBS, Logprobs, Plan, Reasoning, Show
from proxy.shaping.answers.spelling import Spelling
from proxy.shaping.edit import opened, written

MEMBERS = {"logprobs": {"content": []}, "token_ids": [1], "prompt_logprobs": [None], "prompt_token_ids": [2], "other": 3}
NONE = Plan(logprobs=Logprobs(NO_LOGPROBS))
OMIT = Plan(reasoning=Reasoning(Show.OMIT))


@pytest.mark.parametrize(
    ("plan", "blind", "gone"),
    [
        (Plan(), False, set()),
        (NONE, False, {"logprobs", "prompt_logprobs"}),
        (OMIT, False, {"prompt_logprobs", "prompt_token_ids"}),
        (OMIT, True, {"logprobs", "token_ids", "prompt_logprobs", "prompt_token_ids"}),
    ],
)
def test_what_goes(plan, blind, gone):
    members = opened(json.dumps(MEMBERS).encode())
    assert Spelling(plan).of_choice(members, blind=blind) == bool(gone)
    assert json.loads(written(members)) == {name: None if name in gone else value for name, value in MEMBERS.items()}
    assert not Spelling(plan).of_choice(members, blind=blind)
    assert Spelling(plan).active == bool(gone)


def test_what_is_not_there_is_not_added():
    members = opened(b'{"index": 0}')
    assert not Spelling(OMIT).of_choice(members, blind=True)
    assert list(members) == ["index"]
