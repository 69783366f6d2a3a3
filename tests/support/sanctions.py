"""Sanctions from the catalogue's own shapes, so that a new one is tested for nothing; and what of a shape's words can be checked."""

from typing import Any

from hypothesis import strategies as st

from proxy.config import measures
from proxy.core.sanctions import CATALOGUE
from proxy.core.sanctions.base import Sanction

_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,), "number": (int, float), "integer": (int,), "object": (dict,), "boolean": (bool,),
}  # fmt: skip
_NUMBERS = st.floats(0.01, 100, allow_nan=False).map(lambda number: round(number, 2)) | st.floats(0.01, 1)
WORDS = {
    "type", "const", "enum", "anyOf", "properties", "additionalProperties", "minimum", "minLength", "maxLength", "examples",
}  # fmt: skip
"""What a shape may be made of: what `accepts` understands."""


def accepts(shape: dict[str, Any], value: object) -> bool:
    """Does the JSON Schema `shape` take `value`? Knows the few words that sanctions use."""
    types = shape.get("type", [])
    kinds = [kind for name in ([types] if isinstance(types, str) else types) for kind in _TYPES[name]]
    fits = not kinds or (isinstance(value, tuple(kinds)) and (bool in kinds or not isinstance(value, bool)))
    return (
        fits
        and ("const" not in shape or value is shape["const"])
        and ("enum" not in shape or value in shape["enum"])
        and ("anyOf" not in shape or any(accepts(inner, value) for inner in shape["anyOf"]))
        and (not isinstance(value, dict) or _members(shape, value))
        and (not isinstance(value, str) or shape.get("minLength", 0) <= len(value) <= shape.get("maxLength", len(value)))
        and (not isinstance(value, int | float) or value >= shape.get("minimum", value))
    )


def _members(shape: dict[str, Any], value: dict[str, object]) -> bool:
    known = shape.get("properties", {})
    return all(accepts(known[name], inner) if name in known else shape.get("additionalProperties", True) for name, inner in value.items())


def values(shape: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Values of a shape; not all of them need be good ones."""
    if "const" in shape:
        return st.just(shape["const"])
    if "anyOf" in shape:
        return st.one_of([values(inner) for inner in shape["anyOf"]])
    if "enum" in shape:
        return st.sampled_from(shape["enum"])
    types = [shape["type"]] if isinstance(shape["type"], str) else shape["type"]
    return st.one_of([_typed(name, shape) for name in types])


def _typed(name: str, shape: dict[str, Any]) -> st.SearchStrategy[Any]:
    if name == "object":
        return st.fixed_dictionaries({}, optional={key: values(inner) for key, inner in shape["properties"].items()})
    if name == "string":
        text = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=12)
        return st.sampled_from(shape["examples"]) if "examples" in shape else text
    return st.integers(shape.get("minimum", 0), 5000) if name == "integer" else _NUMBERS


def read(name: str, value: object) -> Sanction | None:
    """The sanction, None where the value is none of its."""
    try:
        return CATALOGUE[name].read(value, measures)
    except ValueError:
        return None


def of(name: str) -> st.SearchStrategy[Sanction]:
    """Sanctions of one kind, as a policy may write them."""
    written = st.one_of(st.just(CATALOGUE[name].example), values(CATALOGUE[name].shape))
    found: st.SearchStrategy[Any] = written.map(lambda value: read(name, value)).filter(lambda sanction: sanction is not None)
    return found


sanctions = st.one_of([of(name) for name in CATALOGUE])
