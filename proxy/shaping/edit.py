"""Changing JSON without rebuilding what is not changed: objects are opened level by level, values stay as the provider wrote them."""

from typing import TypeVar

import msgspec

from proxy.dialects import peek

Raw = msgspec.Raw
Object = dict[str, msgspec.Raw]
"""A JSON object, opened one level; the values' bytes are as they came, and so is the order."""

NULL = Raw(b"null")
EMPTY = Raw(b'""')

T = TypeVar("T")

_object = msgspec.json.Decoder(Object)
_array = msgspec.json.Decoder(list[msgspec.Raw])
_text = msgspec.json.Decoder(str)
_encode = msgspec.json.Encoder().encode

BROKEN = peek.BROKEN
"""What opening raises where there is something else."""


def opened(raw: bytes | Raw) -> Object:
    """The members of an object. Raises one of `BROKEN`."""
    return _object.decode(raw)


def items(raw: bytes | Raw) -> list[Raw]:
    """The items of an array. Raises one of `BROKEN`."""
    return _array.decode(raw)


def maybe_object(raw: bytes | Raw | None) -> Object | None:
    """The members of an object, None where it is none."""
    try:
        return _object.decode(raw) if raw is not None else None
    except BROKEN:
        return None


def maybe_items(raw: bytes | Raw | None) -> list[Raw] | None:
    """The items of an array, None where it is none."""
    try:
        return _array.decode(raw) if raw is not None else None
    except BROKEN:
        return None


def maybe_text(raw: bytes | Raw | None) -> str | None:
    """A text, None where it is none."""
    try:
        return _text.decode(raw) if raw is not None else None
    except BROKEN:
        return None


def closed(value: object) -> Raw:
    """Back to JSON; `Raw` values as they are."""
    return Raw(_encode(value))


def written(value: object) -> bytes:
    """The same, as bytes."""
    return _encode(value)
