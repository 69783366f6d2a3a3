"""The tools that a request offers, in the words of any dialect, and whether it forces one that takes nothing but text.

Into such a tool models write real working, whatever is done with their reasoning (arXiv 2609.26637).

An agent sends the same tools with each of its turns, and they are the longest part of many a request: so their digest is remembered by a
keyed hash of them (Python's own, 64 bits, another key in each process), and they are looked into where a tool may be forced only.
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

REMEMBERED = 1024
"""Toolkits whose digest is remembered, a hundred bytes each; then all are forgotten."""

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


class _Inner(msgspec.Struct):
    type: Any = None
    name: Any = None
    parameters: Raw = Raw()


class _Usual(msgspec.Struct):
    """As every SDK writes it: then all of a list are read at once."""

    type: Any = None
    name: Any = None
    function: _Inner | None = None
    custom: _Inner | None = None
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


_list = msgspec.json.Decoder(list[Raw])
_usual = msgspec.json.Decoder(list[_Usual])
_tool = msgspec.json.Decoder(_Tool)
_choice = msgspec.json.Decoder(_Choice)
_schema = msgspec.json.Decoder(_Schema)
_argument = msgspec.json.Decoder(_Argument)
_word = msgspec.json.Decoder(str)


_digests: dict[tuple[int, int], bytes] = {}


def digest(*offered: Raw) -> bytes:
    """Of all tools together: names and arguments, in order. b"" for none. `offered`: `tools`, and the legacy `functions`."""
    whole = b"\0".join(offered)
    known = hash(whole), len(whole)
    found = _digests.get(known)
    if found is None:
        if len(_digests) >= REMEMBERED:
            _digests.clear()
        found = _digests[known] = _digest(named(*offered))
    return found


def named(*offered: Raw) -> tuple[Tool, ...]:
    """The tools, in order."""
    return tuple(tool for raw in offered for tool in _all(raw))


def _digest(tools: Sequence[Tool]) -> bytes:
    if not tools:
        return b""
    return hashlib.blake2b(
        b"\0".join(part for tool in tools for part in (tool.name.encode("utf-8", "replace"), tool.schema)), digest_size=16
    ).digest()


def forced(offered: Sequence[Raw], *choices: Raw) -> bool:
    """Must one be called, and does whichever that may be take one text and nothing else? `choices`: `tool_choice`, `function_call`."""
    for raw in choices:
        name = _forces(raw)
        if name is not None:
            asked = [tool for tool in named(*offered) if name in ("", tool.name)]
            return bool(asked) and all(_takes_text(tool) for tool in asked)
    return False


def _all(raw: Raw) -> list[Tool]:
    """Of one list; none of anything else."""
    if bytes(memoryview(raw)[:1]) != b"[":
        return []
    usual = _opened(_usual, raw)
    if usual is None:
        return [_read(each) for each in (_opened(_list, raw) or [])[:MOST]]
    return [_known(each) for each in usual[:MOST]]


def _known(found: _Usual) -> Tool:
    inner = found.function or found.custom or found
    schema = found.input_schema if memoryview(found.input_schema) else inner.parameters
    return Tool(text(inner.name), text(found.type), schema)


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
