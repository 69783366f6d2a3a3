"""Finding out what an event or a block is, without opening it: every byte is checked to be JSON, few are looked at."""

import json
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec

from proxy.shaping import frames, halves
from proxy.shaping.base import ShapingError
from proxy.shaping.edit import BROKEN, Object, Raw, opened, written

T = TypeVar("T")

ABSENT = Raw(b"")
"""What a member is that is not there."""


class _Typed(msgspec.Struct):
    type: Any = None


_number = msgspec.json.Decoder(int)
_typed = msgspec.json.Decoder(_Typed)


class Peeked(NamedTuple, Generic[T]):
    """One object, looked into."""

    seen: T
    data: bytes
    """What it was read from."""
    spelled: bool = False
    """Are halves of surrogate pairs spelled in it?"""

    def written(self, members: Object) -> bytes:
        """Changed, as JSON."""
        data = written(members)
        return halves.back(data) if self.spelled else data

    def changed(self, changes: Object) -> bytes:
        return self.written(opened(self.data) | changes)


def type_of(raw: Raw) -> str:
    """An object's `type`; "" where it has none."""
    try:
        kind = _typed.decode(raw).type if raw != ABSENT else ""
    except BROKEN:
        return ""
    return kind if isinstance(kind, str) else ""


def index_of(members: Object) -> int:
    """A choice's; 0 where it has none."""
    try:
        return _number.decode(members.get("index", b"0"))
    except BROKEN:
        return 0


def peeked(decoder: msgspec.json.Decoder[T], data: bytes, *, strict: bool) -> Peeked[T] | None:
    """One event; None where there is no object. Raises `ShapingError` if `strict` and it cannot be read."""
    if not data or data == frames.DONE:
        return None
    try:
        return Peeked(decoder.decode(data), data)
    except BROKEN:
        return _again(decoder, data, strict=strict)


def body_of(body: bytes, *, strict: bool) -> Peeked[Object] | None:
    """An answer's body; None where it is no object. Raises `ShapingError` if `strict`."""
    found = peeked(_members, body, strict=strict)
    if found is None and strict:
        raise ShapingError("the answer is no JSON object")
    return found


def _again(decoder: msgspec.json.Decoder[T], data: bytes, *, strict: bool) -> Peeked[T] | None:
    """What could not be read at once: no JSON, no object, or an object in which a sign is cut in two."""
    is_object = _is_object(data, strict=strict)
    spelled = halves.spelled(data) if is_object else None
    try:
        if spelled is not None:
            return Peeked(decoder.decode(spelled), spelled, spelled=True)
    except BROKEN:
        pass
    if is_object and strict:
        raise ShapingError("the answer holds something that cannot be read")
    return None


def _is_object(data: bytes, *, strict: bool) -> bool:
    """Raises `ShapingError` if `strict` and it is no JSON."""
    try:
        return isinstance(json.loads(data, parse_constant=_refuse), dict)
    except (ValueError, RecursionError):
        if strict:
            raise ShapingError("the answer holds something that is no JSON") from None
        return False


def _refuse(name: str) -> None:
    """Python's own reader takes NaN and Infinity, which are no JSON."""
    raise ValueError(name)


_members = msgspec.json.Decoder(Object)
