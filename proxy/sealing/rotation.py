"""Changing the file of seal keys: a fresh secret comes in, or one of those in it becomes the first.

Rule 1: a file is replaced whole or not at all; through a link, the file behind it is.
Rule 2: what is in it stays as it was written, comments too. A file with a mistake in it is not touched.
Rule 3: it is its owner's to read and write; its group may still read it where it could, and nobody else.
"""

import os
import secrets
from contextlib import suppress
from pathlib import Path

from proxy.errors import ConfigError
from proxy.sealing.keyfile import LARGEST, listed, load, parse, text_of
from proxy.sealing.keyring import key_id

SECRET_BYTES = 48
"""Of chance, in a fresh secret: 64 characters."""


def rotate(path: Path, *, stage: bool = False) -> str:
    """Adds a fresh secret as the first line, or with `stage` as the last, where it opens and does not seal. Raises `ConfigError`.

    Returns the id of its key.
    """
    old = text_of(path) if os.path.lexists(path) else ""
    if any(listed(old)):
        parse(old, str(path))
    fresh = secrets.token_urlsafe(SECRET_BYTES)
    _replace(path, f"{_ended(old)}{fresh}\n" if stage else f"{fresh}\n{old}")
    return key_id(fresh.encode()).hex()


def promote(path: Path, name: str) -> None:
    """Makes the key with this id the first. Raises `ConfigError`."""
    text = text_of(path)
    parse(text, str(path))
    lines = text.split("\n")
    place = next((number for number, secret in listed(text) if key_id(secret.encode()).hex() == name), None)
    if place is None:
        raise ConfigError(f"{path}: there is no key of that id; `stillgate seal show` lists them")
    line = lines.pop(place - 1)
    _replace(path, "\n".join([line, *lines]))


def shown(path: Path) -> tuple[str, ...]:
    """The ids of a file's keys, newest first. Raises `ConfigError`."""
    return tuple(key_id(secret).hex() for secret in load(path))


def _ended(text: str) -> str:
    return text if not text or text.endswith("\n") else f"{text}\n"


def _replace(path: Path, text: str) -> None:
    """Its neighbour `….new` is the lock as well: of two rotations at once, one would be lost."""
    if len(text.encode()) > LARGEST:
        raise ConfigError(f"{path}: would be larger than {LARGEST >> 10} KiB; remove old lines first")
    target = Path(os.path.realpath(path))
    fresh = target.with_name(f"{target.name}.new")
    try:
        with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8", newline="") as file:  # noqa: PTH123
            _like(target, file.fileno())
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(target)
    except FileExistsError:
        raise ConfigError(f"{fresh} is there: another rotation is under way; remove that file if none is") from None
    except OSError as error:
        with suppress(OSError):
            fresh.unlink()
        raise ConfigError(f"{path}: cannot be written: {error.strerror}") from None


def _like(target: Path, file: int) -> None:
    """The owner stays, whoever rotates: the gateway that reads it may run as somebody else."""
    if target.exists():
        was, made = target.stat(), os.fstat(file)
        if (was.st_uid, was.st_gid) != (made.st_uid, made.st_gid):
            os.fchown(file, was.st_uid, was.st_gid)
        os.fchmod(file, 0o600 | (was.st_mode & 0o040))
