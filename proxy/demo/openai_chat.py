"""OpenAI's Chat Completions, as its API reference describes them and its SDK parses them."""

from collections.abc import Iterator
from itertools import zip_longest
from typing import Annotated, Any, NamedTuple

from msgspec import Meta, Struct

from proxy.demo.conversation import cached_tokens, last_said, to_answer
from proxy.demo.model import CREATED, REASONER, Ending, Prompt, Reply, Tool, chosen, replies
from proxy.demo.text import count, likelihoods
from proxy.demo.wire import Answer, Asked, Cap, Frame, parsed, sse

FINISH = {Ending.STOP: "stop", Ending.SEQUENCE: "stop", Ending.LENGTH: "length", Ending.TOOL: "tool_calls"}

DONE = b"data: [DONE]\n\n"

MOST_CHOICES = 128


class Function(Struct):
    name: str
    parameters: dict[str, Any] | None = None
    description: str | None = None


class Offer(Struct):
    type: str = "function"
    function: Function | None = None


class StreamOptions(Struct):
    include_usage: bool | None = None


class ChatRequest(Struct):
    """The parts of a request that the demo understands; it ignores the rest."""

    model: str
    messages: Annotated[list[dict[str, Any]], Meta(min_length=1)]
    n: Annotated[int, Meta(ge=1, le=MOST_CHOICES)] | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: Cap | None = None
    max_completion_tokens: Cap | None = None
    stop: str | list[str] | None = None
    tools: list[Offer] | None = None
    tool_choice: str | dict[str, Any] | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Meta(ge=0, le=20)] | None = None

    def prompt(self) -> Prompt:
        stop = (self.stop,) if isinstance(self.stop, str) else tuple(self.stop or ())
        reasons = self.model == REASONER
        cap = self.max_completion_tokens or self.max_tokens
        return Prompt(self.model, self.messages, last_said(self.messages), cap, stop, self._tool(), reasons)

    def _tool(self) -> Tool | None:
        offered = [offer.function for offer in self.tools or () if offer.function is not None]
        tools = [Tool(function.name, function.parameters or {}) for function in offered]
        mode, name = _choice_of_tool(self.tool_choice)
        return chosen(tools, mode, name, to_answer(self.messages))

    def input_tokens(self) -> int:
        offered = [offer.function for offer in self.tools or () if offer.function is not None]
        return count(self.messages) + sum(
            count(function.description or "") + count({"p": function.parameters or {}}) for function in offered
        )


def _choice_of_tool(given: str | dict[str, Any] | None) -> tuple[str, str]:
    """Mode and name; a choice of an unknown kind leaves it to the model."""
    if not isinstance(given, dict):
        return given or "auto", ""
    function = given.get("function")
    return ("named", str(function.get("name"))) if isinstance(function, dict) else ("auto", "")


class Step(NamedTuple):
    """One delta of a choice."""

    delta: dict[str, Any]
    token: str | None = None
    """The token that it brings, None for a delta that brings none."""
    finish: str | None = None


def answer(asked: Asked) -> Answer:
    """Answers `POST /v1/chat/completions`. Raises `CallerError`."""
    request = parsed(asked, ChatRequest)
    spoken = replies(request.prompt(), request.n or 1)
    usage = _usage(request, spoken) if asked.tells_usage else None
    read = request.input_tokens()
    if request.stream:
        return Answer(frames=_frames(asked, request, spoken, usage), read=read)
    choices = [_choice(place, reply, request) for place, reply in enumerate(spoken)]
    body = _head(asked, request, "chat.completion") | {"choices": choices} | ({"usage": usage} if usage else {})
    return Answer(body, read=read, written=sum(reply.tokens for reply in spoken))


def _head(asked: Asked, request: ChatRequest, kind: str) -> dict[str, Any]:
    fixed = {"created": CREATED, "model": request.model, "service_tier": "default", "system_fingerprint": "fp_demo"}
    return {"id": f"chatcmpl-{asked.id}", "object": kind} | fixed


def _usage(request: ChatRequest, spoken: tuple[Reply, ...]) -> dict[str, Any]:
    read, written = request.input_tokens(), sum(reply.tokens for reply in spoken)
    reasoning = sum(len(reply.reasoning) for reply in spoken)
    return {
        "prompt_tokens": read,
        "completion_tokens": written,
        "total_tokens": read + written,
        "prompt_tokens_details": {"cached_tokens": cached_tokens(request.messages), "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": reasoning, "audio_tokens": 0, "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0,
        },
    }  # fmt: skip


def _choice(place: int, reply: Reply, request: ChatRequest) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": "".join(reply.text), "refusal": None, "annotations": []}
    if reply.reasoning:
        message["reasoning_content"] = "".join(reply.reasoning)
    if reply.tool:
        message |= {"content": None, "tool_calls": [_call(reply, reply.tool, "".join(reply.arguments))]}
    return {"index": place, "message": message, "logprobs": _logprobs(reply.text, request), "finish_reason": FINISH[reply.ending]}


def _call(reply: Reply, tool: Tool, arguments: str) -> dict[str, Any]:
    return {"id": f"call_{reply.seed:016x}", "type": "function", "function": {"name": tool.name, "arguments": arguments}}


def _logprobs(tokens: tuple[str, ...], request: ChatRequest) -> dict[str, Any] | None:
    if not request.logprobs:
        return None
    return {"content": [_likelihood(token, request.top_logprobs or 0) for token in tokens], "refusal": None}


def _likelihood(token: str, alternatives: int) -> dict[str, Any]:
    ranked = [{"token": word, "logprob": value, "bytes": list(word.encode())} for word, value in likelihoods(token, alternatives)]
    return ranked[0] | {"top_logprobs": ranked[:alternatives]}


def _frames(asked: Asked, request: ChatRequest, spoken: tuple[Reply, ...], usage: dict[str, Any] | None) -> Iterator[Frame]:
    """The choices advance side by side, as OpenAI sends them."""
    reports = bool(usage and request.stream_options and request.stream_options.include_usage)
    head = _head(asked, request, "chat.completion.chunk")
    last: dict[str, Any] = {"usage": None} if reports else {}
    for steps in zip_longest(*map(_steps, spoken)):
        for place, step in enumerate(steps):
            if step is not None:
                yield Frame(sse(head | {"choices": [_delta(place, step, request)]} | last), int(step.token is not None))
    if reports:
        yield Frame(sse(head | {"choices": [], "usage": usage}))
    yield Frame(DONE)


def _delta(place: int, step: Step, request: ChatRequest) -> dict[str, Any]:
    told = (step.token,) if step.token is not None and "content" in step.delta else ()
    return {"index": place, "delta": step.delta, "logprobs": _logprobs(told, request) if told else None, "finish_reason": step.finish}


def _steps(reply: Reply) -> Iterator[Step]:
    yield Step({"role": "assistant", "content": None if reply.tool else "", "refusal": None})
    for token in reply.reasoning:
        yield Step({"reasoning_content": token}, token)
    for token in reply.text:
        yield Step({"content": token}, token)
    if reply.tool:
        yield Step({"tool_calls": [{"index": 0} | _call(reply, reply.tool, "")]})
    for token in reply.arguments:
        yield Step({"tool_calls": [{"index": 0, "function": {"arguments": token}}]}, token)
    yield Step({}, finish=FINISH[reply.ending])
