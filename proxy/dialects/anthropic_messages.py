"""Anthropic messages and count_tokens. (https://platform.claude.com/docs/en/api/messages)"""

from typing import Any, ClassVar

import msgspec

from proxy.core.facts import Ask, Operation, Usage
from proxy.dialects import peek, sse
from proxy.dialects.anthropic import Anthropic
from proxy.dialects.base import Route, Tally

GOVERNED = frozenset({"model", "stream", "max_tokens"})
NOT_TEXT = frozenset({"type", "signature", "data", "id", "name", "citation"})


class _Usage(msgspec.Struct):
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None


class _Message(msgspec.Struct):
    id: str | None = None
    model: str | None = None
    stop_reason: str | None = None
    usage: _Usage | None = None


class _Event(msgspec.Struct):
    type: str = ""
    message: _Message | None = None
    delta: dict[str, Any] | None = None
    usage: _Usage | None = None


_event = msgspec.json.Decoder(_Event)


class Messages(Anthropic):
    """`POST /messages`, `POST /messages/count_tokens`."""

    name: ClassVar[str] = "anthropic_messages"
    routes: ClassVar[tuple[Route, ...]] = (
        Route("POST", "/messages", Operation.CHAT),
        Route("POST", "/messages/count_tokens", Operation.COUNT_TOKENS),
    )

    def read(self, route: Route, body: bytes) -> Ask:
        found = peek.fields(body, GOVERNED)
        size, media = peek.prompt_size(body)
        return Ask(
            route.operation, peek.model_of(found), stream=peek.value(found, "stream", bool, default=False),
            output_cap=peek.amount(found, "max_tokens"), prompt_bytes=size, media=media,
        )  # fmt: skip

    def read_whole(self, body: bytes) -> Tally:
        tally = Tally(finished=True)
        try:
            _note(tally, msgspec.json.decode(body, type=_Message))
        except (msgspec.MsgspecError, RecursionError):
            return Tally()
        return tally

    def read_event(self, tally: Tally, frame: bytes) -> None:
        try:
            event = _event.decode(sse.data_of(frame) or b"{}")
        except (msgspec.MsgspecError, RecursionError):
            return
        if event.type == "content_block_delta":
            tally.generated_bytes += peek.text_bytes(event.delta, NOT_TEXT)
        elif event.type == "message_start" and event.message is not None:
            _note(tally, event.message)
        elif event.type == "message_delta":
            reason = (event.delta or {}).get("stop_reason")
            _note(tally, _Message(stop_reason=reason if isinstance(reason, str) else None, usage=event.usage))
        tally.finished = tally.finished or event.type in {"message_stop", "error"}


def _note(tally: Tally, message: _Message) -> None:
    tally.model = message.model or tally.model
    tally.response_id = message.id or tally.response_id
    if message.stop_reason:
        tally.finish_reasons = (message.stop_reason,)
    if message.usage is not None:
        tally.usage = _merged(tally.usage or Usage(), message.usage)


def _merged(before: Usage, told: _Usage) -> Usage:
    """Counts are cumulative, and what an event leaves out stands. `input` is all of it: fresh, written and read."""
    read = before.cached_input if told.cache_read_input_tokens is None else max(0, told.cache_read_input_tokens)
    written = before.cache_write if told.cache_creation_input_tokens is None else max(0, told.cache_creation_input_tokens)
    fresh = before.input - before.cached_input - before.cache_write if told.input_tokens is None else max(0, told.input_tokens)
    output = before.output if told.output_tokens is None else max(0, told.output_tokens)
    return Usage(input=fresh + read + written, output=output, cached_input=read, cache_write=written)
