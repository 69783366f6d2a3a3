"""OpenAI's Responses: create (whole or as a stream), and a bounded memory from which an answer can be fetched again.

A stream is derived from the finished response, so the two cannot differ, and a replay sends the same events.
"""

import base64
import hashlib
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any

from msgspec import Struct

from proxy.demo.conversation import cached_tokens, last_said, to_answer
from proxy.demo.model import CREATED, REASONER, Ending, Prompt, Reply, Tool, chosen, reply
from proxy.demo.response_events import Event, events
from proxy.demo.text import count
from proxy.demo.wire import Answer, Asked, Cap, Frame, parsed, sse
from proxy.errors import CallerError

KEPT = 256
"""Responses remembered; the oldest is forgotten first."""


class Offer(Struct):
    type: str
    name: str = ""
    parameters: dict[str, Any] | None = None
    description: str | None = None


class Reasoning(Struct):
    effort: str | None = None
    summary: str | None = None


class ResponseRequest(Struct):
    """The parts of a request that the demo understands; it ignores the rest."""

    model: str
    input: str | list[dict[str, Any]] = ""
    instructions: str | None = None
    max_output_tokens: Cap | None = None
    stream: bool | None = None
    store: bool | None = None
    previous_response_id: str | None = None
    tools: list[Offer] | None = None
    tool_choice: str | dict[str, Any] | None = None
    reasoning: Reasoning | None = None
    include: list[str] | None = None
    metadata: dict[str, str] | None = None

    def turns(self) -> list[dict[str, Any]]:
        return [{"role": "user", "content": self.input}] if isinstance(self.input, str) else self.input

    def prompt(self) -> Prompt:
        turns = self.turns()
        conversation = [self.instructions, turns, self.previous_response_id]
        return Prompt(self.model, conversation, last_said(turns), self.max_output_tokens, (), self._tool(), self.model == REASONER)

    def _tool(self) -> Tool | None:
        tools = [Tool(offer.name, offer.parameters or {}) for offer in self.tools or () if offer.type == "function"]
        mode, name = _choice_of_tool(self.tool_choice)
        return chosen(tools, mode, name, to_answer(self.turns()))

    def input_tokens(self) -> int:
        tools = sum(count(offer.description or "") + count({"p": offer.parameters or {}}) for offer in self.tools or ())
        return count(self.turns()) + count(self.instructions) + tools


def _choice_of_tool(given: str | dict[str, Any] | None) -> tuple[str, str]:
    """Mode and name; a choice of an unknown kind leaves it to the model."""
    if not isinstance(given, dict):
        return given or "auto", ""
    return ("named", str(given.get("name"))) if given.get("type") == "function" else ("auto", "")


class Responses:
    """The routes, and what they remember."""

    def __init__(self, kept: int = KEPT) -> None:
        self._kept = kept
        self._known: OrderedDict[str, tuple[dict[str, Any], int]] = OrderedDict()
        """A response, and the tokens that a conversation which goes on from it has already read."""

    def create(self, asked: Asked) -> Answer:
        """`POST /v1/responses`. Raises `CallerError`."""
        request = parsed(asked, ResponseRequest)
        before = self._find(request.previous_response_id)[1] if request.previous_response_id else 0
        spoken = reply(request.prompt())
        read = before + request.input_tokens()
        usage = _usage(read, before + cached_tokens(request.turns()), spoken) if asked.tells_usage else None
        response = _response(asked, request, spoken, usage)

        def finish() -> None:
            if request.store is not False:
                self._keep(response, read + spoken.tokens)

        if request.stream:
            hidden = 0 if _summarises(request) else len(spoken.reasoning)
            return Answer(frames=_frames(events(response, hidden), finish), read=read)
        finish()
        return Answer(response, read=read, written=spoken.tokens)

    def fetch(self, asked: Asked) -> Answer:
        """`GET /v1/responses/{id}`; with `?stream=true` its events again. Nothing is generated. Raises `CallerError` 404."""
        response, _ = self._find(asked.names["id"])
        if asked.query.get("stream") != "true":
            return Answer(response)
        after = asked.query.get("starting_after", "")
        first = int(after) + 1 if after.isdecimal() else 0
        replayed = (event for event in events(response, 0) if event.data["sequence_number"] >= first)
        return Answer(frames=(Frame(sse(event.data, event.kind)) for event in replayed))

    def _find(self, name: str) -> tuple[dict[str, Any], int]:
        if name not in self._known:
            raise CallerError(f"Response with id '{name[:120]}' not found.", status=404, code="response_not_found")
        return self._known[name]

    def _keep(self, response: dict[str, Any], tokens: int) -> None:
        self._known[response["id"]] = response, tokens
        while len(self._known) > self._kept:
            self._known.popitem(last=False)


def _frames(told: Iterator[Event], finish: Callable[[], None]) -> Iterator[Frame]:
    """Calls `finish` just before the last event is sent: whoever has seen it can fetch the response."""
    for event in told:
        if event.last:
            finish()
        yield Frame(sse(event.data, event.kind) if event.data else b"", event.tokens)


def _summarises(request: ResponseRequest) -> bool:
    return request.reasoning is not None and request.reasoning.summary is not None


def _response(asked: Asked, request: ResponseRequest, spoken: Reply, usage: dict[str, Any] | None) -> dict[str, Any]:
    cut = spoken.ending is Ending.LENGTH
    return {
        "id": f"resp_{asked.id}",
        "object": "response",
        "created_at": CREATED,
        "status": "incomplete" if cut else "completed",
        "background": False,
        "error": None,
        "incomplete_details": {"reason": "max_output_tokens"} if cut else None,
        "instructions": request.instructions,
        "max_output_tokens": request.max_output_tokens,
        "metadata": request.metadata or {},
        "model": request.model,
        "output": list(_items(request, spoken)),
        "parallel_tool_calls": True,
        "previous_response_id": request.previous_response_id,
        "reasoning": request.reasoning or Reasoning(),
        "store": request.store is not False,
        "temperature": 1.0,
        "text": {"format": {"type": "text"}},
        "tool_choice": request.tool_choice or "auto",
        "tools": request.tools or [],
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": usage,
    }


def _usage(read: int, cached: int, spoken: Reply) -> dict[str, Any]:
    return {
        "input_tokens": read,
        "input_tokens_details": {"cached_tokens": cached, "cache_write_tokens": 0},
        "output_tokens": spoken.tokens,
        "output_tokens_details": {"reasoning_tokens": len(spoken.reasoning)},
        "total_tokens": read + spoken.tokens,
    }


def _items(request: ResponseRequest, spoken: Reply) -> Iterator[dict[str, Any]]:
    status = "incomplete" if spoken.ending is Ending.LENGTH else "completed"
    name = f"{spoken.seed:016x}"
    if request.model == REASONER:
        yield _thought(request, "".join(spoken.reasoning), f"rs_{name}")
    if spoken.text:
        part = {"type": "output_text", "text": "".join(spoken.text), "annotations": [], "logprobs": []}
        yield {"id": f"msg_{name}", "type": "message", "status": status, "role": "assistant", "content": [part]}
    if spoken.tool:
        call = {"id": f"fc_{name}", "type": "function_call", "status": status, "call_id": f"call_{name}", "name": spoken.tool.name}
        yield call | {"arguments": "".join(spoken.arguments)}


def _thought(request: ResponseRequest, text: str, name: str) -> dict[str, Any]:
    """A reasoning item. Its plain text is shown as a summary only if the request wants one, as with the real API."""
    sealed = "reasoning.encrypted_content" in (request.include or ())
    opaque = {"encrypted_content": base64.b64encode(b"demo" + hashlib.sha512(text.encode()).digest()).decode()} if sealed else {}
    summary = [{"type": "summary_text", "text": text}] if text and _summarises(request) else []
    return {"id": name, "type": "reasoning", "summary": summary} | opaque
