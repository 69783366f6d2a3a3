"""Looking into a JSON body without rebuilding it, and refusing what two readers could read differently.

An upstream may take the first of two equal keys, or match keys in any case (Go does); a quota that read the other one
would be walked around. So governed keys must stand there once, spelled as the dialect spells them.
"""

import re
from collections.abc import Iterable
from typing import TypeVar

import msgspec

from proxy.dialects import twins
from proxy.dialects.base import Tally
from proxy.errors import CallerError

T = TypeVar("T")
Fields = dict[str, msgspec.Raw]
"""A JSON object's members, values as sent."""

_fields = msgspec.json.Decoder(Fields)

BROKEN = (msgspec.MsgspecError, RecursionError, UnicodeDecodeError)
"""What reading JSON raises where it cannot be read: not JSON, nested too deeply, not UTF-8."""

MOST = 10_000_000
"""Largest cap, choice count or budget believed; beyond it is nonsense or an attack on arithmetic."""

MOST_CHOICES = 1024

SMALLEST_MEDIA = 512

LONGEST_NAME = 256
"""Characters of a model's name: names are remembered, so a caller may not choose their size."""

MEDIA = re.compile(rb'(?:;base64,|"(?:data|file_data)"\s{0,8}:\s{0,8}")([A-Za-z0-9+/_=-]{512,})')
"""A picture, sound or file in base64: as a data URL, or as a member of its own."""


def fields(body: bytes, governed: frozenset[str]) -> Fields:
    """The members of the JSON object `body`. Raises `CallerError`."""
    try:
        body.decode()
        found = _fields.decode(body)
    except UnicodeDecodeError:
        raise CallerError("The body is not valid UTF-8.") from None
    except BROKEN:
        raise CallerError("The body is not a valid JSON object.") from None
    for name in found:
        if name not in governed and (other := name.casefold()) in governed:
            raise CallerError(f"Write '{other}' in lower case.", param=other)
    twice = twins.repeated(body, governed & found.keys())  # a name that the reader has not found stands there in no spelling
    if twice is not None:
        raise CallerError(f"'{twice}' stands in the body twice.", param=twice)
    return found


def value(found: Fields, name: str, kind: type[T], default: T) -> T:
    """One member as `kind`; `default` where it is absent or null. Raises `CallerError` where it is something else."""
    raw = found.get(name)
    if raw is None or bytes(raw) == b"null":
        return default
    try:
        return msgspec.json.decode(raw, type=kind)
    except BROKEN:
        raise CallerError(f"'{name}' is not of the right type.", param=name) from None


def amount(found: Fields, name: str) -> int | None:
    """A count of tokens or choices: a whole number from 0 to `MOST`, None where absent. Raises `CallerError`."""
    if bytes(found.get(name, b"null")) == b"null":
        return None
    number = value(found, name, int, -1)
    if not 0 <= number <= MOST:
        raise CallerError(f"'{name}' must be a number from 0 to {MOST}.", param=name)
    return number


def one_cap(found: Fields, names: Iterable[str]) -> int | None:
    """The output cap, where a dialect has several names for it. Raises `CallerError` where they contradict each other."""
    caps = {name: cap for name in names if (cap := amount(found, name)) is not None}
    if len(set(caps.values())) > 1:
        raise CallerError(f"{' and '.join(caps)} contradict each other; send one of them.", param=next(iter(caps)))
    return next(iter(caps.values()), None)


def choices(found: Fields, name: str) -> int:
    """How many answers are asked for, at least one (OpenAI's own description allows 0). Raises `CallerError`."""
    number = amount(found, name) or 1
    if number > MOST_CHOICES:
        raise CallerError(f"'{name}' must be a number from 1 to {MOST_CHOICES}.", param=name)
    return number


def model_of(found: Fields) -> str:
    """The model's name, "" where the request leaves it to the provider. Raises `CallerError` where it cannot be one."""
    name = value(found, "model", str, "")
    if len(name) > LONGEST_NAME:
        raise CallerError(f"'model' is longer than {LONGEST_NAME} characters.", param="model")
    return name


def prompt_size(body: bytes) -> tuple[int, int]:
    """(bytes without base64 media, pieces of media)."""
    might = len(body) > SMALLEST_MEDIA and (b";base64," in body or b'data"' in body)
    sizes = [match.end(1) - match.start(1) for match in MEDIA.finditer(body)] if might else []
    return len(body) - sum(sizes), len(sizes)


def event(decoder: msgspec.json.Decoder[T], data: bytes, tally: Tally) -> T | None:
    """One event's data; None where it cannot be read, which is not free."""
    try:
        return decoder.decode(data or b"{}")
    except BROKEN:
        tally.generated_bytes += len(data)
        return None


def text(found: object) -> str:
    """`found` if it is a text that a name can be, else ""."""
    return found if isinstance(found, str) and len(found) <= LONGEST_NAME else ""


def whole(found: object) -> int:
    """`found` as a count, 0 where it is none."""
    return max(0, int(found)) if isinstance(found, int | float) and abs(found) < 1e15 else 0  # noqa: PLR2004


def text_bytes(piece: object, skip: frozenset[str]) -> int:
    """Bytes of all text in a delta, whatever its fields are called; `skip` names those that are no generated text."""
    if isinstance(piece, str):
        return len(piece) if piece.isascii() else len(piece.encode(errors="replace"))
    if isinstance(piece, dict):
        return sum(text_bytes(inner, skip) for name, inner in piece.items() if name not in skip)
    if isinstance(piece, list):
        return sum(text_bytes(inner, skip) for inner in piece)
    return 0
