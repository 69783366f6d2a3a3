"""A request of OpenAI's Responses, and the items of the answer to it."""

import base64
import hashlib
from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from proxy.demo import responses_strict
from proxy.demo.conversation import last_said, to_answer
from proxy.demo.kinds import Kind, kind_of, share
from proxy.demo.model import CREATED, Ending, Prompt, Reply, Tool, chosen
from proxy.demo.text import count
from proxy.demo.wire import Asked, Cap

SEALED = "reasoning.encrypted_content"

THINKERS = frozenset({Kind.REASONER, Kind.SIGNED, Kind.OPEN})


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
    background: bool | None = None
    previous_response_id: str | None = None
    tools: list[Offer] | None = None
    tool_choice: str | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    reasoning: Reasoning | None = None
    include: list[str] | None = None
    metadata: dict[str, str] | None = None

    @property
    def kind(self) -> Kind:
        return kind_of(self.model)

    @property
    def strict(self) -> bool:
        return self.kind in responses_strict.STRICT

    @property
    def summarises(self) -> bool:
        return self.kind is not Kind.OPEN and self.reasoning is not None and self.reasoning.summary is not None

    def turns(self) -> list[dict[str, Any]]:
        return [{"role": "user", "content": self.input}] if isinstance(self.input, str) else self.input

    def prompt(self, before: int) -> Prompt:
        """`before`: what the answer that this one goes on from was made of."""
        turns, thinks = self.turns(), self.kind in THINKERS
        if not self.strict:
            conversation: list[object] = [self.instructions, turns, self.previous_response_id]
            return Prompt(self.model, conversation, last_said(turns), self.max_output_tokens, (), self._tools(), thinks)
        conversation = [self.instructions, responses_strict.normal(turns), before]
        effort = share(self.reasoning.effort if self.reasoning else None)
        return Prompt(self.model, conversation, last_said(turns), self.max_output_tokens, (), self._tools(), thinks, effort)

    def _tools(self) -> tuple[Tool, ...]:
        tools = [Tool(offer.name, offer.parameters or {}) for offer in self.tools or () if offer.type == "function"]
        mode, name = _choice_of_tool(self.tool_choice)
        both = self.strict and self.parallel_tool_calls is not False
        return chosen(tools, mode, name, to_answer(self.turns()), both=both)

    def input_tokens(self) -> int:
        tools = sum(count(offer.description or "") + count({"p": offer.parameters or {}}) for offer in self.tools or ())
        return count(self.turns()) + count(self.instructions) + tools


def _choice_of_tool(given: str | dict[str, Any] | None) -> tuple[str, str]:
    """Mode and name; a choice of an unknown kind leaves it to the model."""
    if not isinstance(given, dict):
        return given or "auto", ""
    return ("named", str(given.get("name"))) if given.get("type") == "function" else ("auto", "")


def response(asked: Asked, request: ResponseRequest, spoken: Reply, usage: dict[str, Any] | None) -> dict[str, Any]:
    """The finished response."""
    cut = spoken.ending is Ending.LENGTH
    return {
        "id": f"resp_{asked.id}",
        "object": "response",
        "created_at": CREATED,
        "status": "incomplete" if cut else "completed",
        "background": request.background is True,
        "error": None,
        "incomplete_details": {"reason": "max_output_tokens"} if cut else None,
        "instructions": request.instructions,
        "max_output_tokens": request.max_output_tokens,
        "metadata": request.metadata or {},
        "model": request.model,
        "output": list(_items(request, spoken)),
        "parallel_tool_calls": not request.strict or request.parallel_tool_calls is not False,
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


def usage_of(read: int, cached: int, spoken: Reply) -> dict[str, Any]:
    return {
        "input_tokens": read,
        "input_tokens_details": {"cached_tokens": cached, "cache_write_tokens": 0},
        "output_tokens": spoken.tokens,
        "output_tokens_details": {"reasoning_tokens": len(spoken.reasoning)},
        "total_tokens": read + spoken.tokens,
    }


def _items(request: ResponseRequest, spoken: Reply) -> Iterator[dict[str, Any]]:
    status = "incomplete" if spoken.ending is Ending.LENGTH else "completed"
    name = responses_strict.name_of(request.model, spoken) if request.strict else f"{spoken.seed:016x}"
    if request.kind is Kind.REASONER or spoken.reasoning:
        yield _thought(request, "".join(spoken.reasoning), f"rs_{name}")
    if spoken.text:
        part = {"type": "output_text", "text": "".join(spoken.text), "annotations": [], "logprobs": []}
        yield {"id": f"msg_{name}", "type": "message", "status": status, "role": "assistant", "content": [part]}
    for place, call in enumerate(spoken.calls):
        own = {"id": f"fc_{name}_{place}" if place else f"fc_{name}", "type": "function_call", "status": status}
        yield own | {"call_id": f"call_{call.seed:016x}", "name": call.tool.name, "arguments": "".join(call.arguments)}


def _thought(request: ResponseRequest, text: str, name: str) -> dict[str, Any]:
    """A reasoning item. Its plain text is shown as a summary only if the request wants one, as with the real API."""
    summary = [{"type": "summary_text", "text": text}] if text and request.summarises else []
    plain: dict[str, Any] = {"id": name, "type": "reasoning", "summary": summary}
    if request.kind is Kind.OPEN:
        return plain | {"content": [{"type": "reasoning_text", "text": text}]}
    return plain | ({"encrypted_content": sealed_content(request, name, text)} if SEALED in (request.include or ()) else {})


def sealed_content(request: ResponseRequest, name: str, text: str) -> str:
    """The reasoning in a form that only the model can read."""
    if request.kind is Kind.SIGNED:
        return responses_strict.encrypted(request.model, name, text)
    return base64.b64encode(b"demo" + hashlib.sha512(text.encode()).digest()).decode()
