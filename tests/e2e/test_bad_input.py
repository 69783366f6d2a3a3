"""Bad input: a 4xx in the caller's dialect that says a reference, costs nothing and never reaches the model."""

import gzip
import json
import zlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import aiohttp
import brotli
import pytest
import pytest_asyncio
import zstandard

from tests.support.accounts import key_of
from tests.support.gateway import Running
from tests.support.meters import store
from tests.support.wire import Reply, dial, request

PATHS = {"openai": "/v1/chat/completions", "anthropic": "/v1/messages"}
GOOD = b'{"model":"demo-small","max_tokens":5,"messages":[{"role":"user","content":"hi"}]}'
BOMB = 100 << 20
"""Bytes, more than the largest body that is taken."""


class Caller:
    """One account, of which nothing in this file may ever be counted."""

    def __init__(self, gate: Running, model: str, key: str, account: str) -> None:
        self.gate = gate
        self.key = key
        self._model = model
        self._account = account

    async def send(self, raw: bytes) -> Reply:
        async with dial(self.gate.url) as wire:
            await wire.send(raw)
            return await wire.answer()

    async def post(self, dialect: str, body: bytes, *fields: tuple[str, str]) -> Reply:
        return await self.send(request(f"POST {PATHS[dialect]}", (self.bearer, *fields), body))

    @property
    def bearer(self) -> tuple[str, str]:
        return ("Authorization", f"Bearer {self.key}")

    async def seen(self) -> int:
        """Requests that the model has had."""
        async with aiohttp.ClientSession() as http, http.get(f"{self._model}/demo/ledger") as answer:
            found: int = (await answer.json())["requests"]
            return found

    async def stored(self) -> dict[str, bytes]:
        """All that the store knows of the account."""
        async with store(self.gate, decode_responses=False) as client:
            return {name: await client.dump(name) async for name in client.scan_iter(f"sg:{{{self._account}}}:*")}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def keys(shared_gate: Running) -> dict[str, str]:
    return {tier: await key_of(shared_gate, f"bad-{tier}", tier) for tier in ("open", "small_only")}


@pytest.fixture
async def caller(shared_gate: Running, model: str, keys: dict[str, str]) -> AsyncIterator[Caller]:
    """Looks after each test whether anything was counted."""
    found = Caller(shared_gate, model, keys["open"], "bad-open")
    seen, stored = await found.seen(), await found.stored()
    yield found
    assert await found.seen() == seen, "it reached the model"
    assert await found.stored() == stored, "it was counted"


def refused(reply: Reply, dialect: str, *statuses: int) -> str:
    """Is it a refusal as that dialect's SDKs read it? Its message."""
    assert reply.status in statuses, reply
    body = json.loads(reply.body)
    reference = reply.field("stillgate-request-id") or ""
    assert reference.startswith("sg_")
    assert body["reference"] == reference
    message: str = body["error"]["message"]
    assert reference in message
    if dialect == "anthropic":
        assert (body["type"], body["request_id"]) == ("error", reference)
        assert set(body["error"]) == {"type", "message"}
    else:
        assert set(body["error"]) == {"message", "type", "param", "code"}
        assert reply.field("content-type") == "application/problem+json"
    return message


BODIES = {
    "empty": b"",
    "torn": GOOD[:-1],
    "an array": b"[]",
    "a text": b'"model"',
    "null": b"null",
    "trailing comma": GOOD[:-1] + b",}",
    "more behind it": GOOD + b"{}",
    "not a number": GOOD[:-1] + b',"x":NaN}',
    "invalid UTF-8": GOOD.replace(b"hi", b"\xff\xfe"),
    "UTF-16": GOOD.decode().encode("utf-16"),
    "byte order mark": b"\xef\xbb\xbf" + GOOD,
    "very deep": GOOD[:-1] + b',"x":' + b"[" * 200_000 + b"]" * 200_000 + b"}",
    "a model that is no text": b'{"model":5,"messages":[]}',
    "two models": b'{"model":"demo-large",' + GOOD[1:],
    "two models, one escaped": b'{"mod\\u0065l":"demo-large",' + GOOD[1:],
    "two spellings": b'{"Model":"demo-large",' + GOOD[1:],
    "two caps of one name": b'{"max_tokens":100000,' + GOOD[1:],
    "two streams": b'{"stream":true,"stream":false,' + GOOD[1:],
    "stream is a text": b'{"stream":"yes",' + GOOD[1:],
    "negative": GOOD.replace(b":5", b":-5"),
    "half": GOOD.replace(b":5", b":0.5"),
    "beyond all numbers": GOOD.replace(b":5", b":1e999"),
    "beyond 64 bits": GOOD.replace(b":5", b":" + b"9" * 30),
    "five thousand digits": GOOD.replace(b":5", b":" + b"9" * 5000),
    "a cap that is a text": GOOD.replace(b":5", b':"5"'),
    "a cap that is true": GOOD.replace(b":5", b":true"),
}


@pytest.mark.parametrize("dialect", PATHS)
@pytest.mark.parametrize("name", BODIES)
async def test_bodies_that_cannot_be_read_one_way_only(caller: Caller, dialect: str, name: str) -> None:
    refused(await caller.post(dialect, BODIES[name], ("Content-Type", "application/json")), dialect, 400)


@pytest.mark.parametrize(
    "extra",
    [b'"max_completion_tokens":9', b'"n":-1', b'"n":1000000', b'"n":2.5', b'"stream":true,"stream_options":7'],
)
async def test_fields_of_openai_alone(caller: Caller, extra: bytes) -> None:
    refused(await caller.post("openai", b"{" + extra + b"," + GOOD[1:]), "openai", 400)


def _deflated(data: bytes) -> bytes:
    return zlib.compress(data, 1)


CODERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": lambda data: gzip.compress(data, 1),
    "deflate": _deflated,
    "br": lambda data: brotli.compress(data, quality=1),
    "zstd": zstandard.ZstdCompressor(level=1).compress,
}


@pytest.mark.parametrize("coding", [*CODERS, "gzip, gzip"])
async def test_bombs_are_noticed_with_little_memory(caller: Caller, coding: str) -> None:
    packed = GOOD[:-1] + b',"x":"' + bytes(BOMB) + b'"}'
    for name in coding.split(", "):
        packed = CODERS[name](packed)
    before = {worker: memory(worker, "VmRSS") for worker in caller.gate.workers()}
    for worker in before:
        Path(f"/proc/{worker}/clear_refs").write_text("5")  # the high-water mark begins anew
    refused(await caller.post("openai", packed, ("Content-Encoding", coding)), "openai", 413)
    grown = {worker: memory(worker, "VmHWM") - at for worker, at in before.items()}
    assert max(grown.values()) < 100 << 20, grown


def memory(process: int, what: str) -> int:
    """Bytes of a process's memory."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(what)).split()[1]) << 10


@pytest.mark.parametrize("dialect", PATHS)
@pytest.mark.parametrize(
    ("coding", "body", "status"),
    [
        ("lzma", GOOD, 415),
        ("gzip, gzip, gzip, gzip", GOOD, 415),
        ("gzip", GOOD, 400),
        ("gzip", gzip.compress(GOOD)[:-9], 400),
        ("gzip", gzip.compress(b"") * 5000, 400),
        ("br", GOOD, 400),
        ("zstd", GOOD, 400),
    ],
    ids=["unknown", "too many", "not gzip", "torn gzip", "gzip of many members", "not br", "not zstd"],
)
async def test_codings_that_cannot_be_undone(caller: Caller, dialect: str, coding: str, body: bytes, status: int) -> None:
    refused(await caller.post(dialect, body, ("Content-Encoding", coding)), dialect, status)


@pytest.mark.parametrize("dialect", PATHS)
async def test_a_body_that_says_it_is_too_large_is_refused_before_it_comes(caller: Caller, dialect: str) -> None:
    length = ("Content-Length", str((64 << 20) + 1))
    refused(await caller.send(request(f"POST {PATHS[dialect]}", (caller.bearer, length))), dialect, 413)


@pytest.mark.parametrize("dialect", PATHS)
async def test_headers_that_are_not_utf8(caller: Caller, dialect: str) -> None:
    refused(await caller.post(dialect, GOOD, ("X-Note", "caf\udce9")), dialect, 400)


@pytest.mark.parametrize(
    ("start", "fields", "status"),
    [
        (PATHS["openai"], (("X-Long", "a" * 40_000),), 431),
        (PATHS["openai"], (("X" * 40_000, "a"),), 431),
        (PATHS["openai"], tuple((f"X-{number}", "a") for number in range(300)), 431),
        ("/v1/models?" + "a" * 20_000, (), 414),
    ],
    ids=["a long field", "a long name", "many fields", "a long target"],
)
async def test_oversized_headers(caller: Caller, start: str, fields: tuple[tuple[str, str], ...], status: int) -> None:
    async with dial(caller.gate.url) as wire:
        await wire.send(request(f"POST {start}", (caller.bearer, *fields), GOOD))
        refused(await wire.answer(), "openai", status)
        assert await wire.closed()


def framed(*lines: str, body: bytes = b"") -> bytes:
    return (
        "\r\n".join(["POST /v1/chat/completions HTTP/1.1", "Host: x", "Authorization: Bearer KEY", *lines, "", ""]).encode("latin-1") + body
    )


CHUNKED = b"%x\r\n%b\r\n0\r\n\r\n" % (len(GOOD), GOOD)
LENGTH = f"Content-Length: {len(GOOD)}"
TORN = {
    "length and chunks": framed(LENGTH, "Transfer-Encoding: chunked", body=CHUNKED),
    "chunks and length": framed("Transfer-Encoding: chunked", LENGTH, body=CHUNKED),
    "two lengths": framed(LENGTH, "Content-Length: 0", body=GOOD),
    "the same length twice": framed(LENGTH, LENGTH, body=GOOD),
    "a list of lengths": framed(f"{LENGTH}, {len(GOOD)}", body=GOOD),
    "a signed length": framed(f"Content-Length: +{len(GOOD)}", body=GOOD),
    "a negative length": framed("Content-Length: -1", body=GOOD),
    "a hexadecimal length": framed(f"Content-Length: {len(GOOD):#x}", body=GOOD),
    "a length with a space": framed("Content-Length: 8 1", body=GOOD),
    "a length past 64 bits": framed("Content-Length: 99999999999999999999999", body=GOOD),
    "an empty length": framed("Content-Length: ", body=GOOD),
    "chunked is not last": framed("Transfer-Encoding: chunked, identity", body=CHUNKED),
    "chunked twice": framed("Transfer-Encoding: chunked, chunked", body=CHUNKED),
    "two transfer codings": framed("Transfer-Encoding: chunked", "Transfer-Encoding: identity", body=CHUNKED),
    "an unknown transfer coding": framed("Transfer-Encoding: xchunked", body=CHUNKED),
    "identity": framed("Transfer-Encoding: identity", body=CHUNKED),
    "a vertical tab": framed("Transfer-Encoding: \x0bchunked", body=CHUNKED),
    "a space before the colon": framed("Transfer-Encoding : chunked", body=CHUNKED),
    "a folded line": framed("Transfer-Encoding:", " chunked", body=CHUNKED),
    "a folded field": framed(LENGTH, "X-A: b", "\tc", body=GOOD),
    "an empty name": framed(LENGTH, ": x", body=GOOD),
    "a line without a colon": framed(LENGTH, "nonsense", body=GOOD),
    "a zero byte in a field": framed(LENGTH, "X-A: b\0c", body=GOOD),
    "a bare CR in a field": framed(LENGTH, "X-A: b\rTransfer-Encoding: chunked", body=GOOD),
    "bare line feeds": framed(LENGTH).replace(b"\r\n", b"\n") + GOOD,
    "no host": framed(LENGTH, body=GOOD).replace(b"Host: x\r\n", b""),
    "two hosts": framed("Host: y", LENGTH, body=GOOD),
    "a version that is not": framed(LENGTH, body=GOOD).replace(b"HTTP/1.1", b"HTTP/9.9"),
    "no version": framed(LENGTH, body=GOOD).replace(b" HTTP/1.1", b""),
    "a space in the path": framed(LENGTH, body=GOOD).replace(b"/v1/", b"/v1 /"),
    "bytes in the path": framed(LENGTH, body=GOOD).replace(b"/v1/", b"/v1\xff/"),
    "a method that is not": framed(LENGTH, body=GOOD).replace(b"POST", b"P()ST"),
    "the HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "a chunk size that is none": framed("Transfer-Encoding: chunked", body=b"zz\r\n" + GOOD + b"\r\n0\r\n\r\n"),
    "a negative chunk": framed("Transfer-Encoding: chunked", body=b"-1\r\n" + GOOD + b"\r\n0\r\n\r\n"),
    "a prefixed chunk size": framed("Transfer-Encoding: chunked", body=b"0x" + CHUNKED),
    "a chunk past 64 bits": framed("Transfer-Encoding: chunked", body=b"ffffffffffffffffff\r\n" + GOOD + b"\r\n0\r\n\r\n"),
    "a chunk longer than it says": framed("Transfer-Encoding: chunked", body=b"5\r\n" + GOOD + b"\r\n0\r\n\r\n"),
    "a chunk ended by a line feed": framed("Transfer-Encoding: chunked", body=CHUNKED.replace(b"\r\n", b"\n", 1)),
    "a line feed in an extension": framed("Transfer-Encoding: chunked", body=CHUNKED.replace(b"\r\n", b";a\nb\r\n", 1)),
}
SECOND = framed(LENGTH, body=GOOD)


@pytest.mark.parametrize("name", TORN)
async def test_framing_that_two_readers_could_read_differently(caller: Caller, name: str) -> None:
    """One refusal, then the connection is closed: what stands behind it is never read as a request."""
    async with dial(caller.gate.url) as wire:
        await wire.send((TORN[name] + SECOND).replace(b"KEY", caller.key.encode()))
        refused(await wire.answer(), "openai", 400)
        assert await wire.closed()


@pytest.mark.parametrize(
    "target",
    [
        "/", "/v1", "/v1/nowhere", "/demo/ledger", "/v1/chat/completions/", "/V1/Models", "//v1/models", "/v1//models",
        "/v1/../demo/ledger",
        "/v1/./models", "/v1/%2e%2e/demo/ledger", "/v1/models/%2E%2E", "/v1%2fmodels", "/v1/responses/a%2Fb", "/v1/models/..%2f..%2fdemo",
        "/v1/models/%252e%252e", "/v1/models/a%00b", "/v1/models/a\\b", "/v1/models/a%5cb", "/v1/models;a=b", "/v1/models/%ff",
        "/v1/models#a", "/v1/models/a#b", "/v1/models?a=b#c", "http://evil.example/v1/models", "http://127.0.0.1/v1/models",
        "/v1/files/../models",
    ],
)  # fmt: skip
async def test_unknown_routes_and_tricks_with_paths(caller: Caller, target: str) -> None:
    async with dial(caller.gate.url) as wire:
        await wire.send(request(f"GET {target}", (caller.bearer,)))
        refused(await wire.answer(), "openai", 400, 404)


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "HEAD"])
async def test_methods_that_a_route_does_not_have(caller: Caller, method: str) -> None:
    async with dial(caller.gate.url) as wire:
        await wire.send(request(f"{method} /v1/messages", (caller.bearer,), GOOD))
        if method == "HEAD":
            assert (await wire.answer(body=False)).status == 404
        else:
            refused(await wire.answer(), "anthropic", 404)


async def test_the_gateway_is_no_open_proxy(caller: Caller) -> None:
    async with dial(caller.gate.url) as wire:
        await wire.send(request("CONNECT evil.example:443", (caller.bearer,)))
        refused(await wire.answer(), "openai", 400, 404)


async def test_a_model_that_the_tier_does_not_list(caller: Caller, keys: dict[str, str]) -> None:
    caller.key = keys["small_only"]
    for dialect in PATHS:
        message = refused(await caller.post(dialect, GOOD.replace(b"small", b"large")), dialect, 404)
        assert "demo-large" in message


CREDENTIALS = {
    "none": (),
    "wrong": (("Authorization", "Bearer sg-0000000000000000"),),
    "of another kind": (("Authorization", "Digest x"),),
    "not readable": (("Authorization", "Bearer a b"),),
    "two": (("Authorization", "Bearer KEY"), ("x-api-key", "another")),
    "two of one kind": (("Authorization", "Bearer KEY"), ("Authorization", "Bearer another")),
    "two, one misspelled": (("x_api_key", "another"), ("x-api-key", "KEY")),
}


@pytest.mark.parametrize("dialect", PATHS)
@pytest.mark.parametrize("name", CREDENTIALS)
async def test_without_just_one_valid_key(caller: Caller, dialect: str, name: str) -> None:
    fields = tuple((field, value.replace("KEY", caller.key)) for field, value in CREDENTIALS[name])
    reply = await caller.send(request(f"POST {PATHS[dialect]}", fields, GOOD))
    message = refused(reply, dialect, 400, 401)
    assert caller.key not in message
    assert reply.field("x-should-retry") == "false"


async def test_the_key_is_asked_for_before_the_body_is_read(caller: Caller) -> None:
    reply = await caller.send(request("POST /v1/messages", (("Content-Length", "1000000"),)))
    refused(reply, "anthropic", 401)


HANDSHAKE = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "A" * 22 + "=="}


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"Sec-WebSocket-Key": "short"}, 400), ({"Sec-WebSocket-Key": ""}, 400), ({"Connection": "close"}, 400),
        ({"Sec-WebSocket-Version": "8"}, 426),
    ],
    ids=["a short key", "no key", "no upgrade", "an old version"],
)  # fmt: skip
async def test_a_websocket_that_cannot_be_agreed_to(caller: Caller, change: dict[str, str], status: int) -> None:
    fields = tuple((HANDSHAKE | change).items())
    refused(await caller.send(request("GET /v1/realtime", (caller.bearer, *fields))), "openai", status)
