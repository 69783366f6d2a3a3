"""The toy softmax model in OpenAI's chat and completions, with `logit_bias`, log probabilities and vLLM's `prompt_logprobs`.

It knows no tools, no stop sequences and no temperature: the likeliest token is always taken, so `n` choices are all the same.
"""

from collections.abc import Iterator, Sequence
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from proxy.demo.conversation import cached_tokens, spoken
from proxy.demo.kinds import SOFTMAX
from proxy.demo.model import CREATED, USUAL
from proxy.demo.openai_chat import DONE, MOST_CHOICES, StreamOptions
from proxy.demo.softmax import MOST, Softmax, Step, read
from proxy.demo.text import VOCABULARY, count, pieces
from proxy.demo.wire import Answer, Asked, Cap, Frame, parsed, sse
from proxy.errors import CallerError

MOST_BIAS = 100

MORE = -1
"""As `prompt_logprobs`: the whole vocabulary."""

Top = Annotated[int, Meta(ge=0, le=20)]
PromptTop = Annotated[int, Meta(ge=MORE, le=len(VOCABULARY))]
Bias = dict[str, Annotated[float, Meta(ge=-MOST_BIAS, le=MOST_BIAS)]]


class Named(Struct):
    model: str = ""


def named(asked: Asked) -> bool:
    """Whether the request is for the toy model; what cannot be read is not."""
    try:
        return msgspec.json.decode(asked.body, type=Named).model == SOFTMAX
    except (msgspec.DecodeError, RecursionError):
        return False


class Wanted(Struct, kw_only=True):
    """What both routes ask for."""

    n: Annotated[int, Meta(ge=1, le=MOST_CHOICES)] | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: Annotated[int, Meta(ge=0)] | None = None
    logit_bias: Bias | None = None
    prompt_logprobs: PromptTop | None = None

    def bias(self) -> dict[int, float]:
        known = {str(number): number for number in range(len(VOCABULARY))}
        for name in self.logit_bias or ():
            if name not in known:
                message = f"Invalid key in 'logit_bias': '{name[:40]}'. Keys are token ids from 0 to {len(VOCABULARY) - 1}."
                raise CallerError(message, code="invalid_value", param="logit_bias")
        return {known[name]: value for name, value in (self.logit_bias or {}).items()}

    def length(self, cap: int | None) -> int:
        return min(MOST, USUAL if cap is None else cap)

    def usage(self, tokens: int, steps: Sequence[Step]) -> dict[str, Any]:
        written = len(steps) * (self.n or 1)
        return {"prompt_tokens": tokens, "completion_tokens": written, "total_tokens": tokens + written}

    @property
    def reports(self) -> bool:
        return bool(self.stream_options and self.stream_options.include_usage)


class ChatRequest(Wanted, kw_only=True):
    """`POST /v1/chat/completions`."""

    messages: Annotated[list[dict[str, Any]], Meta(min_length=1)]
    max_completion_tokens: Cap | None = None
    logprobs: bool | None = None
    top_logprobs: Top | None = None


class CompletionRequest(Wanted, kw_only=True):
    """`POST /v1/completions`; one text at a time."""

    prompt: str
    logprobs: Top | None = None
    echo: bool | None = None


def chat(asked: Asked) -> Answer:
    """Raises `CallerError`."""
    request = parsed(asked, ChatRequest)
    if request.top_logprobs is not None and not request.logprobs:
        raise CallerError("The 'top_logprobs' parameter is only allowed when 'logprobs' is enabled.", param="top_logprobs")
    cap = request.max_completion_tokens if request.max_completion_tokens is not None else request.max_tokens
    steps = Softmax(request.messages, request.bias()).generated(request.length(cap))
    usage = request.usage(count(request.messages), steps) | {
        "prompt_tokens_details": {"cached_tokens": cached_tokens(request.messages), "audio_tokens": 0}
    }
    finish = "stop" if cap is None else "length"
    if request.stream:
        return Answer(frames=_with_usage(asked, request, usage, _chat_chunks(asked, request, steps, finish)), read=usage["prompt_tokens"])
    message: dict[str, Any] = {"role": "assistant", "content": _text(steps), "refusal": None, "annotations": []}
    logprobs = _chat_logprobs(request, steps)
    choices = [{"index": place, "message": message, "logprobs": logprobs, "finish_reason": finish} for place in range(request.n or 1)]
    expected = _prompt_logprobs(" ".join(map(spoken, request.messages)), request.prompt_logprobs)
    body = _head(asked, "chat.completion") | {"choices": choices} | expected | ({"usage": usage} if asked.tells_usage else {})
    return Answer(body, read=usage["prompt_tokens"], written=usage["completion_tokens"])


def completions(asked: Asked) -> Answer:
    """Raises `CallerError`."""
    request = parsed(asked, CompletionRequest)
    steps = Softmax(request.prompt, request.bias(), continues=True).generated(request.length(request.max_tokens))
    usage = request.usage(count(request.prompt), steps)
    finish = "stop" if request.max_tokens is None else "length"
    if request.stream:
        return Answer(frames=_with_usage(asked, request, usage, _chunks(asked, request, steps, finish)), read=usage["prompt_tokens"])
    expected = _prompt_logprobs(request.prompt, request.prompt_logprobs)
    told = _choice(request, [*_echoed(request), *_written(steps)], 0, finish) | expected
    choices = [told | {"index": place} for place in range(request.n or 1)]
    body = _head(asked, "text_completion") | {"choices": choices} | ({"usage": usage} if asked.tells_usage else {})
    return Answer(body, read=usage["prompt_tokens"], written=usage["completion_tokens"])


def _head(asked: Asked, kind: str) -> dict[str, Any]:
    prefix = "cmpl" if kind == "text_completion" else "chatcmpl"
    return {"id": f"{prefix}-{asked.id}", "object": kind, "created": CREATED, "model": SOFTMAX}


def _text(steps: Sequence[Step]) -> str:
    return "".join(step.text(step.chosen) for step in steps)


def _with_usage(asked: Asked, request: Wanted, usage: dict[str, Any], chunks: Iterator[tuple[dict[str, Any], int]]) -> Iterator[Frame]:
    reports = request.reports and asked.tells_usage
    head: dict[str, Any] = {}
    for chunk, tokens in chunks:
        head = chunk
        yield Frame(sse(chunk | ({"usage": None} if reports else {})), tokens)
    if reports:
        yield Frame(sse(head | {"choices": [], "usage": usage}))
    yield Frame(DONE)


def _chat_chunks(asked: Asked, request: ChatRequest, steps: Sequence[Step], finish: str) -> Iterator[tuple[dict[str, Any], int]]:
    """The choices one after the other."""
    head = _head(asked, "chat.completion.chunk")
    for place in range(request.n or 1):
        plain: dict[str, Any] = {"index": place, "logprobs": None, "finish_reason": None}
        yield head | {"choices": [plain | {"delta": {"role": "assistant", "content": "", "refusal": None}}]}, 0
        for step in steps:
            told = {"delta": {"content": step.text(step.chosen)}, "logprobs": _chat_logprobs(request, (step,))}
            yield head | {"choices": [plain | told]}, 1
        yield head | {"choices": [plain | {"delta": {}, "finish_reason": finish}]}, 0


def _chat_logprobs(request: ChatRequest, steps: Sequence[Step]) -> dict[str, Any] | None:
    if not request.logprobs:
        return None
    number = request.top_logprobs or 0
    told = [_likelihood(step, step.chosen) | {"top_logprobs": [_likelihood(step, one) for one in step.ranked[:number]]} for step in steps]
    return {"content": told, "refusal": None}


def _likelihood(step: Step, number: int) -> dict[str, Any]:
    word = step.text(number)
    return {"token": word, "logprob": step.logprobs[number], "bytes": list(word.encode())}


def _chunks(asked: Asked, request: CompletionRequest, steps: Sequence[Step], finish: str) -> Iterator[tuple[dict[str, Any], int]]:
    head, echoed = _head(asked, "text_completion"), list(_echoed(request))
    for place in range(request.n or 1):
        offset = 0
        for number, token in enumerate((*echoed, *_written(steps))):
            yield head | {"choices": [_choice(request, [token], offset, None) | {"index": place}]}, int(number >= len(echoed))
            offset += len(token[0])
        yield head | {"choices": [_choice(request, [], offset, finish) | {"index": place}]}, 0


Told = tuple[str, Step | None]
"""A token as written, and what was expected in its place; None at the beginning of a prompt, where nothing is."""


def _written(steps: Sequence[Step]) -> Iterator[Told]:
    return ((step.text(step.chosen), step) for step in steps)


def _echoed(request: CompletionRequest) -> Iterator[Told]:
    if not request.echo:
        return
    if request.logprobs is None:
        yield from ((token, None) for token in pieces(request.prompt))
        return
    for place, (token, step) in enumerate(_read(request.prompt)):
        yield token, step if place else None


def _choice(request: CompletionRequest, told: Sequence[Told], offset: int, finish: str | None) -> dict[str, Any]:
    tokens = [token for token, _ in told]
    logprobs = None if request.logprobs is None else _logprobs(told, tokens, offset, request.logprobs)
    return {"text": "".join(tokens), "index": 0, "logprobs": logprobs, "finish_reason": finish}


def _logprobs(told: Sequence[Told], tokens: list[str], offset: int, number: int) -> dict[str, Any]:
    return {
        "tokens": tokens,
        "token_logprobs": [step and step.logprobs[step.chosen] for _, step in told],
        "top_logprobs": [step and _top(step, number) for _, step in told] if number else None,
        "text_offset": [offset + sum(map(len, tokens[:place])) for place in range(len(tokens))],
    }


def _top(step: Step, number: int) -> dict[str, float]:
    """The likeliest, and the token itself where it is not among them, as OpenAI's completions tell it."""
    return {step.text(one): step.logprobs[one] for one in dict.fromkeys((*step.ranked[:number], step.chosen))}


def _read(text: str) -> tuple[tuple[str, Step], ...]:
    if count(text) > MOST:
        raise CallerError(f"The toy model reads at most {MOST} words with their likelihoods.", code="context_length_exceeded")
    return read(text)


def _prompt_logprobs(text: str, number: int | None) -> dict[str, Any]:
    """vLLM's: for each token of the prompt but the first, the likeliest and the token itself, by token id."""
    if number is None:
        return {}
    told = [_expected(step, number) if place else None for place, (_, step) in enumerate(_read(text))]
    return {"prompt_logprobs": told}


def _expected(step: Step, number: int) -> dict[str, Any]:
    likeliest = step.ranked if number == MORE else step.ranked[:number]
    ranks = {one: rank for rank, one in enumerate(step.ranked, 1)}
    told = dict.fromkeys((step.chosen, *likeliest))
    return {str(one): {"logprob": step.logprobs[one], "rank": ranks[one], "decoded_token": step.text(one)} for one in told}
