"""OpenAI's smaller routes: legacy completions, embeddings, the list of models; and the error that all of its routes share."""

import base64
import struct
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from proxy.demo.kinds import INLINE, MODELS, kind_of
from proxy.demo.model import CREATED, Ending, Prompt, Reply, known, replies
from proxy.demo.openai_chat import DONE, MOST_CHOICES, StreamOptions
from proxy.demo.text import count, likelihoods, seed
from proxy.demo.wire import Answer, Asked, Cap, Frame, parsed, sse

Texts = str | list[str | int | list[int]]
"""One text, several, one text as token numbers, or several of those."""


class CompletionRequest(Struct):
    """`POST /v1/completions`."""

    model: str
    prompt: Texts
    n: Annotated[int, Meta(ge=1, le=MOST_CHOICES)] | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: Cap | None = None
    stop: str | list[str] | None = None
    logprobs: Annotated[int, Meta(ge=0, le=5)] | None = None

    def spoken(self) -> tuple[Reply, ...]:
        stop = (self.stop,) if isinstance(self.stop, str) else tuple(self.stop or ())
        said = [(text, text if isinstance(text, str) else "") for text in texts(self.prompt)]
        inline = kind_of(self.model) in INLINE
        prompts = (Prompt(self.model, given, text, self.max_tokens, stop, reasons=inline) for given, text in said)
        return tuple(reply for prompt in prompts for reply in replies(prompt, self.n or 1))


class EmbeddingRequest(Struct):
    """`POST /v1/embeddings`."""

    model: str
    input: Texts
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: Annotated[int, Meta(ge=1, le=3072)] | None = None


def texts(given: Texts) -> list[str | list[int]]:
    """Each text of a request by itself."""
    if isinstance(given, str):
        return [given]
    numbers = [part for part in given if isinstance(part, int)]
    return [numbers] if numbers else [part for part in given if not isinstance(part, int)]


def _tokens(given: Texts) -> int:
    return sum(count(text) if isinstance(text, str) else len(text) for text in texts(given))


def completions(asked: Asked) -> Answer:
    """Raises `CallerError`."""
    request = parsed(asked, CompletionRequest)
    spoken = request.spoken()
    read, written = _tokens(request.prompt), sum(reply.tokens for reply in spoken)
    usage = {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}
    if request.stream:
        return Answer(frames=_frames(asked, request, spoken, usage if asked.tells_usage else None), read=read)
    choices = [_choice(place, reply.text, 0, request, _finish(reply)) for place, reply in enumerate(spoken)]
    body = _head(asked, request) | {"choices": choices} | ({"usage": usage} if asked.tells_usage else {})
    return Answer(body, read=read, written=written)


def _head(asked: Asked, request: CompletionRequest) -> dict[str, Any]:
    return {"id": f"cmpl-{asked.id}", "object": "text_completion", "created": CREATED, "model": request.model}


def _finish(reply: Reply) -> str:
    return "length" if reply.ending is Ending.LENGTH else "stop"


def _choice(place: int, tokens: tuple[str, ...], offset: int, request: CompletionRequest, finish: str | None) -> dict[str, Any]:
    logprobs = None if request.logprobs is None else _logprobs(tokens, offset, request.logprobs)
    return {"text": "".join(tokens), "index": place, "logprobs": logprobs, "finish_reason": finish}


def _logprobs(tokens: tuple[str, ...], offset: int, alternatives: int) -> dict[str, Any]:
    ranked = [likelihoods(token, alternatives) for token in tokens]
    offsets = [offset + sum(map(len, tokens[:place])) for place in range(len(tokens))]
    return {
        "tokens": list(tokens),
        "token_logprobs": [first[0][1] for first in ranked],
        "top_logprobs": [dict(first[:alternatives]) for first in ranked] if alternatives else None,
        "text_offset": offsets,
    }


def _frames(asked: Asked, request: CompletionRequest, spoken: tuple[Reply, ...], usage: dict[str, int] | None) -> Iterator[Frame]:
    reports = bool(usage and request.stream_options and request.stream_options.include_usage)
    head = _head(asked, request)
    last: dict[str, Any] = {"usage": None} if reports else {}
    for place, reply in enumerate(spoken):
        offset = 0
        for token in reply.text:
            yield Frame(sse(head | {"choices": [_choice(place, (token,), offset, request, None)]} | last), 1)
            offset += len(token)
        yield Frame(sse(head | {"choices": [_choice(place, (), offset, request, _finish(reply))]} | last))
    if reports:
        yield Frame(sse(head | {"choices": [], "usage": usage}))
    yield Frame(DONE)


def embeddings(asked: Asked) -> Answer:
    """Raises `CallerError`."""
    request = parsed(asked, EmbeddingRequest)
    model = known(request.model)
    vectors = [_vector(seed(model, text), request.dimensions or 64) for text in texts(request.input)]
    told = [
        base64.b64encode(struct.pack(f"<{len(one)}f", *one)).decode() if request.encoding_format == "base64" else one for one in vectors
    ]
    data = [{"object": "embedding", "index": place, "embedding": one} for place, one in enumerate(told)]
    read = _tokens(request.input)
    usage = {"usage": {"prompt_tokens": read, "total_tokens": read}} if asked.tells_usage else {}
    return Answer({"object": "list", "data": data, "model": model} | usage, read=read)


def _vector(start: int, size: int) -> list[float]:
    """A direction that depends on `start`; its length is 1, in 32-bit floats as providers send them."""
    raw = [seed(start, place) / 2**63 - 1 for place in range(size)]
    length = sum(part * part for part in raw) ** 0.5
    return list(struct.unpack(f"<{size}f", struct.pack(f"<{size}f", *(part / length for part in raw))))


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": CREATED, "owned_by": "stillgate-demo"}


def models(_: Asked) -> Answer:
    """`GET /v1/models`."""
    return Answer({"object": "list", "data": [_model(name) for name in MODELS]})


def model(asked: Asked) -> Answer:
    """`GET /v1/models/{id}`. Raises `CallerError` 404."""
    return Answer(_model(known(asked.names["id"])))


def error(status: int, message: str, code: str | None, param: str | None) -> dict[str, Any]:
    """OpenAI's error document."""
    kinds = {401: "invalid_request_error", 429: "requests"}
    kind = kinds.get(status, "server_error" if status >= 500 else "invalid_request_error")  # noqa: PLR2004
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}
