"""What every dialect's request shaping keeps to, over any body that the dialect reads and any plan."""

import json
from collections.abc import Iterator
from dataclasses import replace

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from proxy.core.shaping import EFFORTS, Knobs, Logprobs, Plan, Reasoning, Show
from proxy.dialects import CATALOGUE as DIALECTS
from proxy.errors import CallerError
from proxy.shaping.requests import CATALOGUE
from proxy.shaping.requests.knobs import KNOBS
from proxy.shaping.requests.members import turns

READERS = {dialect.name: dialect for dialect in DIALECTS}
LEAST_CAP = {"openai_responses": 16}
"""Where the provider refuses a lower cap than this."""

dialects = pytest.mark.parametrize("name", CATALOGUE)

odd = st.sampled_from([None, True, 0, -1, 3, 2.5, "x", "high", [], ["a"], {}, {"type": "x"}])
efforts = st.sampled_from([*EFFORTS, "ultra"])
amounts = st.integers(0, 70_000)
texts = st.sampled_from(["", "be kind", "be kind\n\nnow", "é \u2028", "\\/"])
google = st.fixed_dictionaries(
    {}, optional={"thinking_budget": amounts | st.just(-1), "include_thoughts": st.booleans(), "thinking_level": efforts}
)
thinking = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["enabled", "adaptive", "disabled", "between_tools"]),
        "budget_tokens": amounts,
        "display": st.sampled_from(["summarized", "omitted"]),
    },
)
messages = st.lists(
    st.fixed_dictionaries({"role": st.sampled_from(["system", "developer", "user", "assistant", "tool"]), "content": texts | odd}),
    max_size=4,
)
members = {
    "model": st.sampled_from(["a", "b"]),
    "messages": messages,
    "input": messages | texts,
    "prompt": texts | st.lists(texts, max_size=3) | st.lists(st.integers(0, 9), max_size=3),
    "system": texts | st.lists(st.fixed_dictionaries({"type": st.just("text"), "text": texts}), max_size=2),
    "instructions": texts,
    "n": st.integers(0, 6),
    "best_of": st.integers(0, 6),
    "max_tokens": amounts,
    "max_output_tokens": amounts,
    "stream": st.booleans(),
    "stream_options": st.fixed_dictionaries({}, optional={"include_usage": st.booleans(), "x": odd}),
    "logprobs": st.booleans() | st.integers(-1, 9),
    "top_logprobs": st.integers(-1, 20),
    "prompt_logprobs": st.integers(-1, 20),
    "return_token_ids": st.booleans(),
    "enable_response_messages": st.booleans(),
    "echo": st.booleans(),
    "reasoning_effort": efforts,
    "reasoning": st.fixed_dictionaries(
        {}, optional={"effort": efforts, "summary": st.sampled_from(["auto", "concise", "detailed"]), "max_tokens": amounts, "exclude": odd}
    ),
    "thinking": thinking,
    "output_config": st.fixed_dictionaries({}, optional={"effort": efforts, "format": odd}),
    "context_management": st.just({"edits": [{"type": "clear_thinking_20251015"}, {"type": "clear_tool_uses_20250919"}]}),
    "chat_template_kwargs": st.fixed_dictionaries({}, optional={"enable_thinking": st.booleans(), "thinking": st.booleans()}),
    "enable_thinking": st.booleans(),
    "extra_body": st.fixed_dictionaries({}, optional={"google": st.fixed_dictionaries({}, optional={"thinking_config": google})}),
    "include": st.lists(st.sampled_from(["message.output_text.logprobs", "reasoning.encrypted_content"]), max_size=3),
    "temperature": st.floats(0, 2),
    "x": odd,
}
WELL_FORMED = frozenset({"model", "include"})
"""What a dialect does not read at every request, or never wrong."""

bodies = st.fixed_dictionaries({}, optional={name: value if name in WELL_FORMED else value | odd for name, value in members.items()})
knobs = st.builds(Knobs, names=st.frozensets(st.sampled_from(sorted(KNOBS))), preopened=st.booleans())
reasonings = st.builds(Reasoning, show=st.sampled_from(Show), effort=st.sampled_from(["", *EFFORTS]))
plans = st.builds(
    Plan,
    ask_for_usage=st.booleans(),
    reasoning=reasonings,
    logprobs=st.builds(Logprobs, most=st.none() | st.integers(-1, 5)),
    output_cap=st.none() | st.integers(1, 70_000),
    single_choice=st.booleans(),
    model=st.sampled_from(["", "cheap"]),
    instruct=st.sampled_from([(), ("be kind",), ("be brief", "be kind")]),
    knobs=knobs,
)


def read(name: str, body: bytes):
    """The dialect's own reading; a body that it refuses is no case."""
    reader = READERS[name]
    try:
        return reader.read(reader.routes[0], body)
    except CallerError:
        assume(False)


def paths(value: object, at: str = "") -> Iterator[str]:
    """Every member there is, by where it stands."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield f"{at}.{key}"
            yield from paths(inner, f"{at}.{key}")
    elif isinstance(value, list):
        for inner in value:
            yield from paths(inner, f"{at}[]")


@dialects
@given(body=bodies, knobs=knobs)
def test_an_empty_plan_changes_no_byte(name, body, knobs):
    written = json.dumps(body).encode()
    assert CATALOGUE[name].request(written, Plan(knobs=knobs, bind=True)) is written


@given(plan=plans)
def test_a_plan_that_turns_a_request_is_one_that_does_more_than_ask_for_usage(plan):
    assert turns(plan) is replace(plan, ask_for_usage=False).edits_request


@dialects
@given(body=bodies, plan=plans)
def test_twice_is_once_and_the_second_time_the_same_object(name, body, plan):
    written = json.dumps(body).encode()
    read(name, written)
    once = CATALOGUE[name].request(written, plan)
    assert CATALOGUE[name].request(once, plan) is once


@dialects
@given(body=bodies, plan=plans)
def test_the_dialect_reads_what_comes_out_and_the_cap_holds(name, body, plan):
    written = json.dumps(body).encode()
    read(name, written)
    reader = READERS[name]
    after = reader.read(reader.routes[0], CATALOGUE[name].request(written, plan))
    if plan.output_cap is not None and after.output_cap is not None:
        prompts = len(body["prompt"]) if name == "openai_completions" and isinstance(body.get("prompt"), list) else 1
        assert after.output_cap <= max(plan.output_cap, LEAST_CAP.get(name, 1), prompts)
    if plan.single_choice and name == "openai_chat":
        assert after.choices == 1
    if plan.model:
        assert after.model == plan.model


@dialects
@given(body=bodies, plan=plans)
def test_nothing_unknown_is_added_and_nothing_else_changed(name, body, plan):
    written = json.dumps(body).encode()
    read(name, written)
    bare = Plan(reasoning=plan.reasoning, logprobs=plan.logprobs, output_cap=plan.output_cap, single_choice=plan.single_choice)
    after = CATALOGUE[name].request(written, bare)
    assert set(paths(json.loads(after))) <= set(paths(body))
    before, now = (msgspec.json.decode(each, type=dict[str, msgspec.Raw]) for each in (written, CATALOGUE[name].request(written, plan)))
    for untouched in ("temperature", "x", "prompt", "input"):
        assert before.get(untouched) == now.get(untouched)
    kept = [key for key in before if key in now]
    assert [key for key in now if key in before] == kept, "the order stays"


@dialects
@given(body=bodies, plan=plans)
def test_no_effort_and_no_cap_is_raised(name, body, plan):
    written = json.dumps(body).encode()
    read(name, written)
    after = json.loads(CATALOGUE[name].request(written, plan))
    for key in ("max_tokens", "max_output_tokens", "n", "best_of"):
        if isinstance(body.get(key), int) and not isinstance(body.get(key), bool) and body[key] >= 1:
            assert after[key] <= body[key]
    for asked, got in ((body.get("reasoning_effort"), after.get("reasoning_effort")), (inner(body, "effort"), inner(after, "effort"))):
        if asked in EFFORTS:
            assert EFFORTS.index(got) <= EFFORTS.index(asked)


def inner(body, name):
    """Of `reasoning`."""
    found = body.get("reasoning")
    return found.get(name) if isinstance(found, dict) else None


@dialects
@given(
    plan=plans, body=st.binary(max_size=40) | st.sampled_from([b"", b"[]", b"null", b'{"messages":"x"}', b'{"messages":[1,[]],"n":"\xff"}'])
)
def test_nothing_raises_for_what_is_no_request(name, plan, body):
    bare = Plan(reasoning=plan.reasoning, logprobs=plan.logprobs, output_cap=plan.output_cap, instruct=plan.instruct, knobs=plan.knobs)
    CATALOGUE[name].request(body, bare)


def test_a_shaper_is_called_as_its_dialect():
    assert set(CATALOGUE) < set(READERS)
    assert all(shaper.name == name for name, shaper in CATALOGUE.items())
    assert {each for knob in KNOBS.values() for each in knob.dialects} <= set(CATALOGUE)
