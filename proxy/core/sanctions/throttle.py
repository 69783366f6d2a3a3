"""Serve less: a share of the tier's quotas, and slower answers."""

from dataclasses import dataclass
from typing import ClassVar, Self

from proxy.core.sanctions.base import Words, parts
from proxy.core.terms import Terms

_EXAMPLE = "throttle: 50%, or throttle: {share: 50%, pace: 20}"


@dataclass(frozen=True, slots=True)
class Throttle:
    """`throttle: 50%`, or `{share: 50%, pace: 20}`: tokens per second of an answer."""

    name: ClassVar[str] = "throttle"
    shape: ClassVar[dict[str, object]] = {
        "anyOf": [
            {"type": ["string", "number"], "examples": ["50%"]},
            {"type": "object", "properties": {"share": {"type": ["string", "number"]}, "pace": {"type": ["number", "string"]}},
             "additionalProperties": False},
        ]
    }  # fmt: skip
    example: ClassVar[object] = "50%"

    share: float = 1.0
    pace: float | None = None

    @classmethod
    def read(cls, value: object, words: Words) -> Self:
        if not isinstance(value, dict):
            return cls(_share(value, words))
        found = parts(value, frozenset({"share", "pace"}), _EXAMPLE)
        pace = found.get("pace")
        if not found:
            raise ValueError(f"it is written like {_EXAMPLE}")
        return cls(_share(found.get("share", 1.0), words), None if pace is None else _pace(pace))

    def terms(self) -> Terms:
        return Terms(share=self.share, pace=self.pace)

    def measure(self) -> str:
        said = [f"limits are {self.share:.0%} of the plan's"] if self.share < 1 else []
        said += [f"answers are sent at no more than {self.pace:g} tokens per second"] if self.pace is not None else []
        return " and ".join(said) or "nothing"


def _share(value: object, words: Words) -> float:
    share = words.share(value)
    if not 0 < share <= 1:
        raise ValueError("a share is more than 0% (that would be block) and at most 100%")
    return share


def _pace(value: object) -> float:
    """`20`, `20 tokens/s`."""
    text = str(value).lower().removesuffix("/second").removesuffix("/s").removesuffix("tokens").strip()
    try:
        pace = float(text)
    except ValueError:
        raise ValueError(f"a pace is tokens per second, as in {_EXAMPLE}") from None
    if not 0.1 <= pace <= 1e6:  # noqa: PLR2004
        raise ValueError("a pace is from 0.1 to 1,000,000 tokens per second")
    return pace
