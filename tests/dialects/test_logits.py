"""What is read of a request that leans on single tokens or asks about them, and that nothing of it can be said past the reader."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.facts import Ask, LogitAsk
from proxy.dialects import CATALOGUE, logits
from proxy.errors import CallerError

READERS = {dialect.name.removeprefix("openai_"): dialect for dialect in CATALOGUE if dialect.name.startswith("openai_")}
GENERATING = ("chat", "completions", "responses")
generating = pytest.mark.parametrize("kind", GENERATING)


def read(kind: str, body: bytes) -> Ask:
    return READERS[kind].read(READERS[kind].routes[0], body)


def asked(kind: str, **members: object) -> LogitAsk | None:
    return read(kind, json.dumps({"model": "m", **members}).encode()).logits


@pytest.mark.parametrize(
    ("kind", "members", "expected"),
    [
        ("chat", {"logprobs": True}, LogitAsk(logprobs=True, extras=("logprobs",))),
        ("chat", {"logprobs": True, "top_logprobs": 20}, LogitAsk(logprobs=True, top_logprobs=20, extras=("logprobs", "top_logprobs"))),
        ("chat", {"top_logprobs": -1}, LogitAsk(logprobs=True, top_logprobs=-1, extras=("top_logprobs",))),
        ("chat", {"logit_bias": {"7": -100, "3": 49.9, "5": 50}}, LogitAsk((3, 5, 7), extreme=2, extras=("logit_bias",))),
        ("chat", {"prompt_logprobs": 0}, LogitAsk(prompt=True, extras=("prompt_logprobs",))),
        ("chat", {"max_completion_tokens": 1, "n": 3}, LogitAsk(single=True, answers=3)),
        ("chat", {"max_tokens": 2, "logit_bias": {"1": 1}}, LogitAsk((1,), single=True, extras=("logit_bias",))),
        ("chat", {"echo": True, "logprobs": True}, LogitAsk(logprobs=True, extras=("logprobs", "echo"))),
        ("chat", {"allowed_token_ids": [4, 2]}, LogitAsk((2, 4), extras=("allowed_token_ids",))),
        ("chat", {"stop_token_ids": [2], "min_tokens": 1}, LogitAsk((2,), extras=("stop_token_ids",))),
        ("chat", {"bad_words": ["x"]}, LogitAsk(extras=("bad_words",))),
        (
            "chat",
            {"logprob_token_ids": [9, 8, 7], "logprobs": True, "top_logprobs": 1},
            LogitAsk((7, 8, 9), logprobs=True, top_logprobs=3, extras=("logprob_token_ids", "logprobs", "top_logprobs")),
        ),
        ("chat", {"n_probs": 5}, LogitAsk(logprobs=True, top_logprobs=5, extras=("n_probs",))),
        ("completions", {"logprobs": 0}, LogitAsk(logprobs=True, extras=("logprobs",))),
        ("completions", {"logprobs": 5}, LogitAsk(logprobs=True, top_logprobs=5, extras=("logprobs",))),
        ("completions", {"logprobs": 5, "prompt_logprobs": -1}, LogitAsk(
            logprobs=True, top_logprobs=-1, prompt=True, extras=("logprobs", "prompt_logprobs"))),
        ("completions", {"echo": True, "logprobs": 0}, LogitAsk(logprobs=True, prompt=True, extras=("logprobs", "echo"))),
        ("completions", {"echo": True}, LogitAsk(extras=("echo",))),
        ("completions", {"max_tokens": 1, "best_of": 4, "prompt": ["a", "b"]}, LogitAsk(single=True, answers=4)),
        ("responses", {"include": ["message.output_text.logprobs"]}, LogitAsk(logprobs=True, extras=("include",))),
        ("responses", {"top_logprobs": 4}, LogitAsk(logprobs=True, top_logprobs=4, extras=("top_logprobs",))),
        ("responses", {"max_output_tokens": 1}, LogitAsk(single=True)),
        ("responses", {"enable_response_messages": True}, LogitAsk(extras=("enable_response_messages",))),
    ],
)  # fmt: skip
def test_what_is_asked(kind: str, members: dict[str, object], expected: LogitAsk) -> None:
    assert asked(kind, **members) == expected


@generating
def test_most_requests_ask_nothing(kind: str) -> None:
    assert asked(kind) is None
    nothing = {"logit_bias": {}, "top_logprobs": 0, "echo": False, "return_token_ids": None, "bad_words": [], "stop_token_ids": [7]}
    assert asked(kind, **nothing, **({"logprobs": None} if kind == "completions" else {"logprobs": False})) is None


@generating
@pytest.mark.parametrize("name", sorted(logits.KEYS))
def test_each_name_stands_once_and_as_it_is_spelled(kind: str, name: str) -> None:
    escaped = "".join(f"\\u{ord(letter):04x}" for letter in name)
    for body in (f'{{"{name}":null,"{name}":null}}', f'{{"{name}":null,"{escaped}":null}}', f'{{"{name.upper()}":null}}'):
        with pytest.raises(CallerError) as caught:
            read(kind, body.encode())
        assert caught.value.param == name
    assert read(kind, f'{{"messages":[{{"{name}":1}},{{"{name}":2}}]}}'.encode()).logits is None


@generating
@given(ids=st.dictionaries(st.integers(0, 200_000), st.floats(-100, 100), max_size=40))
def test_ids_are_distinct_and_in_order(kind: str, ids: dict[int, float]) -> None:
    found = asked(kind, logit_bias={str(name): bias for name, bias in ids.items()})
    assert (found.biased if found else ()) == tuple(sorted(ids))
    assert (found.extreme if found else 0) == sum(abs(bias) >= 50 for bias in ids.values())


@generating
@pytest.mark.parametrize(
    "bias",
    ['{"x":1}', '{" 5":1}', '{"1_0":1}', '{"5":"1"}', '{"5":true}', '{"-1":1}', '{"99999999999":1}', "[[5,1]]", '"5"', "1", '{"5":1e999}',
     '{"5":1,"5":0}', '{"5":1,"\\u0035":0}'],
)  # fmt: skip
def test_what_two_readers_may_read_differently_is_refused(kind: str, bias: str) -> None:
    with pytest.raises(CallerError) as caught:
        read(kind, f'{{"logit_bias":{bias}}}'.encode())
    assert (caught.value.status, caught.value.param) == (400, "logit_bias")


@generating
@pytest.mark.parametrize("name", ["logit_bias", "allowed_token_ids", "logprob_token_ids"])
def test_ids_are_bounded(kind: str, name: str) -> None:
    most = logits.MOST_BIASED
    many = [{str(n): 1 for n in range(size)} if name == "logit_bias" else [*range(size)] for size in (most, most + 1)]
    found = asked(kind, **{name: many[0]})
    assert found is not None
    assert len(found.biased) == most
    with pytest.raises(CallerError) as caught:
        asked(kind, **{name: many[1]})
    assert caught.value.param == name


def test_so_are_they_together() -> None:
    half = {"logit_bias": {str(n): 1 for n in range(1500)}, "allowed_token_ids": [*range(1000, 2500)]}
    with pytest.raises(CallerError):
        asked("chat", **half)


@generating
@pytest.mark.parametrize("number", [-2, 1.5, "5", True, 10**9])
def test_absurd_numbers_of_alternatives_are_refused(kind: str, number: object) -> None:
    for name in ("top_logprobs", "prompt_logprobs") if kind != "completions" else ("logprobs", "prompt_logprobs"):
        with pytest.raises(CallerError) as caught:
            asked(kind, **{name: number})
        assert caught.value.param == name
