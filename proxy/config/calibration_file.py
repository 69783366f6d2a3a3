"""The file of a calibration: what `stillgate calibrate` learned of an operator's own accounts, and from what.

Rule 1: it is small JSON, made of numbers and words; nothing in it tells of a single account.
Rule 2: it holds no time of writing: the same trace gives the same file.
"""

from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError

from proxy.config.explain import explained
from proxy.config.fields import Line, Strict
from proxy.config.problems import dotted
from proxy.core.risk import Calibration
from proxy.errors import ConfigError

LARGEST = 1 << 14
"""Bytes of a file."""

Nats = Annotated[float, Field(ge=0, le=1000, allow_inf_nan=False)]


class Learned(Strict):
    """What a calibration file holds."""

    calibration: Annotated[int, Field(ge=1, le=1)]
    """The file's form; there is one yet."""
    start: Nats
    scale: Annotated[float, Field(gt=0, le=1000, allow_inf_nan=False)]
    accounts: Annotated[int, Field(ge=0)]
    said: Line
    exchanges: Annotated[int, Field(ge=0)] = 0
    """That the trace held."""
    first: float = 0.0
    """When the trace begins, epoch seconds."""
    last: float = 0.0
    """When it ends, epoch seconds."""
    policy: Line = ""
    """Digest of the policy whose signals and weights were in force: evidence under others is another evidence."""


def load(path: Path) -> Calibration:
    """The calibration in a file. Raises `ConfigError` with the file and what is wrong in it."""
    return parse(_bytes_of(path), str(path))


def parse(text: bytes | str, name: str) -> Calibration:
    """The calibration in `text`; `name` is the file's, for messages. Raises `ConfigError`."""
    found = read(text, name)
    return Calibration(found.start, found.scale, found.accounts, found.said)


def read(text: bytes | str, name: str) -> Learned:
    """All that a file says. Raises `ConfigError`."""
    try:
        return Learned.model_validate_json(text)
    except ValidationError as error:
        found = error.errors(include_url=False)[0]
    if found["type"] == "json_invalid":
        raise ConfigError(f"{name}: is not JSON; `stillgate calibrate` writes such a file")
    where = f"{dotted(found['loc'])}: " if found["loc"] else ""
    raise ConfigError(f"{name}: {where}{explained(found, Learned, echo=True)}")


def write(path: Path, learned: Learned) -> None:
    """Raises `ConfigError`."""
    try:
        path.write_text(learned.model_dump_json(indent=2) + "\n")
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error.strerror}") from None


def _bytes_of(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or "cannot be opened"
        raise ConfigError(f"{path}: cannot be read: {reason}") from None
    if len(data) > LARGEST:
        raise ConfigError(f"{path}: is larger than {LARGEST >> 10} KiB; is it the right file?")
    return data
