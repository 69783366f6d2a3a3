"""Show less of the model's distribution."""

from dataclasses import dataclass, field
from typing import ClassVar, Self

from proxy.core.sanctions.base import Words, one_of, whole
from proxy.core.shaping import NO_LOGPROBS, Plan
from proxy.core.shaping import Logprobs as Wanted
from proxy.core.terms import Terms

DECIMALS = 2
_EXAMPLE = "logprobs: none | top 5 | round"


@dataclass(frozen=True, slots=True)
class Logprobs:
    """`none`, `top 5` (alternatives per token at most) or `round` (to two decimals)."""

    name: ClassVar[str] = "logprobs"
    shape: ClassVar[dict[str, object]] = {"type": "string", "examples": ["none", "top 5", "round"]}
    example: ClassVar[object] = "none"

    wanted: Wanted = field(default_factory=Wanted)

    @classmethod
    def read(cls, value: object, words: Words) -> Self:
        verb, _, rest = one_of(value, "logprobs", _EXAMPLE).partition(" ")
        if verb == "none" and not rest:
            return cls(Wanted(NO_LOGPROBS))
        if verb == "round" and not rest:
            return cls(Wanted(None, DECIMALS))
        if verb == "top" and rest:
            return cls(Wanted(whole(rest, 0, 20, _EXAMPLE)))
        raise ValueError(f"it is written like {_EXAMPLE}")

    def terms(self) -> Terms:
        return Terms(plan=Plan(logprobs=self.wanted))

    def measure(self) -> str:
        if self.wanted.most is None:
            return "log probabilities are rounded"
        return "log probabilities are left out" if self.wanted.most < 0 else f"at most {self.wanted.most} alternatives per token are shown"
