"""YAML 1.2 to plain values, with the line and column of every key and value.

Read from the parser's events, with the core schema's few types (YAML 1.2.2, 10.3.2): `no` stays a text, and a tag cannot
make anything else. Duplicate keys, several documents, merge keys and tags are problems; size, depth and aliases are bounded.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from proxy.config.problems import Keys, Place, PolicyProblems, Problem

LARGEST = 1 << 20
"""Bytes of one file."""

DEEPEST = 32
"""Levels of nesting."""

MOST_VALUES = 50_000
"""Values of one file, aliases written out: what stops an alias bomb."""

MOST_ALIASES = 200

_OPENED = {"while parsing a flow mapping": "{", "while parsing a flow sequence": "["}
"""What the parser calls it, and what stands there."""

_CONSTANTS = {"": None, "~": None, "null": None, "Null": None, "NULL": None} | {
    word: value for value, words in ((True, "true True TRUE"), (False, "false False FALSE")) for word in words.split()
}
_INT = re.compile(r"[-+]?[0-9][0-9_]{0,29}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]{1,4})?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")


@dataclass(slots=True)
class Document:
    """One file's content, or several files' joined."""

    name: str
    data: dict[str, Any] = field(default_factory=dict)
    values: dict[Keys, Place] = field(default_factory=dict)
    """Where each value begins."""
    keys: dict[Keys, Place] = field(default_factory=dict)
    """Where each key begins."""

    def path(self, location: Keys) -> Keys:
        """The part of `location` that stands in the file: what a validator put between is left out."""
        path: Keys = ()
        for part in location:
            path = (*path, part) if (*path, part) in self.values else path
        return path

    def place(self, location: Keys, *, key: bool = False) -> Place:
        """Where the value (or the key) of `location` begins, or of what is nearest around it."""
        path = self.path(location)
        return (self.keys.get(path) if key else None) or self.values.get(path) or Place(self.name)

    def problem(self, location: Keys, text: str, *, key: bool = False) -> Problem:
        return Problem(self.place(location, key=key), self.path(location), text)


def read(text: str, name: str) -> Document:
    """The document in `text`. Raises `PolicyProblems`."""
    document = Document(name)
    if len(text.encode(errors="replace")) > LARGEST:
        raise PolicyProblems([Problem(Place(name), (), f"larger than {LARGEST >> 20} MiB")])
    reader = _Reader(document, _events(text, name))
    document.data = reader.top()
    if reader.problems:
        raise PolicyProblems(reader.problems)
    return document


def _events(text: str, name: str) -> Iterator[Any]:
    try:
        yield from YAML(typ="safe", pure=True).parse(text)
    except MarkedYAMLError as error:
        raise PolicyProblems([_not_yaml(error, name)]) from None
    except (YAMLError, ValueError, OverflowError):
        raise PolicyProblems([Problem(Place(name), (), "not YAML: it holds a character that YAML does not allow")]) from None


def _not_yaml(error: MarkedYAMLError, name: str) -> Problem:
    """The commonest slips in plain words, where they begin; for others the parser's own."""
    said, found, begun = str(error.problem), error.problem_mark, error.context_mark
    opened = _OPENED.get(str(error.context))
    if opened and begun and found:
        until = f"line {found.line + 1}, column {found.column + 1}"
        return Problem(_marked(begun, name), (), f"not YAML: the {opened} that opens here is not closed, or a comma is missing, by {until}")
    if said.endswith("found '<stream end>'"):
        return Problem(_marked(found, name), (), "not YAML: the file ends within a { or [ that is not closed")
    if said.startswith("found character '\\t'"):
        return Problem(_marked(found, name), (), "not YAML: a tab stands here; indent with spaces")
    return Problem(_marked(found or begun, name), (), f"not YAML: {_unquoted(error.problem or error.context)}")


def _marked(mark: Any, name: str) -> Place:
    return Place(name, mark.line + 1, mark.column + 1) if mark else Place(name)


def _unquoted(message: str | None) -> str:
    """The parser's message without pieces of the text: settings files hold secrets."""
    return re.sub(r"'[^'<][^']+'", "this", message or "it cannot be read")


class _Reader:
    """Builds values from events."""

    def __init__(self, document: Document, events: Iterator[Any]) -> None:
        self.problems: list[Problem] = []
        self._document = document
        self._events = events
        self._anchors: dict[str, tuple[Keys, Any]] = {}
        self._aliases = 0

    def top(self) -> dict[str, Any]:
        """The one document, a mapping; {} for an empty file."""
        next(self._events)
        if not isinstance(start := next(self._events), DocumentStartEvent):
            self._document.values[()] = Place(self._document.name, 1, 1)
            return {}
        if start.version not in {None, (1, 2)}:
            self._fail(start, (), "only YAML 1.2 is read; leave the %YAML line out")
        first = next(self._events)
        value = self._value(first, ())
        next(self._events)
        if isinstance(second := next(self._events), DocumentStartEvent):
            self._fail(second, (), "a second document begins here; one file is one document")
        if value is not None and not isinstance(value, dict):
            self._fail(first, (), "a mapping (key: value) is expected at the top")
        return value or {}

    def _value(self, event: Any, path: Keys) -> Any:
        self._document.values[path] = self._place(event)
        if len(path) > DEEPEST or len(self._document.values) > MOST_VALUES:
            self._fail(event, path[:DEEPEST], "nested too deeply, or too much for one file")
        if isinstance(event, AliasEvent):
            return self._alias(event, path)
        value = self._plain_value(event, path)
        if event.anchor:
            self._anchors[event.anchor] = (path, value)
        return value

    def _plain_value(self, event: Any, path: Keys) -> Any:
        if event.tag not in {None, "!", "tag:yaml.org,2002:str"}:
            self._fail(event, path, "a tag (!) is not taken here; put quotes around a text that begins so")
        if isinstance(event, MappingStartEvent):
            return self._mapping(path)
        if isinstance(event, SequenceStartEvent):
            return self._sequence(path)
        return self._scalar(event, path)

    def _mapping(self, path: Keys) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while not isinstance(event := next(self._events), MappingEndEvent):
            if not isinstance(event, ScalarEvent) or event.value == "<<":
                self._fail(event, path, "a key must be a plain text; merge keys (<<) are not part of YAML 1.2")
            name = self._text(event, path)
            here, place = (*path, name), self._place(event)
            if name in found:
                self.problems.append(Problem(place, here, f"stands here twice, first in line {self._document.keys[here].line}"))
            self._document.keys[here] = place
            found[name] = self._value(next(self._events), here)
        return found

    def _sequence(self, path: Keys) -> list[Any]:
        found: list[Any] = []
        while not isinstance(event := next(self._events), SequenceEndEvent):
            found.append(self._value(event, (*path, len(found))))
        return found

    def _scalar(self, event: Any, path: Keys) -> Any:
        text = self._text(event, path)
        if event.tag or event.style in {"'", '"', "|", ">"}:
            return text
        if text in _CONSTANTS:
            if _CONSTANTS[text] is None:
                self._fail_later(event, path, "has no value; leave it out, or write {} for nothing")
            return _CONSTANTS[text]
        if _INT.fullmatch(text):
            return int(text)
        return float(text.lower().replace(".inf", "inf").replace(".nan", "nan")) if _FLOAT.fullmatch(text) else text

    def _alias(self, event: Any, path: Keys) -> Any:
        """The anchored value again; its places, for messages, are those of the anchor."""
        self._aliases += 1
        if event.anchor not in self._anchors:
            self._fail(event, path, "this alias (*) has no anchor before it; put quotes around a text that begins so")
        source, value = self._anchors[event.anchor]
        for places in (self._document.values, self._document.keys):
            copied = {(*path, *keys[len(source) :]): place for keys, place in places.items() if _below(keys, source)}
            places.update(copied)
        if len(self._document.values) > MOST_VALUES or self._aliases > MOST_ALIASES:
            self._fail(event, path, "aliases make this too much for one file")
        return value

    def _text(self, event: Any, path: Keys) -> str:
        text: str = event.value
        if any("\ud800" <= letter <= "\udfff" for letter in text):
            self._fail(event, path, "holds half a character (a lone surrogate)")
        return text

    def _place(self, event: Any) -> Place:
        return Place(self._document.name, event.start_mark.line + 1, event.start_mark.column + 1)

    def _fail_later(self, event: Any, path: Keys, text: str) -> None:
        self.problems.append(Problem(self._place(event), path, text))

    def _fail(self, event: Any, path: Keys, text: str) -> None:
        raise PolicyProblems([*self.problems, Problem(self._place(event), path, text)])


def _below(keys: Keys, source: Keys) -> bool:
    return len(keys) > len(source) and keys[: len(source)] == source
