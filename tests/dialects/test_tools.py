"""Tools by name, and the one that is forced and takes nothing but text."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.dialects import tools
from proxy.dialects.conversation import read

THINK = {"type": "object", "properties": {"thought": {"type": "string"}}, "required": ["thought"]}
SEARCH = {"type": "object", "properties": {"query": {"type": "string"}, "most": {"type": "integer"}}}


def tool(dialect, name, schema):
    if dialect == "anthropic_messages":
        return {"name": name, "input_schema": schema}
    flat = {"name": name, "parameters": schema}
    return {"type": "function", **flat} if dialect == "openai_responses" else {"type": "function", "function": flat}


def choice(dialect, name):
    if dialect == "anthropic_messages":
        return {"type": "tool", "name": name} if name else {"type": "any"}
    if not name:
        return "required"
    return {"type": "function", "name": name} if dialect == "openai_responses" else {"type": "function", "function": {"name": name}}


def found(dialect, **body):
    return read(dialect, json.dumps({"messages": [], "input": []} | body).encode())


@pytest.mark.parametrize("dialect", ["openai_chat", "openai_responses", "anthropic_messages"])
def test_a_tool_that_takes_text_only_and_must_be_called(dialect):
    both = [tool(dialect, "think", THINK), tool(dialect, "search", SEARCH)]
    kits = [found(dialect, tools=some).toolkit for some in (both, both[:1], both[::-1], [])]
    assert len(set(kits)) == len(kits)
    assert kits[0] == found("openai_chat", tools=[tool("openai_chat", "think", THINK), tool("openai_chat", "search", SEARCH)]).toolkit
    assert found(dialect, tools=both, tool_choice=choice(dialect, "think")).forced
    assert not found(dialect, tools=both, tool_choice=choice(dialect, "search")).forced
    assert not found(dialect, tools=both, tool_choice=choice(dialect, "other")).forced
    assert not found(dialect, tools=both, tool_choice=choice(dialect, "")).forced
    assert found(dialect, tools=both[:1], tool_choice=choice(dialect, "")).forced
    assert not found(dialect, tools=both[1:], tool_choice=choice(dialect, "")).forced
    assert not found(dialect, tools=both[:1]).forced
    assert not found(dialect, tools=both[:1], tool_choice={"type": "auto"}).forced
    assert not found(dialect, tools=both[:1], tool_choice="auto").forced
    assert not found(dialect, tool_choice=choice(dialect, "think")).forced


def test_the_older_words_for_it():
    functions = [{"name": "think", "parameters": THINK}]
    assert found("openai_chat", functions=functions, function_call={"name": "think"}).forced
    assert not found("openai_chat", functions=functions, function_call="auto").forced


@pytest.mark.parametrize(
    ("dialect", "offered", "choice"),
    [
        ("openai_responses", {"type": "custom", "name": "think"}, {"type": "custom", "name": "think"}),
        ("openai_chat", {"type": "custom", "custom": {"name": "think"}}, {"type": "custom", "custom": {"name": "think"}}),
    ],
)
def test_a_custom_tool_takes_text_by_itself(dialect, offered, choice):
    assert found(dialect, tools=[offered], tool_choice=choice).forced
    assert found(dialect, tools=[offered]).toolkit == found("openai_chat", functions=[{"name": "think"}]).toolkit


@pytest.mark.parametrize("nonsense", [7, [], {}, "x", [7], [{"function": 7}], [{"name": 7, "parameters": {"properties": {"a": 7}}}]])
def test_nonsense_is_not_forced(nonsense):
    assert not found("openai_chat", tools=nonsense, tool_choice="required").forced
    assert not found("openai_chat", tools=[tool("openai_chat", "a", nonsense)], tool_choice=nonsense).forced
    assert not found("openai_chat", tools=[tool("openai_chat", "a", nonsense)], tool_choice="required").forced


_words = st.sampled_from(["function", "custom", "think", "", "x" * 300])
_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), _words, st.just(THINK)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=2),
        st.dictionaries(st.sampled_from(["type", "name", "function", "custom", "parameters", "input_schema"]), inner, max_size=4),
    ),
    max_leaves=12,
)


@given(st.lists(_values, max_size=4))
def test_a_list_that_is_read_at_once_says_what_its_tools_say_one_by_one(offered):
    raw = msgspec.Raw(json.dumps(offered).encode())
    one_by_one = tuple(tools._read(msgspec.Raw(json.dumps(each).encode())) for each in offered)
    assert [(tool.name, tool.kind, bytes(tool.schema)) for tool in tools.named(raw)] == [
        (tool.name, tool.kind, bytes(tool.schema)) for tool in one_by_one
    ]
    assert tools.digest(raw) == tools._digest(one_by_one)


def test_what_is_remembered_of_toolkits_is_bounded_and_changes_nothing():
    kits = [msgspec.Raw(json.dumps([{"name": f"tool {n}"}]).encode()) for n in range(tools.REMEMBERED + 5)]
    first = [tools.digest(kit) for kit in kits]
    assert len(tools._digests) <= tools.REMEMBERED
    assert [tools.digest(kit) for kit in kits] == first
    assert len(set(first)) == len(kits)
