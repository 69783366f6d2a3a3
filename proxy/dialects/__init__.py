"""Providers' wire formats, read and written without I/O. A new dialect is one file here, and one line in `CATALOGUE`."""

from proxy.dialects.anthropic_messages import Messages
from proxy.dialects.anthropic_models import Models as AnthropicModels
from proxy.dialects.base import Dialect
from proxy.dialects.openai_chat import Chat
from proxy.dialects.openai_completions import Completions
from proxy.dialects.openai_embeddings import Embeddings
from proxy.dialects.openai_models import Models as OpenAIModels
from proxy.dialects.openai_responses import Responses

CATALOGUE: tuple[Dialect, ...] = (
    Chat(),
    Messages(),
    Responses(),
    Completions(),
    Embeddings(),
    OpenAIModels(),
    AnthropicModels(),
)
"""Where two dialects have the same route, the first serves it unless the caller's headers say the other's provider."""
