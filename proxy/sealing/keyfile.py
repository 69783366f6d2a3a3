"""The file of seal keys: one secret per line, newest first, `#` before a comment. It is followed while the gateway runs.

Rule 1: no message shows a line, nor the name of a file that cannot be read: a secret may stand where its file should.
Rule 2: the file is read at every look: it is small, and so no time stamp can hide a change (Kubernetes swaps a link above it).
Rule 3: a change is taken when two looks in a row agree: what is written in place is never taken half-way.
Rule 4: what cannot be used changes nothing, and is told once.
"""

import asyncio
import logging
import re
from collections.abc import Iterator
from pathlib import Path

from proxy.errors import ConfigError
from proxy.sealing.keyring import Keyring, key_id

log = logging.getLogger(__name__)

SHORTEST_SECRET = 32
"""Characters of a line."""

LARGEST = 1 << 14
"""Bytes of a file. Every key costs a moment at every look."""

EVERY = 0.5
"""Seconds between two looks."""

Secrets = tuple[bytes, ...]

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class KeyFile:
    """Keeps a keyring to what its file says."""

    def __init__(self, path: Path, keyring: Keyring, every: float = EVERY) -> None:
        self._path = path
        self._keyring = keyring
        self._every = every
        self._seen: Secrets | str = ""
        self._error = ""

    async def follow(self) -> None:
        """Runs until cancelled. A change is in force after at most three looks."""
        while True:
            self._take(await asyncio.to_thread(_looked, self._path))
            await asyncio.sleep(self._every)

    def _take(self, found: Secrets | str) -> None:
        settled, self._seen = found == self._seen, found
        if not settled:
            return
        if isinstance(found, str):
            self._refuse(found)
        else:
            self._use(found)

    def _refuse(self, error: str) -> None:
        known, self._error = self._error, error
        if known != error:
            log.error("the seal keys were changed and are not used; those from before stay in force: %s", error)

    def _use(self, secrets: Secrets) -> None:
        known, self._error = self._error, ""
        if self._keyring.ids != tuple(key_id(secret).hex() for secret in secrets):
            self._keyring.use(*secrets)
            log.info("seal keys in force: %s; the first one seals", ", ".join(self._keyring.ids))
        elif known:
            log.info("the file of the seal keys can be used again; nothing in it has changed")


def load(path: Path) -> Secrets:
    """The secrets of a file. Raises `ConfigError`."""
    return parse(text_of(path), str(path))


def parse(text: str, name: str) -> Secrets:
    """The secrets, newest first, at least one. Raises `ConfigError` that names the first wrong line."""
    lines: dict[bytes, int] = {}
    secrets = []
    for number, secret in listed(text):
        key = key_id(secret.encode())
        if problem := _problem(secret) or (f"has the same key as line {lines[key]}" if key in lines else ""):
            raise ConfigError(f"{name}:{number}: {problem}")
        lines[key] = number
        secrets.append(secret.encode())
    if not secrets:
        raise ConfigError(f"{name}: holds no seal key; `stillgate seal rotate` puts one in")
    return tuple(secrets)


def listed(text: str) -> Iterator[tuple[int, str]]:
    """The lines that hold a secret, with their numbers from 1."""
    for number, line in enumerate(text.split("\n"), 1):
        if (secret := line.strip()) and not secret.startswith("#"):
            yield number, secret


def text_of(path: Path) -> str:
    """Raises `ConfigError`."""
    try:
        if path.exists() and not path.is_file():
            raise ConfigError("the file of the seal keys is not a file")
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or "its name is none"
        raise ConfigError(f"the file of the seal keys cannot be read: {reason}") from None
    if len(data) > LARGEST:
        raise ConfigError(f"{path}: is larger than {LARGEST >> 10} KiB; is it the right file?")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise ConfigError(f"{path}:{line}: is not UTF-8 text") from None


def _problem(secret: str) -> str:
    if _CONTROL.search(secret):
        return "holds a control character"
    if len(secret) < SHORTEST_SECRET:
        return f"must have at least {SHORTEST_SECRET} characters"
    return ""


def _looked(path: Path) -> Secrets | str:
    """The secrets, or what is wrong."""
    try:
        return load(path)
    except ConfigError as error:
        return str(error)
