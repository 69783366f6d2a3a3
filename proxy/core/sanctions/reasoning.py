"""Show less of the model's reasoning, or have it reason less."""

from dataclasses import dataclass, field
from typing import ClassVar, Self

from proxy.core.sanctions.base import Words, one_of, parts, whole
from proxy.core.shaping import EFFORTS, Plan, Show
from proxy.core.shaping import Reasoning as Wanted
from proxy.core.terms import Terms

_EXAMPLE = "reasoning: omit | summary | keep 200 tokens | effort low | rewrite MODEL"
_MEASURES = {
    Show.ALL: "", Show.KEEP: "reasoning is shortened", Show.SUMMARY: "reasoning is shown as a summary",
    Show.REWRITE: "reasoning is shown in other words", Show.OMIT: "reasoning is left out",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Reasoning:
    """`omit`, `summary`, `keep 200 tokens`, `effort low` or `rewrite MODEL`; or `{show: omit, effort: low}` for both at once."""

    name: ClassVar[str] = "reasoning"
    shape: ClassVar[dict[str, object]] = {
        "anyOf": [
            {"type": "string", "examples": ["omit", "summary", "keep 200 tokens", "effort low", "rewrite small-1"]},
            {"type": "object", "properties": {"show": {"type": "string"}, "effort": {"enum": list(EFFORTS)}},
             "additionalProperties": False},
        ]
    }  # fmt: skip
    example: ClassVar[object] = "omit"

    wanted: Wanted = field(default_factory=Wanted)

    @classmethod
    def read(cls, value: object, words: Words) -> Self:
        if not isinstance(value, dict):
            return cls(_from_words(value))
        found = parts(value, frozenset({"show", "effort"}), _EXAMPLE)
        if not found:
            raise ValueError(f"it is written like {_EXAMPLE}")
        shown = _from_words(found["show"]) if "show" in found else Wanted()
        effort = _effort(found["effort"]) if "effort" in found else shown.effort
        return cls(Wanted(shown.show, shown.keep, effort, shown.via))

    def terms(self) -> Terms:
        return Terms(plan=Plan(reasoning=self.wanted))

    def measure(self) -> str:
        said = [_MEASURES[self.wanted.show]] if self.wanted.show is not Show.ALL else []
        said += [f"the model's reasoning effort is {self.wanted.effort} at most"] if self.wanted.effort else []
        return " and ".join(said) or "nothing"


def _from_words(value: object) -> Wanted:
    verb, _, rest = one_of(value, "reasoning", _EXAMPLE).partition(" ")
    if verb in {"omit", "summary"} and not rest:
        return Wanted(Show.OMIT if verb == "omit" else Show.SUMMARY)
    if verb == "keep" and rest:
        return Wanted(Show.KEEP, keep=whole(rest.removesuffix("tokens").removesuffix("token").strip(), 1, 1_000_000, _EXAMPLE))
    if verb == "effort" and rest:
        return Wanted(effort=_effort(rest))
    if verb == "rewrite" and rest and isinstance(value, str):
        return Wanted(Show.REWRITE, via=value.split(maxsplit=1)[1].strip())  # a model's name keeps its case
    raise ValueError(f"it is written like {_EXAMPLE}")


def _effort(value: object) -> str:
    effort = one_of(value, "an effort", "effort low")
    if effort not in EFFORTS:
        raise ValueError(f"an effort is one of {', '.join(EFFORTS)}")
    return effort
