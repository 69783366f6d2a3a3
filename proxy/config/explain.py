"""pydantic's errors in our words. Rule: a message shows a value only where the caller says it cannot be a secret."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, get_args, get_type_hints

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from proxy.config.numbers import meant, shown
from proxy.config.problems import Keys

_WORDS: Mapping[str, str] = {
    "model_type": "a mapping (key: value) is expected",
    "dict_type": "a mapping (key: value) is expected",
    "tuple_type": "a list is expected",
    "list_type": "a list is expected",
    "string_type": "a text is expected; put quotes around it",
    "int_type": "a whole number is expected",
    "int_parsing": "a whole number is expected",
    "int_from_float": "a whole number is expected",
    "float_type": "a number is expected",
    "float_parsing": "a number is expected",
    "finite_number": "a number is expected",
    "bool_type": "true or false is expected",
    "too_short": "at least one is needed",
    "string_too_short": "must not be empty",
}
_BOUNDS: Mapping[str, tuple[str, str]] = {
    "greater_than_equal": ("at least", "ge"),
    "greater_than": ("more than", "gt"),
    "less_than_equal": ("at most", "le"),
    "less_than": ("less than", "lt"),
}


MOST_LISTED = 20
"""Keys that are named where none is near."""


def explained(error: ErrorDetails, root: type[BaseModel], *, echo: bool) -> str:
    """What is wrong, in plain words, with a suggestion where one is near."""
    kind, context = error["type"], error.get("ctx", {})
    name = str(error["loc"][-1]) if error["loc"] else ""
    if kind in _BOUNDS:
        words, bound = _BOUNDS[kind]
        return f"must be {words} {context[bound]}"
    special: dict[str, Callable[[], str]] = {
        "extra_forbidden": lambda: _unknown(name, known(root, error["loc"]), echo=echo),
        "missing": lambda: f"'{name}' is missing",
        "literal_error": lambda: _choice(error.get("input"), context["expected"], echo=echo),
        "value_error": lambda: str(context["error"]),
    }
    return special[kind]() if kind in special else _WORDS.get(kind, "this value cannot be used here")


def known(root: type[BaseModel], location: Keys) -> list[str]:
    """The keys that may stand where the last part of `location` stands."""
    models = {root}
    for part in location[:-1]:
        models = {inner for model in models for inner in _below(model, part)} or models
    return sorted({name for model in models for name in _names(model)})


def _unknown(name: str, names: list[str], *, echo: bool) -> str:
    if not echo and not re.fullmatch(r"[a-z_-]{1,32}", name):
        return "an unknown key"
    listed = f"; known are {', '.join(names)}" if 0 < len(names) <= MOST_LISTED else ""
    return f"unknown key {shown(name)}{meant(name, names) or listed}"


def _choice(value: object, expected: str, *, echo: bool) -> str:
    choices = [choice for choice in re.findall(r"'([^']*)'", expected) if choice]
    listed = ", ".join(choices) or "true"
    if not echo:
        return f"must be one of {listed}"
    return f"{shown(value)} is not one of {listed}{meant(str(value), choices)}"


def _names(model: type[BaseModel]) -> Iterator[str]:
    return (field.alias or name for name, field in model.model_fields.items())


def _below(model: type[BaseModel], part: str | int) -> Iterator[type[BaseModel]]:
    """The models that may stand under the key `part` of `model`."""
    for name, field in model.model_fields.items():
        if part in {name, field.alias}:
            yield from _models(field.annotation)
            return
    if model.model_config.get("extra") == "allow":
        yield from _models(get_type_hints(model).get("__pydantic_extra__"))


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models named anywhere in a type."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models(inner)
