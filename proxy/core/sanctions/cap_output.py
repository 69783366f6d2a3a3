"""Answer no longer than so many tokens."""

from dataclasses import dataclass
from typing import ClassVar, Self

from proxy.core.sanctions.base import Words, whole
from proxy.core.shaping import Plan
from proxy.core.terms import Terms

_EXAMPLE = "cap_output: 1000"


@dataclass(frozen=True, slots=True)
class CapOutput:
    """`cap_output: 1000`: output tokens of one answer."""

    name: ClassVar[str] = "cap_output"
    shape: ClassVar[dict[str, object]] = {"type": "integer", "minimum": 1}
    example: ClassVar[object] = 1000

    tokens: int = 0

    @classmethod
    def read(cls, value: object, words: Words) -> Self:
        return cls(whole(value, 1, 10_000_000, _EXAMPLE))

    def terms(self) -> Terms:
        return Terms(plan=Plan(output_cap=self.tokens))

    def measure(self) -> str:
        return f"answers are {self.tokens} token{'' if self.tokens == 1 else 's'} long at most"
