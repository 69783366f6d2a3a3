"""`models` and `rewrite`: what models know, so that requests are changed before answers are."""

from collections.abc import Iterable
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from proxy.config.fields import Count, Duration, Strict, listed, matching
from proxy.config.numbers import meant, shown
from proxy.core.policy import Rewrite
from proxy.shaping.requests.knobs import KNOBS

NO_TAG = "none"
"""`inline: none`: reasoning never stands in the answer's own text."""


def _knob(value: str) -> str:
    if value not in KNOBS:
        raise ValueError(f"there is no knob {shown(value)}{meant(value, KNOBS) or _known(KNOBS)}")
    return value


def _known(names: Iterable[str]) -> str:
    return f"; known are {', '.join(names)}"


Knob = Annotated[str, AfterValidator(_knob), WithJsonSchema({"enum": list(KNOBS)})]
Tag = Annotated[str, matching(r"[A-Za-z][A-Za-z0-9_:-]{0,31}", "the name of a tag, such as think, or none")]


class ModelPart(Strict):
    """What the models of a pattern know."""

    knobs: Annotated[tuple[Knob, ...], BeforeValidator(listed, json_schema_input_type=Knob | list[Knob])] = ()
    """Parameters that they take. One that is not listed is never added to a request; what callers send themselves is still lowered."""
    inline: Tag = "think"
    """The tag in which reasoning stands at the beginning of an answer; none: it never does."""
    preopened: Annotated[bool, Field(strict=True)] = False
    """true: the model's template opens the tag, so an answer begins inside of it."""


class RewritePart(Strict):
    """How the model that `reasoning: rewrite MODEL` names is asked for other words."""

    instruction: Annotated[str, Field(min_length=1, max_length=4000)] = Rewrite().instruction
    for_: Annotated[Duration, Field(alias="for")] = Rewrite().seconds
    """Longest wait for it; then nothing of the reasoning is shown."""
    tokens: Count = Rewrite().tokens
    """Most output tokens of it."""
