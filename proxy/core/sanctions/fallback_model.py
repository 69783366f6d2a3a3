"""Have another, weaker model answer."""

from dataclasses import dataclass
from typing import ClassVar, Self

from proxy.core.sanctions.base import Words
from proxy.core.shaping import Plan
from proxy.core.terms import Terms

LONGEST = 256


@dataclass(frozen=True, slots=True)
class FallbackModel:
    """`fallback_model: small-1`."""

    name: ClassVar[str] = "fallback_model"
    shape: ClassVar[dict[str, object]] = {"type": "string", "minLength": 1}
    example: ClassVar[object] = "small-1"

    model: str = ""

    @classmethod
    def read(cls, value: object, words: Words) -> Self:
        if not isinstance(value, str) or not value.strip() or len(value) > LONGEST or not value.isprintable():
            raise ValueError("the name of a model is expected, as in fallback_model: small-1")
        return cls(value.strip())

    def terms(self) -> Terms:
        return Terms(plan=Plan(model=self.model))

    def measure(self) -> str:
        return f"the model {self.model} answers"
