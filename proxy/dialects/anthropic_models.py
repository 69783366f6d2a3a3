"""Anthropic's list of models. (https://platform.claude.com/docs/en/api/models-list)"""

from typing import ClassVar

from proxy.dialects.anthropic import Anthropic
from proxy.dialects.models import ListsModels


class Models(ListsModels, Anthropic):
    """Told from OpenAI's by the `anthropic-version` header."""

    name: ClassVar[str] = "anthropic_models"
