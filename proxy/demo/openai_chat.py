"""OpenAI's Chat Completions, as its API reference describes them and its SDK parses them."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import zip_longest
from typing import Annotated, Any, NamedTuple

from msgspec import Meta, Struct

from proxy.demo import chat_strict
from proxy.demo.conversation import cached_tokens, last_said, to_answer
from proxy.demo.kinds import FIELDS, INLINE, LOOSE, Kind, kind_of, share
from proxy.demo.model import CREATED, Call, Ending, Prompt, Reply, Tool, chosen, replies
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
    parallel_tool_calls: bool | None = None
    reasoning_effort: str | None = None
    thinking: dict[str, Any] | None = None
    """DeepSeek's switch."""
    chat_template_kwargs: dict[str, Any] | None = None
    """vLLM's."""
    include_reasoning: bool | None = None

    @property
    def kind(self) -> Kind:
        return kind_of(self.model)

    @property
    def effort(self) -> float:
        """Share of the usual reasoning; the loose kinds know no effort."""
        if self.kind in LOOSE:
            return 1.0
        off = self.kind is Kind.DEEPSEEK and (self.thinking or {}).get("type") == "disabled"
        off |= self.kind in {Kind.VLLM, *INLINE} and (self.chat_template_kwargs or {}).get("enable_thinking") is False
        return 0.0 if off else share(self.reasoning_effort)

    @property
    def field(self) -> str:
        """Where the reasoning is shown; "" where it is not."""
        return "" if self.kind is Kind.VLLM and self.include_reasoning is False else FIELDS.get(self.kind, "")

    def prompt(self) -> Prompt:
        stop = (self.stop,) if isinstance(self.stop, str) else tuple(self.stop or ())
        reasons = self.kind in FIELDS or self.kind in INLINE
        cap = self.max_completion_tokens or self.max_tokens
        plain = Prompt(self.model, self.messages, last_said(self.messages), cap, stop, self._tools(), reasons)
        if self.kind in LOOSE:
            return plain
        return replace(plain, conversation=chat_strict.normal(self.kind, self.model, self.messages), effort=self.effort)

    def _tools(self) -> tuple[Tool, ...]:
        offered = [offer.function for offer in self.tools or () if offer.function is not None]
        tools = [Tool(function.name, function.parameters or {}) for function in offered]
        mode, name = _choice_of_tool(self.tool_choice)
        both = self.kind not in LOOSE and self.parallel_tool_calls is not False
        return chosen(tools, mode, name, to_answer(self.messages), both=both)

    def check(self) -> None:
        """Raises `CallerError` for a history that the model did not say."""
        chat_strict.check(self.kind, self.model, self.messages, thinks=self.effort > 0)

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
    request.check()
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
    if reply.reasoning and request.field:
        message[request.field] = "".join(reply.reasoning)
    if reply.calls:
        calls = [_call(request, reply, call, "".join(call.arguments)) for call in reply.calls]
        message |= {"content": message["content"] or None, "tool_calls": calls}
    told = reply.text if request.kind in LOOSE else reply.reasoning + reply.text
    return {"index": place, "message": message, "logprobs": _logprobs(told, request), "finish_reason": FINISH[reply.ending]}


def _call(request: ChatRequest, reply: Reply, call: Call, arguments: str) -> dict[str, Any]:
    name = chat_strict.call_id(request.kind, request.model, reply, call)
    plain = {"id": name, "type": "function", "function": {"name": call.tool.name, "arguments": arguments}}
    return plain | chat_strict.addition(request.kind, request.model, name)


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
    for steps in zip_longest(*(_steps(request, reply) for reply in spoken)):
        for place, step in enumerate(steps):
            if step is not None:
                data = sse(head | {"choices": [_delta(place, step, request)]} | last) if step.delta or step.finish else b""
                yield Frame(data, int(step.token is not None))
    if reports:
        yield Frame(sse(head | {"choices": [], "usage": usage}))
    yield Frame(DONE)


def _delta(place: int, step: Step, request: ChatRequest) -> dict[str, Any]:
    """Servers that show their reasoning give its tokens' likelihoods with the others."""
    logprobs = None
    if request.logprobs and step.token is not None:
        likely = {"content"} if request.kind in LOOSE else {"content", request.field}
        logprobs = _logprobs((step.token,), request) if likely & step.delta.keys() else None
    return {"index": place, "delta": step.delta, "logprobs": logprobs, "finish_reason": step.finish}


def _steps(request: ChatRequest, reply: Reply) -> Iterator[Step]:
    """Reasoning that is not shown takes its time without a delta."""
    yield Step({"role": "assistant", "content": None if reply.calls else "", "refusal": None})
    for token in reply.reasoning:
        yield Step({request.field: token} if request.field else {}, token)
    for token in reply.text:
        yield Step({"content": token}, token)
    for place, call in enumerate(reply.calls):
        yield Step({"tool_calls": [{"index": place} | _call(request, reply, call, "")]})
        for token in call.arguments:
            yield Step({"tool_calls": [{"index": place, "function": {"arguments": token}}]}, token)
    yield Step({}, finish=FINISH[reply.ending])
