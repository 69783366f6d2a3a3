"""Answers of OpenAI chat completions, and what others add to them: `reasoning_content` (DeepSeek), `reasoning` (vLLM, OpenRouter),
`reasoning_details` (OpenRouter), inline tags, thinking parts of a content (Mistral), and Gemini's thought signatures
(`extra_content.google.thought_signature`).
"""

from typing import Any, ClassVar

import msgspec

from proxy.shaping.answers import details
from proxy.shaping.answers.choice import Choice
from proxy.shaping.answers.choices import Choices, Seen
from proxy.shaping.answers.parts import is_list
from proxy.shaping.edit import EMPTY, NULL, Object, Raw, closed, maybe_items, maybe_object

SIGNATURE = "thought_signature"


class _Delta(msgspec.Struct):
    content: Raw = NULL
    reasoning_content: Raw = NULL
    reasoning: Raw = NULL
    reasoning_details: Raw = NULL
    tool_calls: Raw = NULL
    function_call: Raw = NULL
    extra_content: Raw = NULL
    thought_signature: Raw = NULL
    thinking_blocks: Raw = NULL
    provider_specific_fields: Raw = NULL


class _Choice(Seen):
    delta: _Delta | None = None
    message: Raw = NULL


class _Chunk(msgspec.Struct):
    choices: list[_Choice] | None = None
    prompt_logprobs: Raw = NULL
    prompt_token_ids: Raw = NULL


_chunk = msgspec.json.Decoder(_Chunk)


class Chat(Choices):
    """`delta` in a stream, `message` in a whole answer."""

    text: ClassVar[str] = "content"
    answers: ClassVar[tuple[str, ...]] = ("content", "tool_calls", "function_call", "refusal")
    snapshot: ClassVar[str | None] = "message"

    def _seen(self, data: bytes) -> _Chunk:
        return _chunk.decode(data)

    def _touches(self, seen: Any, choice: Choice | None) -> bool:
        if _there(seen.message):
            return True
        delta = seen.delta
        if delta is None:
            return False
        if self._way.hides and (_reasons(delta) or is_list(delta.content)):
            return True
        opaque = (delta.extra_content, delta.thought_signature, delta.tool_calls, delta.function_call, delta.reasoning_details)
        return self._way.binds and any(_there(raw) for raw in opaque)

    def _said(self, choice: Object, *, whole: bool) -> Object | None:
        return maybe_object(choice.get("message" if whole else "delta"))

    def _put(self, choice: Object, said: Object, *, whole: bool) -> None:
        choice["message" if whole else "delta"] = closed(said)

    def _added(self, members: Object) -> Object:
        return {"delta": closed(members), "finish_reason": NULL}

    def _bind(self, said: Object) -> bool:
        changed = self._signed(said)
        bare = said.get(SIGNATURE, NULL)  # Gemini's previews put a copy beside it
        if (token := self._way.bound(bare)) is not bare:
            said[SIGNATURE] = token
            changed = True
        changed = self._inside(said, "function_call") or changed
        calls = maybe_items(said.get("tool_calls")) or []
        differs = [self._signed_at(calls, at) for at in range(len(calls))]
        if any(differs):
            said["tool_calls"] = closed(calls)
            changed = True
        old = said.get(details.MEMBER, NULL)
        if old != NULL and (new := details.bound(old, self._way)) is not old:
            said[details.MEMBER] = new
            changed = True
        return changed

    def _signed_at(self, calls: list[Raw], at: int) -> bool:
        call = maybe_object(calls[at])
        if call is None:
            return False
        changed = self._signed(call)
        if not (self._inside(call, "function") or changed):
            return False
        calls[at] = closed(call)
        return True

    def _inside(self, members: Object, name: str) -> bool:
        inner = maybe_object(members.get(name))
        if inner is None or not self._signed(inner):
            return False
        members[name] = closed(inner)
        return True

    def _signed(self, members: Object) -> bool:
        """Binds `extra_content.google.thought_signature` of one object."""
        extra = maybe_object(members.get("extra_content")) or {}
        google = maybe_object(extra.get("google")) or {}
        old = google.get(SIGNATURE, NULL)
        new = self._way.bound(old)
        if new is old:
            return False
        google[SIGNATURE] = new
        extra["google"] = closed(google)
        members["extra_content"] = closed(extra)
        return True


def _reasons(delta: _Delta) -> bool:
    fields = (delta.reasoning_content, delta.reasoning, delta.reasoning_details, delta.thinking_blocks, delta.provider_specific_fields)
    return any(_there(raw) for raw in fields)


def _there(raw: Raw) -> bool:
    return raw is not NULL and raw not in (NULL, EMPTY)
