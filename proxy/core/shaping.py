"""What a plan says about a request and its answer, in no provider's words. `shaping` turns it into each dialect's.

`strictest` adds plans up: whatever their order, and however often one stands there, the result is the same, and is no milder than any.
"""

from dataclasses import dataclass, field, replace
from enum import IntEnum
from functools import reduce

NO_LOGPROBS = -1
"""`Logprobs.most` where none are shown at all; 0 shows the chosen token's only."""

EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
"""Reasoning efforts, least first: the union of what providers know."""


class Show(IntEnum):
    """How much of a model's reasoning the caller gets, mildest first.

    Half a trace keeps nine tenths of what it teaches, and a summary almost all (arXiv 2512.21002, 2606.05988): only the last two
    really weaken a student.
    """

    ALL = 0
    KEEP = 1
    """The first tokens."""
    SUMMARY = 2
    """The provider's own summary, where the model knows how; else nothing."""
    REWRITE = 3
    """What another model makes of it."""
    OMIT = 4


@dataclass(frozen=True, slots=True)
class Reasoning:
    """What becomes of reasoning."""

    show: Show = Show.ALL
    keep: int = 0
    """Tokens shown under `KEEP`."""
    effort: str = ""
    """The highest effort asked of the model, one of `EFFORTS`; "": whatever the caller asks."""
    via: str = ""
    """The model that rewrites, under `REWRITE`."""


@dataclass(frozen=True, slots=True)
class Logprobs:
    """What is shown of the model's distribution."""

    most: int | None = None
    """Alternatives per token, or `NO_LOGPROBS`; None: whatever the caller asks."""
    decimals: int | None = None
    """To which log probabilities are rounded; None: not."""


@dataclass(frozen=True, slots=True)
class Knobs:
    """What a model knows, as the policy's `models:` table says. A parameter that is not known is never added to a request."""

    names: frozenset[str] = frozenset()
    tag: str = "think"
    """Inline reasoning stands between `<tag>` and `</tag>` at the beginning of an answer; "": there is none."""
    preopened: bool = False
    """The model's template opens the tag already: an answer begins inside of it."""


@dataclass(frozen=True, slots=True)
class Notice:
    """What a caller is told of a plan; every member is plain words."""

    rung: str
    measures: tuple[str, ...]
    """What is changed: `reasoning is left out`."""
    sentence: str
    """Why, and what to do next."""
    reference: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What to change in a request and its answer. The empty plan changes no byte."""

    ask_for_usage: bool = False
    """Add OpenAI's `stream_options.include_usage`, and hide what it adds from the caller."""
    reasoning: Reasoning = field(default_factory=Reasoning)
    logprobs: Logprobs = field(default_factory=Logprobs)
    output_cap: int | None = None
    """Most output tokens, all choices together."""
    single_choice: bool = False
    model: str = ""
    """The model that answers instead; "": the one that was asked for."""
    instruct: tuple[str, ...] = ()
    """System instructions that are added."""
    bind: bool = False
    """Opaque reasoning is bound to whom it is issued to."""
    notice: Notice | None = None
    knobs: Knobs = field(default_factory=Knobs)
    """Of the model that answers; says how, not whether."""

    def __bool__(self) -> bool:
        return self.edits_request or self.edits_answer

    @property
    def edits_request(self) -> bool:
        """Might the request have to be changed?"""
        asks = self.ask_for_usage or self.single_choice or self.output_cap is not None or bool(self.model) or bool(self.instruct)
        return asks or self.reasoning != _AS_IT_COMES or self.logprobs != _AS_ASKED

    @property
    def edits_answer(self) -> bool:
        """Might the answer have to be changed?"""
        return self.ask_for_usage or self.reshapes

    @property
    def reshapes(self) -> bool:
        """The same, usage that was not asked for aside."""
        return self.hides or self.bind or self.notice is not None

    @property
    def hides(self) -> bool:
        """Must nothing of an answer pass that is not understood?"""
        return self.reasoning.show is not Show.ALL or self.logprobs != _AS_ASKED


_AS_IT_COMES, _AS_ASKED = Reasoning(), Logprobs()


def strictest(*plans: Plan) -> Plan:
    """What several plans say together."""
    return reduce(_both, plans, Plan())


def _both(one: Plan, other: Plan) -> Plan:
    return Plan(
        ask_for_usage=one.ask_for_usage or other.ask_for_usage,
        reasoning=_less_reasoning(one.reasoning, other.reasoning),
        logprobs=Logprobs(_least(one.logprobs.most, other.logprobs.most), _least(one.logprobs.decimals, other.logprobs.decimals)),
        output_cap=_least(one.output_cap, other.output_cap),
        single_choice=one.single_choice or other.single_choice,
        model=min(filter(None, (one.model, other.model)), default=""),
        instruct=tuple(sorted({*one.instruct, *other.instruct})),
        bind=one.bind or other.bind,
    )


def _less_reasoning(one: Reasoning, other: Reasoning) -> Reasoning:
    """The one that shows less; of two that keep some, the one that keeps fewer."""
    less = max(one, other, key=lambda each: (each.show, -each.keep, each.via))
    efforts = [EFFORTS.index(each.effort) for each in (one, other) if each.effort]
    return replace(less, effort=EFFORTS[min(efforts)] if efforts else "")


def _least(one: int | None, other: int | None) -> int | None:
    return min((each for each in (one, other) if each is not None), default=None)
