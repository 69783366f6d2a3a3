"""One conversation, written in the words of each dialect, and in the ways in which its clients write the same thing."""

import json
from typing import Any

from hypothesis import strategies as st

DIALECTS = ("openai_chat", "openai_responses", "anthropic_messages", "openai_completions")
TALKING = DIALECTS[:3]
"""Those that have turns."""

CALLS = {
    "openai_chat": [{"role": "assistant", "tool_calls": [{"id": "c"}]}, {"role": "tool", "tool_call_id": "c", "content": "4"}],
    "openai_responses": [{"type": "function_call", "call_id": "c"}, {"type": "function_call_output", "call_id": "c", "output": "4"}],
    "anthropic_messages": [
        {"role": "assistant", "content": [{"type": "tool_use", "id": "c"}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c", "content": "4"}]},
    ],
}  # fmt: skip
"""A call and its result."""


def body(dialect: str, text: Any, system: str = "", after: list[Any] | None = None, **more: Any) -> bytes:
    """A request that begins with `text`."""
    turns = [{"role": "user", "content": text}, *(after or [])]
    if dialect == "openai_completions":
        found: dict[str, Any] = {"prompt": text}
    elif dialect == "openai_responses":
        found = {"input": turns, "instructions": system}
    elif dialect == "anthropic_messages":
        found = {"messages": turns, "system": system}
    else:
        found = {"messages": [*([{"role": "system", "content": system}] if system else []), *turns]}
    return json.dumps(found | more).encode()


def parts(dialect: str, text: str) -> list[dict[str, str]]:
    """The same text as a list of one part."""
    return [{"type": "input_text" if dialect == "openai_responses" else "text", "text": text}]


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3), max_leaves=6,
)  # fmt: skip
members = st.sampled_from(["role", "type", "content", "text", "tool_use_id", "name", "function", "parameters", "properties", "x"])
nested = st.recursive(
    values | st.sampled_from(["user", "assistant", "system", "message", "text"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(members, inner, max_size=4), max_leaves=12,
)  # fmt: skip
names = st.sampled_from(
    ["messages", "input", "prompt", "system", "instructions", "tools", "functions", "tool_choice", "function_call", "text"]
)
nonsense = st.dictionaries(names, nested, max_size=5).map(lambda found: json.dumps(found).encode()) | st.binary(max_size=60)
"""Bodies that are a dialect's in a few words only, or in none."""
