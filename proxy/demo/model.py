"""The model itself: a prompt in, a reply out. Knows no dialect.

The text depends on the conversation only, so that a stream and a whole answer, or two caps, can be compared.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import msgspec

from proxy.demo.inline import inlined
from proxy.demo.kinds import INLINE, MODELS, kind_of
from proxy.demo.text import answer_words, pieces, seed, words
from proxy.errors import CallerError

CREATED = 1_767_225_600
"""When everything of the demo was made, epoch seconds (2026-01-01): a clock would make two answers differ."""

USUAL = 40
"""Tokens of an answer that nobody asked to be longer."""

USUAL_REASONING = 20
MOST = 100_000

_LENGTH = re.compile(r"\b(say|think) (\d{1,7}) words?\b", re.IGNORECASE)
_TOOL = re.compile(r"\btools?\b", re.IGNORECASE)
_TWO = re.compile(r"\btwo tools\b", re.IGNORECASE)


class Ending(Enum):
    """Why a reply ends; each dialect has its own words for it."""

    STOP = 1
    LENGTH = 2
    SEQUENCE = 3
    TOOL = 4


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that the caller offers."""

    name: str
    schema: Mapping[str, Any] = field(default_factory=dict)
    """JSON Schema of its arguments."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """What the model is asked."""

    model: str
    conversation: object
    """All that the reply depends on, as JSON."""
    said: str
    """What the user said last; may hold "say N words" or "think N words"."""
    cap: int | None = None
    """Most tokens, reasoning included."""
    stop: tuple[str, ...] = ()
    tools: tuple[Tool, ...] = ()
    """Answer with a call of each."""
    reasons: bool = False
    effort: float = 1.0
    """Share of the reasoning that it would otherwise do."""
    budget: int | None = None
    """Most tokens of reasoning."""


@dataclass(frozen=True, slots=True)
class Call:
    """One tool call."""

    seed: int
    """What its id is made of."""
    tool: Tool
    arguments: tuple[str, ...]
    """Tokens."""
    cut: bool
    """Whether the cap cut them off."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What the model says, token by token: reasoning, then text, then the arguments of tool calls."""

    seed: int
    reasoning: tuple[str, ...]
    text: tuple[str, ...]
    calls: tuple[Call, ...]
    ending: Ending
    stopped_by: str | None = None

    @property
    def tokens(self) -> int:
        return len(self.reasoning) + len(self.text) + sum(len(call.arguments) for call in self.calls)


def known(model: str) -> str:
    """`model`, if it is one of ours. Raises `CallerError` 404."""
    if model not in MODELS:
        raise CallerError(
            f"The model '{model[:120]}' does not exist. The demo has: {', '.join(MODELS)}.", status=404, code="model_not_found"
        )
    return model


def reply(prompt: Prompt, choice: int = 0) -> Reply:
    """The model's reply; `choice` counts from 0 where several are wanted. Raises `CallerError` 404 for an unknown model."""
    start = seed(known(prompt.model), prompt.conversation, choice)
    lengths = {verb.lower(): min(int(number), MOST) for verb, number in _LENGTH.findall(prompt.said)}
    cap = 2 * MOST if prompt.cap is None else prompt.cap
    inline = kind_of(prompt.model) in INLINE  # reasoning is text to it, and cut as text is
    thought = _thought(prompt, start, lengths.get("think", USUAL_REASONING), 2 * MOST if inline else cap)
    text = () if prompt.tools else answer_words(start, lengths.get("say", USUAL))
    if inline:
        thought, text = (), inlined(kind_of(prompt.model), thought, text, prompt.said)
    text, stopped_by = _until(text, prompt.stop)
    room = cap - len(thought) - len(text)
    if room < 0:
        return Reply(start, thought, text[:room], (), Ending.LENGTH)
    if stopped_by or not prompt.tools:
        return Reply(start, thought, text, (), Ending.SEQUENCE if stopped_by else Ending.STOP, stopped_by)
    return Reply(start, thought, text, *_calls(prompt.tools, start, room))


def _thought(prompt: Prompt, start: int, usual: int, cap: int) -> tuple[str, ...]:
    if not prompt.reasons:
        return ()
    most = cap // 2 if prompt.budget is None else min(cap // 2, prompt.budget)
    return words(start ^ 1, math.ceil(usual * prompt.effort))[:most]


def _calls(tools: tuple[Tool, ...], start: int, room: int) -> tuple[tuple[Call, ...], Ending]:
    """A call of each tool while there is room."""
    calls: list[Call] = []
    for place, tool in enumerate(tools):
        own = seed(start, place) if place else start
        arguments = _arguments(tool.schema, own)
        calls.append(Call(own, tool, arguments[:room], len(arguments) > room))
        room -= len(arguments)
        if room < 0 or (room == 0 and place + 1 < len(tools)):
            return tuple(calls), Ending.LENGTH
    return tuple(calls), Ending.TOOL


def replies(prompt: Prompt, number: int) -> tuple[Reply, ...]:
    """`number` different replies."""
    return tuple(reply(prompt, choice) for choice in range(number))


def _until(tokens: tuple[str, ...], stops: tuple[str, ...]) -> tuple[tuple[str, ...], str | None]:
    """`tokens` up to the first of `stops`, and which one it was; a token may be cut in two."""
    whole = "".join(tokens) if any(stops) else ""
    found = [(whole.index(stop), stop) for stop in stops if stop and stop in whole]
    if not found:
        return tokens, None
    end, stop = min(found)
    return tuple(re.findall(r"\s*\S+|\s+", whole[:end])), stop


def _arguments(schema: Mapping[str, Any], start: int) -> tuple[str, ...]:
    """The tokens of a JSON object that fits `schema`."""
    value = _sample({"type": "object", "properties": schema.get("properties")}, start)
    return pieces(msgspec.json.format(msgspec.json.encode(value), indent=0).decode())


def _sample(schema: object, start: int) -> object:
    """A value that fits a JSON Schema of the usual simple kind; two words where the schema is of another."""
    given = schema if isinstance(schema, dict) else {}
    properties, choices, kind = given.get("properties"), given.get("enum"), given.get("type")
    if isinstance(choices, list) and choices:
        return choices[0]
    if kind == "object":
        return {name: _sample(part, start + 1) for name, part in properties.items()} if isinstance(properties, dict) else {}
    if kind == "array":
        return [_sample(given.get("items"), start + 1)]
    plain = {"integer": start % 10, "number": start % 10 + 0.5, "boolean": True, "null": None}
    return plain[kind] if isinstance(kind, str) and kind in plain else "".join(words(start, 2))


def chosen(tools: Sequence[Tool], mode: str, name: str, said: str, *, both: bool = False) -> tuple[Tool, ...]:
    """The tools to call: one, or two where the model can and the prompt says so. `mode`: auto | none | required | named.

    Raises `CallerError` for a name that is not offered.
    """
    if mode == "named":
        found = next((tool for tool in tools if tool.name == name), None)
        if found is None:
            raise CallerError(f"Tool '{name[:120]}' is not among the tools of this request.", param="tool_choice")
        return (found,)
    wanted = mode == "required" or (mode == "auto" and _TOOL.search(said))
    if not tools or not wanted:
        return ()
    return (tools[0], tools[1 % len(tools)]) if both and _TWO.search(said) else (tools[0],)
