"""Add a system instruction, such as to give answers only."""

from dataclasses import dataclass
from typing import ClassVar, Self

from proxy.core.sanctions.base import Words
from proxy.core.shaping import Plan
from proxy.core.terms import Terms

LONGEST = 4000


@dataclass(frozen=True, slots=True)
class Instruct:
    """`instruct: Give the answer only, without working.`: what hides no field must be asked of the model itself."""

    name: ClassVar[str] = "instruct"
    shape: ClassVar[dict[str, object]] = {"type": "string", "minLength": 1, "maxLength": LONGEST}
    example: ClassVar[object] = "Give the answer only, without working."

    text: str = ""

    @classmethod
    def read(cls, value: object, words: Words) -> Self:
        if not isinstance(value, str) or not value.strip() or len(value) > LONGEST:
            raise ValueError(f"a text of at most {LONGEST} characters is expected, as in instruct: Give the answer only.")
        return cls(value.strip())

    def terms(self) -> Terms:
        return Terms(plan=Plan(instruct=(self.text,)))

    def measure(self) -> str:
        return "an instruction is added to requests"
