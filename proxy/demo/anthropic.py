"""Anthropic's Messages, as its API reference describes them and its SDK parses them."""

import base64
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Any, NamedTuple

import msgspec
from msgspec import Meta, Struct

from proxy.demo import anthropic_signed
from proxy.demo.conversation import cached_tokens, last_said, to_answer
from proxy.demo.kinds import MODELS, Kind, kind_of, share
from proxy.demo.model import CREATED, Call, Ending, Prompt, Reply, Tool, chosen, known, reply
from proxy.demo.text import count
from proxy.demo.wire import Answer, Asked, Cap, Frame, parsed, sse

STOP = {Ending.STOP: "end_turn", Ending.SEQUENCE: "stop_sequence", Ending.LENGTH: "max_tokens", Ending.TOOL: "tool_use"}
MODES = {"any": "required", "tool": "named", "auto": "auto", "none": "none"}
ERRORS = {
    400: "invalid_request_error", 401: "authentication_error", 403: "permission_error", 404: "not_found_error",
    413: "request_too_large", 429: "rate_limit_error", 529: "overloaded_error",
}  # fmt: skip


THINKERS = frozenset({Kind.REASONER, Kind.SIGNED})


class Thinking(Struct):
    type: str
    display: str | None = None
    budget_tokens: int | None = None


class OutputConfig(Struct):
    effort: str | None = None


class Offer(Struct):
    name: str
    input_schema: dict[str, Any] | None = None
    description: str | None = None


class ToolChoice(Struct):
    type: str = "auto"
    name: str = ""
    disable_parallel_tool_use: bool | None = None


class CountRequest(Struct):
    """What a prompt is made of; the parts that the demo does not understand it ignores."""

    model: str
    messages: Annotated[list[dict[str, Any]], Meta(min_length=1)]
    system: str | list[dict[str, Any]] | None = None
    tools: list[Offer] | None = None
    tool_choice: ToolChoice | None = None
    thinking: Thinking | None = None

    @property
    def signed(self) -> bool:
        return kind_of(self.model) is Kind.SIGNED

    @property
    def thinks(self) -> bool:
        return kind_of(self.model) in THINKERS and self.thinking is not None and self.thinking.type != "disabled"

    def check(self) -> None:
        """Raises `CallerError` for a history that the model did not say."""
        if self.signed:
            anthropic_signed.check(self.model, self.messages, thinks=self.thinks)

    def input_tokens(self) -> int:
        tools = sum(count(offer.description or "") + count({"p": offer.input_schema or {}}) for offer in self.tools or ())
        return count(self.messages) + count(self.system) + tools

    def cache(self) -> tuple[int, int]:
        """Tokens written to the prompt cache and read from it: nothing unless a block carries `cache_control`."""
        if b'"cache_control"' not in msgspec.json.encode([self.system, self.messages]):
            return 0, 0
        before = cached_tokens(self.messages)
        return (0, count(self.system) + before) if before else (count(self.system), 0)


class MessageRequest(CountRequest, kw_only=True):
    """`POST /v1/messages`."""

    max_tokens: Cap
    stream: bool | None = None
    stop_sequences: list[str] | None = None
    output_config: OutputConfig | None = None

    def check(self) -> None:
        super().check()
        if self.signed and self.thinking is not None and self.thinking.type == "enabled":
            anthropic_signed.check_budget(self.thinking.budget_tokens, self.max_tokens)

    def prompt(self) -> Prompt:
        stop, said = tuple(self.stop_sequences or ()), last_said(self.messages)
        plain = Prompt(self.model, [self.system, self.messages], said, self.max_tokens, stop, self._tools(), self.thinks)
        if not self.signed:
            return plain
        conversation = [self.system, anthropic_signed.unthought(self.messages)]
        effort = share(self.output_config.effort if self.output_config else None)
        return replace(plain, conversation=conversation, effort=effort, budget=self.thinking.budget_tokens if self.thinking else None)

    def _tools(self) -> tuple[Tool, ...]:
        tools = [Tool(offer.name, offer.input_schema or {}) for offer in self.tools or ()]
        choice = self.tool_choice or ToolChoice()
        both = self.signed and not choice.disable_parallel_tool_use
        return chosen(tools, MODES.get(choice.type, "auto"), choice.name, to_answer(self.messages), both=both)

    @property
    def shows_thinking(self) -> bool:
        return self.thinking is None or self.thinking.display != "omitted"

    @property
    def redacts(self) -> bool:
        return self.signed and anthropic_signed.redacts(last_said(self.messages))


class Block(NamedTuple):
    """One content block, whole and as a stream."""

    whole: dict[str, Any]
    start: dict[str, Any]
    deltas: tuple[dict[str, Any] | None, ...]
    """One per token; None where the token stays hidden."""
    last: dict[str, Any] | None = None
    """A delta that brings no token."""


def messages(asked: Asked) -> Answer:
    """Raises `CallerError`."""
    request = parsed(asked, MessageRequest)
    request.check()
    spoken = reply(request.prompt())
    blocks = tuple(_blocks(request, spoken))
    usage = _usage(request, spoken)
    if request.stream:
        return Answer(frames=_frames(_message(asked, request, usage), blocks, spoken, tells=asked.tells_usage), read=request.input_tokens())
    body = _message(asked, request, usage) | {"content": [block.whole for block in blocks]} | _end(spoken)
    if not asked.tells_usage:
        del body["usage"]
    return Answer(body, read=request.input_tokens(), written=spoken.tokens)


def count_tokens(asked: Asked) -> Answer:
    """`POST /v1/messages/count_tokens`; nothing is generated. Raises `CallerError`."""
    request = parsed(asked, CountRequest)
    known(request.model)
    request.check()
    return Answer({"input_tokens": request.input_tokens()})


def _message(asked: Asked, request: MessageRequest, usage: Mapping[str, Any]) -> dict[str, Any]:
    head = {"id": f"msg_{asked.id}", "type": "message", "role": "assistant", "model": request.model, "content": []}
    return head | {"stop_reason": None, "stop_sequence": None, "usage": usage}


def _end(spoken: Reply) -> dict[str, Any]:
    return {"stop_reason": STOP[spoken.ending], "stop_sequence": spoken.stopped_by}


def _usage(request: MessageRequest, spoken: Reply) -> dict[str, Any]:
    """Anthropic's `input_tokens` leaves out what the cache read or wrote."""
    written, read = request.cache()
    return {
        "input_tokens": request.input_tokens() - written - read,
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": read,
        "output_tokens": spoken.tokens,
        "output_tokens_details": {"thinking_tokens": len(spoken.reasoning)},
        "service_tier": "standard",
    }


def _blocks(request: MessageRequest, spoken: Reply) -> Iterator[Block]:
    if spoken.reasoning:
        yield _redacted(request, spoken.reasoning) if request.redacts else _thinking(request, spoken.reasoning)
    if spoken.text:
        start = {"type": "text", "text": ""}
        deltas = tuple({"type": "text_delta", "text": token} for token in spoken.text)
        yield Block(start | {"text": "".join(spoken.text)}, start, deltas)
    for call in spoken.calls:
        yield _tool_use(call)


def _tool_use(call: Call) -> Block:
    """A call whose arguments the cap cut off has none."""
    arguments: object = {} if call.cut else msgspec.json.decode("".join(call.arguments))
    start: dict[str, Any] = {"type": "tool_use", "id": f"toolu_{call.seed:016x}", "name": call.tool.name, "input": {}}
    return Block(start | {"input": arguments}, start, tuple({"type": "input_json_delta", "partial_json": one} for one in call.arguments))


def _thinking(request: MessageRequest, tokens: tuple[str, ...]) -> Block:
    """Thinking that is not shown keeps its signature, as with `display: omitted`. A summary is the whole text: the demo cannot sum up."""
    text, shown = "".join(tokens), request.shows_thinking
    signature = anthropic_signed.signature(request.model, text) if request.signed else _unsigned(text)
    start = {"type": "thinking", "thinking": "", "signature": ""}
    deltas = tuple({"type": "thinking_delta", "thinking": token} if shown else None for token in tokens)
    whole = start | {"thinking": text if shown else "", "signature": signature}
    return Block(whole, start, deltas, {"type": "signature_delta", "signature": signature})


def _unsigned(text: str) -> str:
    return base64.b64encode(b"demo" + hashlib.sha512(text.encode()).digest()).decode()


def _redacted(request: MessageRequest, tokens: tuple[str, ...]) -> Block:
    whole = {"type": "redacted_thinking", "data": anthropic_signed.redacted(request.model, "".join(tokens))}
    return Block(whole, whole, tuple(None for _ in tokens))


def _frames(head: dict[str, Any], blocks: tuple[Block, ...], spoken: Reply, *, tells: bool) -> Iterator[Frame]:
    usage = head.pop("usage")
    begun = {"usage": usage | {"output_tokens": 0, "output_tokens_details": None}} if tells else {}
    yield _event("message_start", message=head | begun)
    for place, block in enumerate(blocks):
        yield _event("content_block_start", index=place, content_block=block.start)
        if place == 0:
            yield _event("ping")
        for delta in block.deltas:
            yield Frame(b"", 1) if delta is None else _event("content_block_delta", 1, index=place, delta=delta)
        if block.last:
            yield _event("content_block_delta", index=place, delta=block.last)
        yield _event("content_block_stop", index=place)
    ended: dict[str, Any] = {"usage": {name: value for name, value in usage.items() if name != "service_tier"}} if tells else {}
    yield _event("message_delta", delta=_end(spoken), **ended)
    yield _event("message_stop")


def _event(kind: str, tokens: int = 0, **parts: Any) -> Frame:
    return Frame(sse({"type": kind} | parts, kind), tokens)


def _model(name: str) -> dict[str, Any]:
    created = datetime.fromtimestamp(CREATED, UTC).isoformat().replace("+00:00", "Z")
    return {"type": "model", "id": name, "display_name": f"Stillgate {name}", "created_at": created, "lifecycle": "active"}


def models(_: Asked) -> Answer:
    """`GET /v1/models` of a caller who sends `anthropic-version`."""
    return Answer({"data": [_model(name) for name in MODELS], "has_more": False, "first_id": MODELS[0], "last_id": MODELS[-1]})


def model(asked: Asked) -> Answer:
    """`GET /v1/models/{id}`. Raises `CallerError` 404."""
    return Answer(_model(known(asked.names["id"])))


def error(status: int, message: str) -> dict[str, Any]:
    """Anthropic's error document."""
    return {"type": "error", "error": {"type": ERRORS.get(status, "api_error"), "message": message}, "request_id": None}
