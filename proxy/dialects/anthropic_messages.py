"""Anthropic messages and count_tokens. (https://platform.claude.com/docs/en/api/messages)"""

from typing import Any, ClassVar

import msgspec

from proxy.core.facts import Ask, Operation, Usage
from proxy.dialects import peek, sse
from proxy.dialects.anthropic import Anthropic
from proxy.dialects.base import Route, Tally

GOVERNED = frozenset({"model", "stream", "max_tokens", "messages", "system", "thinking", "output_config"})
NOT_TEXT = frozenset({"type", "signature", "data", "id", "name", "citation"})


class _Message(msgspec.Struct):
    """Types are loose: one odd member must not hide the usage beside it."""

    id: Any = None
    model: Any = None
    stop_reason: Any = None
    usage: Any = None


class _Event(msgspec.Struct):
    type: Any = ""
    message: _Message | None = None
    delta: Any = None
    usage: Any = None


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
        except peek.BROKEN:
            return Tally()
        return tally

    def read_event(self, tally: Tally, frame: bytes) -> None:
        event = peek.event(_event, sse.data_of(frame), tally)
        if event is None:
            return
        kind = peek.text(event.type)
        if kind == "content_block_delta":
            tally.generated_bytes += peek.text_bytes(event.delta, NOT_TEXT)
        elif kind == "message_start" and event.message is not None:
            _note(tally, event.message)
        elif kind == "message_delta":
            reason = event.delta.get("stop_reason") if isinstance(event.delta, dict) else None
            _note(tally, _Message(stop_reason=reason, usage=event.usage))
        tally.finished = tally.finished or kind in {"message_stop", "error"}


def _note(tally: Tally, message: _Message) -> None:
    tally.model = peek.text(message.model) or tally.model
    tally.response_id = peek.text(message.id) or tally.response_id
    if reason := peek.text(message.stop_reason):
        tally.finish_reasons = (reason,)
    if isinstance(message.usage, dict):
        tally.usage = _merged(tally.usage or Usage(), message.usage)


def _merged(before: Usage, told: dict[str, Any]) -> Usage:
    """Counts are cumulative, and what an event leaves out stands. `input` is all of it: fresh, written and read."""

    def count(name: str, known: int) -> int:
        return known if told.get(name) is None else peek.whole(told[name])

    read = count("cache_read_input_tokens", before.cached_input)
    written = count("cache_creation_input_tokens", before.cache_write)
    fresh = count("input_tokens", before.input - before.cached_input - before.cache_write)
    return Usage(fresh + read + written, count("output_tokens", before.output), cached_input=read, cache_write=written)
