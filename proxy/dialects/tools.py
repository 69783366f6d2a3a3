"""The tools that a request offers, in the words of any dialect, and whether it forces one that takes nothing but text.

Into such a tool models write real working, whatever is done with their reasoning (arXiv 2609.26637).
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from proxy.dialects.peek import BROKEN, text

Raw = msgspec.Raw
T = TypeVar("T")

MOST = 256
"""Tools that are looked at."""

ANY = frozenset({"any", "required"})
"""Words for: one of them, whichever."""


@dataclass(frozen=True, slots=True)
class Tool:
    """One that is offered."""

    name: str
    kind: str
    schema: Raw
    """Of its arguments."""


class _Tool(msgspec.Struct):
    """Chat nests what the other dialects lay flat."""

    type: Any = None
    name: Any = None
    function: Raw = Raw()
    custom: Raw = Raw()
    parameters: Raw = Raw()
    input_schema: Raw = Raw()


class _Choice(msgspec.Struct):
    type: Any = None
    name: Any = None
    function: Raw = Raw()
    custom: Raw = Raw()


class _Schema(msgspec.Struct):
    properties: dict[str, Raw] = {}


class _Argument(msgspec.Struct):
    type: Any = None


_tool = msgspec.json.Decoder(_Tool)
_choice = msgspec.json.Decoder(_Choice)
_schema = msgspec.json.Decoder(_Schema)
_argument = msgspec.json.Decoder(_Argument)
_word = msgspec.json.Decoder(str)


def named(*lists: Sequence[Raw]) -> tuple[Tool, ...]:
    """Those of `tools` and of the legacy `functions`, in order."""
    return tuple(_read(raw) for each in lists for raw in each[:MOST])


def digest(tools: Sequence[Tool]) -> bytes:
    """Of all of them together: names and arguments, in order. b"" for none."""
    if not tools:
        return b""
    return hashlib.blake2b(
        b"\0".join(part for tool in tools for part in (tool.name.encode("utf-8", "replace"), tool.schema)), digest_size=16
    ).digest()


def forced(tools: Sequence[Tool], *choices: Raw) -> bool:
    """Must one be called, and does whichever that may be take one text and nothing else? `choices`: `tool_choice`, `function_call`."""
    for raw in choices if tools else ():
        name = _forces(raw)
        if name is not None:
            asked = [tool for tool in tools if name in ("", tool.name)]
            return bool(asked) and all(_takes_text(tool) for tool in asked)
    return False


def _read(raw: Raw) -> Tool:
    found = _opened(_tool, raw) or _Tool()
    inner = _opened(_tool, found.function) or _opened(_tool, found.custom) or found
    schema = found.input_schema if bytes(found.input_schema) else inner.parameters
    return Tool(text(inner.name), text(found.type), schema)


def _forces(raw: Raw) -> str | None:
    """The name of the tool that must be called, "" for any; None where none must."""
    word = _opened(_word, raw)
    found = _opened(_choice, raw) if word is None else _Choice(type=word)
    if found is None:
        return None
    inner = _opened(_choice, found.function) or _opened(_choice, found.custom) or found
    return "" if text(found.type) in ANY else text(inner.name) or None


def _takes_text(tool: Tool) -> bool:
    """A custom tool takes free text by itself."""
    if tool.kind == "custom" and not bytes(tool.schema):
        return True
    schema = _opened(_schema, tool.schema)
    if schema is None or len(schema.properties) != 1:
        return False
    argument = _opened(_argument, next(iter(schema.properties.values())))
    return argument is not None and argument.type == "string"


def _opened(decoder: msgspec.json.Decoder[T], raw: Raw) -> T | None:
    """None where there is nothing, or something else."""
    if not memoryview(raw):
        return None
    try:
        return decoder.decode(raw)
    except BROKEN:
        return None
