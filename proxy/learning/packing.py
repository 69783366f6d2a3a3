"""Profiles and what else is learned, as bytes and back. What can be counted again is not kept."""

from array import array
from sys import intern
from typing import Any, TypeVar

import msgspec
import numpy as np

from proxy.learning.profile import Profile

VERSION = 1

T = TypeVar("T")


def pack(profile: Profile) -> bytes:
    """A profile for a checkpoint."""
    fields = {name: getattr(profile, name) for name in _PLAIN} | {"talks": profile.talks.tolist()}
    hours = profile.hours.to_bytes((profile.hours.bit_length() + 7) // 8, "little")
    return msgspec.msgpack.encode([VERSION, fields, hours, profile.grams.astype("<u4").tobytes(), profile.counts.astype("<u2").tobytes()])


def unpack(data: bytes) -> Profile:
    """Raises `ValueError` for what `pack` did not write."""
    try:
        version, fields, hours, grams, counts = msgspec.msgpack.decode(data)
        if version != VERSION:
            raise ValueError(f"a profile of version {version}")
        fields |= {name: tuple(fields[name]) for name in ("addresses", "toolkits")}
        fields |= {"models": {intern(name): tuple(two) for name, two in fields["models"].items()}, "talks": array("Q", fields["talks"])}
        return Profile(
            **fields, hours=int.from_bytes(hours, "little"), grams=np.frombuffer(grams, "<u4").astype(np.uint32),
            counts=np.frombuffer(counts, "<u2").astype(np.uint16),
        )  # fmt: skip
    except (msgspec.MsgspecError, TypeError, KeyError, AttributeError) as error:
        raise ValueError("not a profile") from error


def encode(state: Any) -> bytes:
    return msgspec.msgpack.encode(state)


def decode(data: bytes, kind: type[T]) -> T:
    """Raises `ValueError`."""
    try:
        return msgspec.msgpack.decode(data, type=kind)
    except msgspec.MsgspecError as error:
        raise ValueError(f"not what was saved: {error}") from error


_PLAIN = tuple(name for name in Profile.__dataclass_fields__ if name not in {"hours", "grams", "counts"})
