"""Completions: hard cases made by hand, and the official SDK's types."""

import json

import pytest
from openai.types import Completion

from proxy.core.shaping import NO_LOGPROBS, Logprobs, Plan, Reasoning, Show
from proxy.shaping.answers.openai_completions import Completions
from tests.support.chunks import events, piece, sse, through, told
from tests.support.seals import a_binder

OMIT = Plan(reasoning=Reasoning(Show.OMIT))
COLUMNS = {"tokens": ["a"], "token_logprobs": [-0.123], "top_logprobs": [{"a": -0.123, "b": -4.0}], "text_offset": [0]}


def shaped(plan, *chunks, binder=None):
    return [chunk["choices"][0] for chunk in events(through(Completions(plan, binder, "here"), [*map(sse, chunks), sse(b"[DONE]")]))]


def test_a_block_gives_way_to_a_token():
    binder = a_binder()
    out = shaped(OMIT, piece("<thi"), piece("nk>secret"), piece("</think>\n"), piece("Hi"), piece("", finish="stop"), binder=binder)
    assert [choice["text"][:7] for choice in out] == ["", "", "<think>", "Hi", ""]
    token = out[2]["text"].removeprefix("<think>").removesuffix("</think>\n")
    assert json.loads(bytes(binder.opened(token, "here")[1]["think"])) == "<think>secret</think>"


def test_reasoning_in_a_member_of_its_own():
    out = shaped(OMIT, piece("", reasoning="secret"), piece("Hi"), piece("", finish="stop"), binder=a_binder())
    assert [choice.get("reasoning", "")[:4] for choice in out] == ["", "SGT1", "", ""]
    assert [choice["text"] for choice in out] == ["", "", "Hi", ""]


def test_the_official_types_take_a_frame_of_ours():
    out = through(Completions(OMIT, a_binder(), ""), [sse(piece("", reasoning="secret")), sse(piece("Hi"))])
    for chunk in events(out):
        assert Completion.construct(**chunk).choices[0].text in {"", "Hi"}


def test_what_was_held_is_said_with_the_last_frame():
    assert [choice["text"] for choice in shaped(OMIT, piece("<th"), piece("", finish="length"))] == ["", "<th"]
    assert [choice["text"] for choice in shaped(OMIT, piece("<th"), piece("is", finish="length"))] == ["", "<this"]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (Logprobs(NO_LOGPROBS), None),
        (Logprobs(1, 1), {**COLUMNS, "token_logprobs": [-0.1], "top_logprobs": [{"a": -0.1}]}),
        (Logprobs(), COLUMNS),
    ],
)
def test_log_probabilities(wanted, expected):
    (out,) = shaped(Plan(logprobs=wanted), piece("a", logprobs=COLUMNS))
    assert out["logprobs"] == expected
    body = json.dumps({"choices": [{"index": 0, "text": "a", "logprobs": COLUMNS}]}).encode()
    whole = told(Completions(Plan(logprobs=wanted), None, "").whole(body))
    assert json.loads(whole)["choices"][0]["logprobs"] == expected


def test_what_spells_the_prompt_is_hidden_with_its_reasoning():
    (out,) = shaped(OMIT, piece("a", prompt_logprobs=[None], prompt_token_ids=[1], token_ids=[2], logprobs=COLUMNS))
    assert (out["prompt_logprobs"], out["prompt_token_ids"], out["token_ids"], out["logprobs"]) == (None, None, [2], COLUMNS)
    (out,) = shaped(Plan(logprobs=Logprobs(NO_LOGPROBS)), piece("a", prompt_logprobs=[None], prompt_token_ids=[1]))
    assert (out["prompt_logprobs"], out["prompt_token_ids"]) == (None, [1])


def test_a_whole_answer():
    binder = a_binder()
    body = {"choices": [{"index": 0, "text": " <think>a</think>b", "finish_reason": "stop"}, {"index": 1, "text": "c", "reasoning": "d"}]}
    first, second = json.loads(told(Completions(OMIT, binder, "here").whole(json.dumps(body).encode())))["choices"]
    assert first["text"].startswith(" <think>SGT1")
    assert first["text"].endswith("</think>b")
    assert second["text"] == "c"
    assert json.loads(bytes(binder.opened(second["reasoning"], "here")[1]["reasoning"])) == "d"
