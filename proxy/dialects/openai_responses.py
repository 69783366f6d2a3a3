"""OpenAI responses: create, get, stream. (https://platform.openai.com/docs/api-reference/responses)"""

from typing import Any, ClassVar

import msgspec

from proxy.core.enforcement import Fault
from proxy.core.facts import Ask, Operation
from proxy.dialects import logits, peek, sse
from proxy.dialects.base import Route, Tally
from proxy.dialects.openai import OpenAI, error_object, usage_of

GOVERNED = logits.KEYS | {
    "model", "stream", "max_output_tokens", "background", "include", "input", "instructions", "previous_response_id", "reasoning",
}  # fmt: skip
LOGPROBS = "message.output_text.logprobs"
"""What `include` says to have them shown."""
ENDS = frozenset({"response.completed", "response.incomplete", "response.failed", "response.cancelled", "error"})


class _Response(msgspec.Struct):
    id: Any = None
    model: Any = None
    status: Any = None
    usage: Any = None


class _Event(msgspec.Struct):
    type: Any = ""
    delta: Any = None
    response: _Response | None = None


_event = msgspec.json.Decoder(_Event)


class Responses(OpenAI):
    """`POST /responses` and what belongs to one response. Usage always comes with the last event."""

    name: ClassVar[str] = "openai_responses"
    routes: ClassVar[tuple[Route, ...]] = (
        Route("POST", "/responses", Operation.CHAT),
        Route("GET", "/responses/{id}", Operation.FETCH_RESPONSE),
        Route("DELETE", "/responses/{id}", Operation.FETCH_RESPONSE),
        Route("POST", "/responses/{id}/cancel", Operation.FETCH_RESPONSE),
        Route("GET", "/responses/{id}/input_items", Operation.FETCH_RESPONSE),
    )

    def read(self, route: Route, body: bytes) -> Ask:
        if route.operation is Operation.FETCH_RESPONSE:
            return Ask(route.operation)
        found = peek.fields(body, GOVERNED)
        size, media = peek.prompt_size(body)
        cap = peek.amount(found, "max_output_tokens")
        return Ask(
            route.operation, peek.model_of(found), stream=peek.value(found, "stream", bool, default=False),
            output_cap=cap, prompt_bytes=size, media=media, detached=peek.value(found, "background", bool, default=False),
            follows=peek.value(found, "previous_response_id", str, ""), logits=logits.asked(found, _shown(found), cap, 1),
        )  # fmt: skip

    def read_whole(self, body: bytes) -> Tally:
        tally = Tally(finished=True)
        try:
            _note(tally, msgspec.json.decode(body, type=_Response))
        except peek.BROKEN:
            return Tally()
        return tally

    def read_event(self, tally: Tally, frame: bytes) -> None:
        event = peek.event(_event, sse.data_of(frame), tally)
        if event is None:
            return
        kind = peek.text(event.type)
        if kind.endswith(".delta") and not kind.endswith("audio.delta"):  # sound in base64 has many bytes a token
            tally.generated_bytes += peek.text_bytes(event.delta, frozenset())
        tally.finished = tally.finished or kind in ENDS
        if event.response is not None:
            _note(tally, event.response)

    def error_event(self, fault: Fault) -> bytes:
        found = error_object(fault)
        event = {"type": "error", "sequence_number": 0, **{name: found[name] for name in ("code", "message", "param")}, "error": found}
        return sse.event(msgspec.json.encode(event), "error")


def _shown(found: peek.Fields) -> logits.Shown:
    top = logits.alternatives(found, "top_logprobs") or 0
    return top if top or LOGPROBS in peek.value(found, "include", list[Any], []) else None


def _note(tally: Tally, response: _Response) -> None:
    tally.model = peek.text(response.model) or tally.model
    tally.response_id = peek.text(response.id) or tally.response_id
    if (status := peek.text(response.status)) in {"completed", "incomplete", "failed", "cancelled"}:
        tally.finish_reasons = (status,)
    tally.usage = usage_of(response.usage) or tally.usage
