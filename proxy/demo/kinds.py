"""Which model behaves in which way: one line a model, so that a dialect asks for a kind and never for a name.

Rule 1: a kind is special in its own dialect only; elsewhere the model is a plain one.
Rule 2: a strict kind refuses what it did not say itself, as its provider does, and keeps no state for that: its ids and
signatures carry what they need (`seals`).
Rule 3: what a strict kind answers depends on neither the length of its reasoning nor how much of it was shown, only on whether
what it needs came back. So a gateway that shortens reasoning can be held against one that does not.
"""

from enum import Enum

from proxy.errors import CallerError


class Kind(Enum):
    """How a model reasons, and what it wants back."""

    PLAIN = "says no more than its answer"
    REASONER = "reasons in the open and wants nothing back"
    SIGNED = "signs its reasoning: Anthropic's Messages, OpenAI's Responses"
    OPEN = "reasons in plain text in OpenAI's Responses and wants it back unaltered"
    DEEPSEEK = "reasons in `reasoning_content` and wants it back where tools were called"
    VLLM = "reasons in `reasoning` and refuses it altered"
    INLINE = "reasons in its content, between tags"
    PREOPENED = "reasons in its content, without the opening tag"
    GEMINI = "signs its tool calls"
    SOFTMAX = "one true softmax layer over 64 words"


KINDS = {
    "demo-small": Kind.PLAIN,
    "demo-reasoner": Kind.REASONER,
    "demo-large": Kind.PLAIN,
    "demo-signed": Kind.SIGNED,
    "demo-signed-large": Kind.SIGNED,
    "demo-open": Kind.OPEN,
    "demo-deepseek": Kind.DEEPSEEK,
    "demo-vllm": Kind.VLLM,
    "demo-inline": Kind.INLINE,
    "demo-preopened": Kind.PREOPENED,
    "demo-gemini": Kind.GEMINI,
    "demo-softmax": Kind.SOFTMAX,
}
MODELS = tuple(KINDS)
SOFTMAX = "demo-softmax"

INLINE = frozenset({Kind.INLINE, Kind.PREOPENED})
FIELDS = {Kind.REASONER: "reasoning_content", Kind.DEEPSEEK: "reasoning_content", Kind.VLLM: "reasoning"}
"""Where OpenAI's chat shows a kind's reasoning."""

LOOSE = frozenset({Kind.PLAIN, Kind.REASONER, Kind.SOFTMAX})
"""Kinds that ask nothing of the history, call one tool at a time and know no effort."""

EFFORTS = {"none": 0.0, "minimal": 0.1, "low": 0.25, "medium": 0.5, "high": 1.0, "xhigh": 1.25, "max": 1.5}
"""Share of the usual reasoning."""


def kind_of(model: str) -> Kind:
    """An unknown model is plain here: whoever answers for it says that it does not exist."""
    return KINDS.get(model, Kind.PLAIN)


def share(effort: str | None) -> float:
    """Raises `CallerError` 400 for an effort that nobody knows."""
    if effort is None:
        return 1.0
    if effort not in EFFORTS:
        raise CallerError(
            f"Invalid value: '{effort[:60]}'. Supported values are: {', '.join(EFFORTS)}.", param="effort", code="invalid_value"
        )
    return EFFORTS[effort]
