"""The files of a policy: one file, or a folder of them joined into one; and the lists that they name.

Rule 1: in a folder each key stands in one file only; `tiers`, `accounts` and their entries may be spread over several.
Rule 2: every file's fingerprint is taken before it is read, so a change after it is never missed.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from proxy.config import source
from proxy.config.problems import Keys, Place, PolicyProblems, Problem
from proxy.config.source import Document

SPREAD: frozenset[Keys] = frozenset({("tiers",), ("accounts",), ("accounts", "tiers"), ("accounts", "lists")})

Fingerprint = tuple[int | str, ...]


def fingerprint(path: Path) -> Fingerprint:
    """What changes when a file (through symbolic links) or a folder's listing does; () where there is nothing."""
    try:
        if path.is_dir():
            return tuple(sorted(found.name for found in path.iterdir()))
        stat = path.stat()
    except (OSError, ValueError):
        return ()
    return (stat.st_mtime_ns, stat.st_size, stat.st_ino)


@dataclass(slots=True)
class Files:
    """Reads files, and knows afterwards whether one of them has changed."""

    seen: dict[Path, Fingerprint] = field(default_factory=dict)

    def changed(self) -> bool:
        return any(fingerprint(path) != was for path, was in self.seen.items())

    def text(self, path: Path) -> str:
        """Raises `PolicyProblems`."""
        self.seen[path] = fingerprint(path)
        try:
            if path.exists() and not path.is_file():
                raise PolicyProblems([Problem(Place(str(path)), (), "is not a file")])
            with path.open("rb") as file:
                data = file.read(source.LARGEST + 1)
        except (OSError, ValueError) as error:
            reason = (error.strerror if isinstance(error, OSError) else None) or "cannot be opened"
            raise PolicyProblems([Problem(Place(str(path)), (), f"cannot be read: {reason}")]) from None
        try:
            return data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = data[: error.start].count(b"\n") + 1
            column = error.start - data.rfind(b"\n", 0, error.start)
            raise PolicyProblems([Problem(Place(str(path), line, column), (), "is not UTF-8 text")]) from None

    def policy(self, path: Path) -> Document:
        """The document of a file, or of all `*.yaml` and `*.yml` directly in a folder. Raises `PolicyProblems`."""
        if not path.is_dir():
            return source.read(self.text(path), str(path))
        self.seen[path] = fingerprint(path)
        try:
            found = sorted(inner for inner in path.iterdir() if inner.suffix in {".yaml", ".yml"} and not inner.name.startswith("."))
        except OSError as error:
            raise PolicyProblems([Problem(Place(str(path)), (), f"cannot be read: {error.strerror}")]) from None
        if not found:
            raise PolicyProblems([Problem(Place(str(path)), (), "this folder holds no *.yaml file")])
        return joined([source.read(self.text(inner), str(inner)) for inner in found], str(path))


def joined(documents: list[Document], name: str) -> Document:
    """Several files as one. Raises `PolicyProblems` that name both files where they say the same key."""
    whole = Document(name)
    problems: list[Problem] = []
    for document in documents:
        problems += _join(whole, document, whole.data, document.data, ())
        for old, new in ((whole.values, document.values), (whole.keys, document.keys)):
            old.update({keys: place for keys, place in new.items() if keys and keys not in old})
    if problems:
        raise PolicyProblems(problems)
    return whole


def _join(whole: Document, more: Document, into: dict[str, Any], data: dict[str, Any], path: Keys) -> list[Problem]:
    problems: list[Problem] = []
    for key, value in data.items():
        here = (*path, key)
        if key not in into:
            into[key] = dict(value) if isinstance(value, dict) else value
        elif here in SPREAD and isinstance(value, dict) and isinstance(into[key], dict):
            problems += _join(whole, more, into[key], value, here)
        else:
            problems.append(Problem(more.keys[here], here, f"stands in two files; the other one is {whole.keys[here]}"))
    return problems
