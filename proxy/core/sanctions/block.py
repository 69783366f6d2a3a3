"""Serve nothing."""

from dataclasses import dataclass
from typing import ClassVar, Self

from proxy.core.sanctions.base import Words, bare
from proxy.core.terms import Terms


@dataclass(frozen=True, slots=True)
class Block:
    """Refuses every request with 403."""

    name: ClassVar[str] = "block"
    shape: ClassVar[dict[str, object]] = {"const": True}
    example: ClassVar[object] = True

    @classmethod
    def read(cls, value: object, words: Words) -> Self:
        bare(value, "- block")
        return cls()

    def terms(self) -> Terms:
        return Terms(block=True)

    def measure(self) -> str:
        return "requests are not served"
