"""What a sanction is: one thing that is done on a rung. A sanction is one file, and one line in the catalogue."""

from typing import ClassVar, Protocol, Self

from proxy.core.terms import Terms


class Words(Protocol):
    """How the policy's words become numbers; `config` brings it. Each raises `ValueError` in plain words."""

    def duration(self, value: object) -> float:
        """Seconds of `30s`."""

    def share(self, value: object) -> float:
        """0–1 of `50%`."""


class Sanction(Protocol):
    """One sanction, as the policy wrote it. Frozen, comparable, without behaviour but to say its terms."""

    name: ClassVar[str]
    """Its key in the policy; its file is called the same."""
    shape: ClassVar[dict[str, object]]
    """JSON Schema of its value, for editors."""
    example: ClassVar[object]
    """A value that `read` takes, for documents and tests."""

    @classmethod
    def read(cls, value: object, words: Words) -> Self:
        """From the policy's value. Raises `ValueError` in plain words."""

    def terms(self) -> Terms:
        """What it demands."""

    def measure(self) -> str:
        """What it does to a caller's requests, in words the caller reads: `reasoning is left out`."""


def one_of(value: object, what: str, example: str) -> str:
    """`value` as a lower-case text. Raises `ValueError`."""
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{what} is written like {example}")
    return " ".join(value.lower().split())


def whole(value: object, least: int, most: int, example: str) -> int:
    """A whole number in a range, also from text. Raises `ValueError`."""
    if isinstance(value, str) and value.strip().isdecimal():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise ValueError(f"a whole number from {least} to {most} is expected, as in {example}")
    return value


def parts(value: object, known: frozenset[str], example: str) -> dict[str, object]:
    """A mapping of known keys. Raises `ValueError`."""
    if not isinstance(value, dict):
        raise ValueError(f"it is written like {example}")
    unknown = sorted(str(key) for key in value if key not in known)
    if unknown:
        raise ValueError(f"unknown key '{unknown[0][:40]}'; known are {', '.join(sorted(known))}")
    return value


def bare(value: object, example: str) -> None:
    """For a sanction that has no value of its own: `block`. Raises `ValueError`."""
    if value is not True:
        raise ValueError(f"it has no value: write {example}")
