"""Let each request wait."""

from dataclasses import dataclass
from typing import ClassVar, Self

from proxy.core.sanctions.base import Words
from proxy.core.terms import Terms

LONGEST = 60.0
"""Seconds: past it clients give up, and try again."""


@dataclass(frozen=True, slots=True)
class Delay:
    """`delay: 2s`."""

    name: ClassVar[str] = "delay"
    shape: ClassVar[dict[str, object]] = {"type": ["string", "number"], "examples": ["2s"]}
    example: ClassVar[object] = "2s"

    seconds: float = 0.0

    @classmethod
    def read(cls, value: object, words: Words) -> Self:
        seconds = words.duration(value)
        if seconds > LONGEST:
            raise ValueError(f"a delay is at most {LONGEST:g}s: clients would give up and try again")
        return cls(seconds)

    def terms(self) -> Terms:
        return Terms(delay=self.seconds)

    def measure(self) -> str:
        return f"each request waits {self.seconds:g} second{'' if self.seconds == 1 else 's'}"
