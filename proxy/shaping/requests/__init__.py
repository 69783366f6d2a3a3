"""Requests as a plan wants them, one file per dialect.

Rule 1: a parameter is added only where the policy's `models:` table says that the model knows it (`knobs`); what the caller itself
sent may always be lowered or taken out.
Rule 2: a request that the provider would have taken is still one after it was changed. Where a limit cannot be said without a
refusal (a budget below the provider's least, a mode that a model does not have), the nearest thing that it takes is said instead.
Rule 3: nothing is raised: neither an effort, a cap, nor what is shown.
"""

from proxy.shaping.base import RequestShaper
from proxy.shaping.requests.anthropic_messages import MessagesRequest
from proxy.shaping.requests.openai_chat import ChatRequest
from proxy.shaping.requests.openai_completions import CompletionsRequest
from proxy.shaping.requests.openai_responses import ResponsesRequest

CATALOGUE: dict[str, RequestShaper] = {
    shaper.name: shaper for shaper in (ChatRequest(), CompletionsRequest(), ResponsesRequest(), MessagesRequest())
}
"""By the dialect's name."""
