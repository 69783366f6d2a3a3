"""The demo model's HTTP server: routes, the ledger, and errors in the caller's dialect."""

import gzip
import hashlib
import zlib
from collections.abc import Awaitable, Callable

import msgspec
from aiohttp import web

from proxy.demo import anthropic, extras, openai_chat, openai_other, openai_softmax
from proxy.demo.faults import Faults, faults
from proxy.demo.kinds import SOFTMAX
from proxy.demo.ledger import Ledger, arrival
from proxy.demo.openai_responses import Responses
from proxy.demo.sending import Sender
from proxy.demo.wire import Answer, Asked
from proxy.errors import CallerError

LABEL = ("x-demo", "stillgate-demo-model")
"""On every answer, so that nobody takes the demo for a model."""

MOST_BODY = 80 * 1024 * 1024

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Dialect = Callable[[Asked], Answer]

UNPACKERS: dict[str, Callable[[bytes], bytes]] = {"": bytes, "identity": bytes, "gzip": gzip.decompress, "deflate": zlib.decompress}
"""Content codings of a request that the demo understands (RFC 9110, 8.4.1)."""

LEDGER = web.AppKey("ledger", Ledger)


def application() -> web.Application:
    """A demo model with an empty ledger. Serve it with `auto_decompress=False, handler_cancellation=True`."""
    app = web.Application(client_max_size=MOST_BODY, middlewares=[_in_dialect, _recorded])
    app[LEDGER] = Ledger()
    app.on_response_prepare.append(_label)
    responses = Responses()
    posts: dict[str, Dialect] = {
        "/v1/chat/completions": _or_softmax(openai_chat.answer, openai_softmax.chat),
        "/v1/completions": _or_softmax(openai_other.completions, openai_softmax.completions),
        "/v1/embeddings": openai_other.embeddings,
        "/v1/responses": responses.create,
        "/v1/messages": anthropic.messages,
        "/v1/messages/count_tokens": anthropic.count_tokens,
    }
    app.add_routes([web.post(path, _handler(dialect)) for path, dialect in posts.items()])
    app.router.add_get("/v1/responses/{id}", _handler(responses.fetch), allow_head=False)
    app.router.add_get("/v1/responses/{id}/input_items", _handler(responses.inputs), allow_head=False)
    app.router.add_get("/v1/models", _either(openai_other.models, anthropic.models), allow_head=False)
    app.router.add_get("/v1/models/{id}", _either(openai_other.model, anthropic.model), allow_head=False)
    app.router.add_post("/v1/files", extras.files)
    app.router.add_get("/v1/realtime", extras.realtime)
    app.router.add_post("/v1/echo", extras.echo)
    app.router.add_get("/demo/ledger", _show_ledger)
    app.router.add_delete("/demo/ledger", _reset_ledger)
    return app


def _handler(dialect: Dialect) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        wishes = faults(request.headers)
        if wishes.error is not None:
            raise CallerError("The request asked for this error.", status=wishes.error, code="demo_error")
        asked = await _asked(request, wishes)
        try:
            answer = dialect(asked)
        except RecursionError:
            raise CallerError("The request's body is nested too deeply.") from None
        return await Sender(request, request.app[LEDGER], wishes).send(answer)

    return handle


def _or_softmax(usual: Dialect, softmax: Dialect) -> Dialect:
    """The toy softmax model reads other parts of a request than the models that only string words together."""

    def answer(asked: Asked) -> Answer:
        named = SOFTMAX.encode() in asked.body and openai_softmax.named(asked)
        return softmax(asked) if named else usual(asked)

    return answer


def _either(openai: Dialect, other: Dialect) -> Handler:
    """The model list's path is the same in both dialects; a header tells them apart."""
    handlers = {False: _handler(openai), True: _handler(other)}

    async def handle(request: web.Request) -> web.StreamResponse:
        return await handlers[_speaks_anthropic(request)](request)

    return handle


async def _asked(request: web.Request, wishes: Faults) -> Asked:
    raw = await request.read()
    digest = hashlib.sha256(request.path_qs.encode() + b"\0" + raw).hexdigest()
    body = _decompressed(raw, request.headers.get("Content-Encoding", ""))
    return Asked(body, digest[:24], dict(request.match_info), dict(request.query), not wishes.no_usage)


def _decompressed(raw: bytes, encoding: str) -> bytes:
    unpack = UNPACKERS.get(encoding.lower())
    if unpack is None:
        raise CallerError(f"Content-Encoding '{encoding[:20]}' is not supported.", status=415)
    try:
        return unpack(raw)
    except (OSError, EOFError, zlib.error):
        raise CallerError("The request's body is not compressed as its header says.") from None


@web.middleware
async def _recorded(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Every request under `/v1` is in the ledger, whatever becomes of it."""
    if request.path.startswith("/v1/"):
        headers: dict[str, str] = {}
        for name, value in request.headers.items():
            headers[name.lower()] = f"{headers[name.lower()]}, {value}" if name.lower() in headers else value
        raw = await request.read()
        arrived = arrival(request.method, request.path_qs, raw, headers.get("content-encoding", ""))
        request.app[LEDGER].arrived(arrived, headers, hashlib.sha256(raw).hexdigest())
    return await handler(request)


@web.middleware
async def _in_dialect(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except CallerError as problem:
        status, message, code, param = problem.status, problem.message, problem.code, problem.param
    except web.HTTPException as problem:
        message = f"{problem.reason}: {request.method} {request.path}"
        status, code, param = problem.status, problem.reason.lower().replace(" ", "_"), None
    document = anthropic.error(status, message) if _speaks_anthropic(request) else openai_other.error(status, message, code, param)
    return web.Response(status=status, body=msgspec.json.encode(document), content_type="application/json")


def _speaks_anthropic(request: web.Request) -> bool:
    return "anthropic-version" in request.headers or request.path.startswith("/v1/messages")


async def _label(_: web.Request, response: web.StreamResponse) -> None:
    response.headers[LABEL[0]] = LABEL[1]


async def _show_ledger(request: web.Request) -> web.Response:
    return web.json_response(request.app[LEDGER].told())


async def _reset_ledger(request: web.Request) -> web.Response:
    request.app[LEDGER].reset()
    return web.Response(status=204)
