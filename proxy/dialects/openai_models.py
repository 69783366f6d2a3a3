"""OpenAI's list of models. (https://platform.openai.com/docs/api-reference/models)"""

from typing import ClassVar

from proxy.dialects.models import ListsModels
from proxy.dialects.openai import OpenAI


class Models(ListsModels, OpenAI):
    """Where no header says otherwise."""

    name: ClassVar[str] = "openai_models"
