"""What OpenAI's two completion dialects share: answers made of choices, streamed chunk by chunk, with usage on request."""

import re
from typing import Any

import msgspec

from proxy.dialects import peek, sse
from proxy.dialects.base import Tally
from proxy.dialects.openai import OpenAI, ReportedUsage

NOT_TEXT = frozenset({"role", "id", "type", "index"})
STREAM_KEYS = frozenset({"stream", "stream_options"})

_null_usage = re.compile(rb',\s*"usage"\s*:\s*null|"usage"\s*:\s*null\s*,')


class _Options(msgspec.Struct):
    include_usage: bool | None = None


class _Choice(msgspec.Struct):
    delta: dict[str, Any] | None = None
    text: str | None = None
    finish_reason: str | None = None


class Answered(msgspec.Struct):
    """A chunk or a whole answer."""

    id: str | None = None
    model: str | None = None
    choices: list[_Choice] = []
    usage: ReportedUsage | None = None


_answered = msgspec.json.Decoder(Answered)


class Choices(OpenAI):
    """Base of chat and legacy completions."""

    def ask_for_usage(self, body: bytes) -> bytes:
        """Every value stays as sent, in its order."""
        found = peek.fields(body, STREAM_KEYS)
        options = peek.value(found, "stream_options", dict[str, msgspec.Raw], {})
        found["stream_options"] = msgspec.Raw(msgspec.json.encode({**options, "include_usage": True}))
        return msgspec.json.encode(found)

    def without_usage(self, frame: bytes) -> bytes:
        """With `include_usage` OpenAI adds `"usage":null` to each chunk and a last chunk without choices: both go."""
        if b'"usage"' not in frame:
            return frame
        try:
            chunk = _answered.decode(sse.data_of(frame))
        except (msgspec.MsgspecError, RecursionError):
            return frame
        if chunk.usage is not None:
            return frame if chunk.choices else b""
        hidden, times = _null_usage.subn(b"", frame)
        return hidden if times == 1 else frame

    def read_whole(self, body: bytes) -> Tally:
        answer = _decoded(body)
        tally = Tally(finished=True, finish_reasons=tuple(choice.finish_reason for choice in answer.choices if choice.finish_reason))
        _note(tally, answer)
        return tally

    def read_event(self, tally: Tally, frame: bytes) -> None:
        data = sse.data_of(frame)
        if data == b"[DONE]":
            tally.finished = True
            return
        chunk = _decoded(data)
        for choice in chunk.choices:
            tally.generated_bytes += peek.text_bytes(choice.delta, NOT_TEXT) + peek.text_bytes(choice.text, NOT_TEXT)
            if choice.finish_reason:
                tally.finish_reasons += (choice.finish_reason,)
        _note(tally, chunk)


def asks_for_usage(found: peek.Fields) -> bool:
    """Did the caller set `stream_options.include_usage`?"""
    return bool(peek.value(found, "stream_options", _Options, _Options()).include_usage)


def _decoded(data: bytes) -> Answered:
    """What is understood of an answer; nothing where it is not JSON of the right shape."""
    try:
        return _answered.decode(data) if data else Answered()
    except (msgspec.MsgspecError, RecursionError):
        return Answered()


def _note(tally: Tally, answer: Answered) -> None:
    """What every chunk may tell."""
    tally.model = answer.model or tally.model
    tally.response_id = answer.id or tally.response_id
    if answer.usage is not None:
        tally.usage = answer.usage.usage()
