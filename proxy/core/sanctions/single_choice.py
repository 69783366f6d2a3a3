"""Give one answer per request, whatever `n` says."""

from dataclasses import dataclass
from typing import ClassVar, Self

from proxy.core.sanctions.base import Words, bare
from proxy.core.shaping import Plan
from proxy.core.terms import Terms


@dataclass(frozen=True, slots=True)
class SingleChoice:
    """`n = 1`: many samples of one prompt are what best-of-n and rejection sampling are made of."""

    name: ClassVar[str] = "single_choice"
    shape: ClassVar[dict[str, object]] = {"const": True}
    example: ClassVar[object] = True

    @classmethod
    def read(cls, value: object, words: Words) -> Self:
        bare(value, "- single_choice")
        return cls()

    def terms(self) -> Terms:
        return Terms(plan=Plan(single_choice=True))

    def measure(self) -> str:
        return "one answer is given per request"
