"""Answers as a plan wants them, one file per dialect. A dialect whose answers hold no reasoning has none."""

from collections.abc import Callable

from proxy.core.shaping import Plan
from proxy.shaping.answers.anthropic_messages import Messages
from proxy.shaping.answers.openai_chat import Chat
from proxy.shaping.answers.openai_completions import Completions
from proxy.shaping.answers.openai_responses import Responses
from proxy.shaping.base import AnswerShaper
from proxy.shaping.binding import Binder

CATALOGUE: dict[str, Callable[[Plan, Binder | None, str], AnswerShaper]] = {
    "openai_chat": Chat,
    "openai_completions": Completions,
    "openai_responses": Responses,
    "anthropic_messages": Messages,
}
"""By the dialect's name: made for one exchange, from its plan, its binder and the anchor of its answer."""
