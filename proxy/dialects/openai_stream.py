"""What OpenAI's two completion dialects share: answers made of choices, streamed chunk by chunk, with usage on request."""

import re
from typing import Any

import msgspec

from proxy.dialects import peek, sse
from proxy.dialects.base import Tally
from proxy.dialects.openai import OpenAI, usage_of

NOT_TEXT = frozenset({"role", "id", "type", "index", "data"})
"""Members of a delta that are no generated text; `data` is sound in base64, of which a token has many bytes."""
STREAM_KEYS = frozenset({"stream", "stream_options"})

_null_usage = re.compile(rb',\s*"usage"\s*:\s*null|"usage"\s*:\s*null\s*,')


class _Options(msgspec.Struct):
    include_usage: bool | None = None


class _Choice(msgspec.Struct):
    delta: Any = None
    text: Any = None
    finish_reason: Any = None


class Answered(msgspec.Struct):
    """A chunk or a whole answer. Types are loose: one odd member must not hide the usage beside it."""

    id: Any = None
    model: Any = None
    choices: list[_Choice] | None = None
    usage: Any = None


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
        hidden, times = _null_usage.subn(b"", frame)  # inside a text its quotation marks would have backslashes
        if times:
            return hidden if times == 1 else frame
        chunk = _decoded(sse.data_of(frame))
        return b"" if chunk.usage is not None and not chunk.choices else frame

    def read_whole(self, body: bytes) -> Tally:
        answer = _decoded(body)
        tally = Tally(finished=True)
        _note(tally, answer)
        return tally

    def read_event(self, tally: Tally, frame: bytes) -> None:
        data = sse.data_of(frame)
        if data == b"[DONE]":
            tally.finished = True
            return
        chunk = peek.event(_answered, data, tally)
        if chunk is None:
            return
        for choice in chunk.choices or ():
            tally.generated_bytes += peek.text_bytes(choice.delta, NOT_TEXT) + peek.text_bytes(choice.text, NOT_TEXT)
        _note(tally, chunk)


def asks_for_usage(found: peek.Fields) -> bool:
    """Did the caller set `stream_options.include_usage`?"""
    return bool(peek.value(found, "stream_options", _Options, _Options()).include_usage)


def _decoded(data: bytes) -> Answered:
    """What is understood of an answer; nothing where it is not JSON of the right shape."""
    try:
        return _answered.decode(data) if data else Answered()
    except peek.BROKEN:
        return Answered()


def _note(tally: Tally, answer: Answered) -> None:
    """What every chunk may tell; names are told in each, and believed once."""
    if not tally.response_id:
        tally.model, tally.response_id = peek.text(answer.model) or tally.model, peek.text(answer.id)
    for choice in answer.choices or ():
        if choice.finish_reason is not None:
            tally.finish_reasons += (peek.text(choice.finish_reason),)
    if answer.usage is not None:
        tally.usage = usage_of(answer.usage) or tally.usage
