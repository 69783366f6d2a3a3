"""A file's lines, one at a time, plain or gzip (told by its first bytes), whatever its size.

Rule: whole lines are never lost. One that is too long to be an exchange is one line all the same; where a file breaks off (a recorder
was killed), everything before stands.
"""

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Self

from proxy.errors import ConfigError

LONGEST = 1 << 26
"""Bytes of a line that may be an exchange."""

_CHUNK = 1 << 20
_GZIP = b"\x1f\x8b"


class Lines:
    """The lines of one file, without their ends. Raises `ConfigError` where it cannot be opened."""

    def __init__(self, path: Path) -> None:
        try:
            self._raw: IO[bytes] = path.open("rb")
            self.size = path.stat().st_size
            packed = self._raw.read(2) == _GZIP
            self._raw.seek(0)
        except (OSError, ValueError) as error:
            raise ConfigError(f"{path}: cannot be read: {_reason(error)}") from None
        self._file: IO[bytes] | gzip.GzipFile = gzip.GzipFile(fileobj=self._raw) if packed else self._raw
        self.broken = ""
        """Why the file ended before its end, in words; "" where it did not."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._raw.close()

    @property
    def read(self) -> int:
        """Bytes of the file that are behind us, of `size`."""
        return self._raw.tell()

    def __iter__(self) -> Iterator[bytes | None]:
        """Each line; None for one that is longer than `LONGEST`."""
        while True:
            try:
                line = self._file.readline(LONGEST)
                whole = len(line) < LONGEST or line.endswith(b"\n") or not self._skipped()
            except (OSError, EOFError, zlib.error) as error:
                self.broken = _reason(error)
                return
            if not line:
                return
            yield line.rstrip(b"\r\n") if whole else None

    def _skipped(self) -> bool:
        """Reads over the rest of a line; was there any?"""
        rest = self._file.readline(_CHUNK)
        some = bool(rest.rstrip(b"\r\n"))
        while rest and not rest.endswith(b"\n"):
            rest = self._file.readline(_CHUNK)
        return some


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or "it breaks off"
