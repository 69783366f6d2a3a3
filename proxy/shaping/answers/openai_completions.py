"""Answers of OpenAI's legacy completions: a choice's own members are what it says, streamed and whole alike.

Inline tags are found at the beginning of a text, which is the answer's: `echo`, that would put the prompt there, is not asked for where a
plan hides reasoning.
"""

from typing import Any, ClassVar

import msgspec

from proxy.shaping.answers.choice import Choice
from proxy.shaping.answers.choices import Choices, Seen
from proxy.shaping.edit import EMPTY, NULL, Object, Raw


class _Choice(Seen):
    reasoning_content: Raw = NULL
    reasoning: Raw = NULL
    reasoning_details: Raw = NULL


class _Chunk(msgspec.Struct):
    choices: list[_Choice] | None = None
    prompt_logprobs: Raw = NULL
    prompt_token_ids: Raw = NULL


_chunk = msgspec.json.Decoder(_Chunk)


class Completions(Choices):
    """Nothing in it is opaque."""

    text: ClassVar[str] = "text"
    answers: ClassVar[tuple[str, ...]] = ("text",)

    def _seen(self, data: bytes) -> _Chunk:
        return _chunk.decode(data)

    def _touches(self, seen: Any, choice: Choice | None) -> bool:
        found = (seen.reasoning_content, seen.reasoning, seen.reasoning_details)
        return self._way.hides and any(raw is not NULL and raw not in (NULL, EMPTY) for raw in found)

    def _said(self, choice: Object, *, whole: bool) -> Object | None:
        return choice

    def _put(self, choice: Object, said: Object, *, whole: bool) -> None:
        """It is the choice itself."""

    def _added(self, members: Object) -> Object:
        """An SDK's choice always has a text."""
        return {"text": EMPTY, "finish_reason": NULL, **members}

    def _bind(self, said: Object) -> bool:
        return False
