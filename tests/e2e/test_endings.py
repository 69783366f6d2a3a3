"""How exchanges end: well, early, late or not at all. What was reserved is settled, and nobody takes a torn answer for a whole one."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import aiohttp.web
import anthropic
import openai
import pytest

from tests.e2e.conftest import POLICY, Client
from tests.support.gateway import Running, gateway
from tests.support.meters import count, store, until, used
from tests.support.raw_upstream import END, RawUpstream, Then, chunk, stream, whole
from tests.support.wire import Wire, dial, request

LONG: Any = {"model": "demo-small", "messages": [{"role": "user", "content": "say 4000 words"}]}
CLAUDE: Any = {"model": "demo-small", "max_tokens": 4000, "messages": [{"role": "user", "content": "say 4000 words"}]}
PACED = {"x-demo-pace": "0.01"}
CHAT = b'{"model":"m","max_tokens":50,"messages":[]}'
STREAM = b'{"model":"m","stream":true,"max_tokens":50,"messages":[]}'
EVENT = b'data: {"id":"x","model":"m","choices":[{"index":0,"delta":{"content":"Hi"}}]}\n\n'
PATHS = {"openai": "/v1/chat/completions", "anthropic": "/v1/messages"}
SOON = 10.0
"""Seconds in which the upstream must have heard that the caller is gone: of itself it never would."""

Gate = tuple[Running, int]


def asked(account: str, body: bytes = CHAT, *, path: str = PATHS["openai"], method: str = "POST") -> bytes:
    return request(f"{method} {path}", (("X-Test-Account", account),), body)


async def leases(gate: Running, account: str) -> int:
    async with store(gate) as client:
        found: int = await client.zcard(f"sg:{{{account}}}:live")
        return found


async def nothing_held(gate: Running, account: str) -> None:
    await until(lambda: leases(gate, account), lambda live: live == 0)


async def test_a_caller_who_hangs_up_cancels_the_model_and_pays_for_what_was_made(client: Client, shared_gate: Running) -> None:
    answer = await client.openai.chat.completions.create(**LONG, stream=True, extra_headers=PACED)
    async for seen, _ in _numbered(answer):
        if seen == 20:
            break
    assert await leases(shared_gate, client.account) == 1
    await answer.close()
    async with asyncio.timeout(SOON):
        await until(client.ledger, lambda ledger: ledger["cancelled"] == 1)
    made = (await client.ledger())["output_tokens"]
    assert 15 <= made < 400
    await nothing_held(shared_gate, client.account)
    tokens, held = await count(shared_gate, client.account, "tokens/minute")
    assert held == 0
    assert tokens < made * 3 + 100, "what was generated, by estimate, not what was reserved"
    assert tokens >= made / 3


async def _numbered(stream: Any) -> AsyncIterator[tuple[int, Any]]:
    seen = 0
    async for event in stream:
        seen += 1
        yield seen, event


async def test_a_caller_who_hangs_up_before_the_answer_cancels_it_too(raw_gate: Gate, raw: RawUpstream, account: str) -> None:
    raw.says(Then.SILENCE)
    async with dial(raw_gate[0].url) as wire:
        await wire.send(asked(account))
        found = await raw.request()
        assert await leases(raw_gate[0], account) == 1
    async with asyncio.timeout(SOON):
        await found.gone.wait()
    await nothing_held(raw_gate[0], account)
    assert await used(raw_gate[0], account, "tokens/day") >= 50, "it may have been generated in full: hanging up early is not free"


async def test_a_caller_who_hangs_up_in_the_middle_of_an_upload_sends_nothing_whole(raw_gate: Gate, raw: RawUpstream, account: str) -> None:
    async with dial(raw_gate[0].url) as wire:
        await wire.send(asked(account, b"x" * 100, path="/v1/open/files")[:-50])
        await until(lambda: leases(raw_gate[0], account), lambda live: live == 1)
    await nothing_held(raw_gate[0], account)
    assert raw.requests == []


async def test_an_upload_whose_chunks_are_torn_is_the_callers_fault(raw_gate: Gate, raw: RawUpstream, account: str) -> None:
    async with dial(raw_gate[0].url) as wire:
        await wire.send(request("POST /v1/open/files", (("X-Test-Account", account), ("Transfer-Encoding", "chunked"))) + chunk(b"one"))
        await until(lambda: leases(raw_gate[0], account), lambda live: live == 1)
        await wire.send(b"nonsense\r\n")
        answer = await wire.answer()
        assert (answer.status, json.loads(answer.body)["code"]) == (400, "invalid_request")
        assert await wire.closed()
    await nothing_held(raw_gate[0], account)
    assert raw.requests == []


async def test_a_break_in_mid_stream_is_an_error_in_openais_sdk(client: Client, shared_gate: Running) -> None:
    answer = await client.openai.chat.completions.create(**LONG, stream=True, extra_headers={"x-demo-fault": "break-after=5"})
    with pytest.raises(openai.APIError, match="broke off"):
        async for _ in answer:
            pass
    await nothing_held(shared_gate, client.account)
    assert await until(lambda: used(shared_gate, client.account, "tokens/minute"), lambda tokens: tokens > 0) < 100


async def test_a_break_in_mid_stream_is_an_error_in_anthropics_sdk(client: Client) -> None:
    answer = await client.anthropic.messages.create(**CLAUDE, stream=True, extra_headers={"x-demo-fault": "break-after=5"})
    with pytest.raises(anthropic.APIStatusError, match="broke off"):
        async for _ in answer:
            pass


@pytest.mark.parametrize("dialect", PATHS)
async def test_after_the_error_the_connection_is_cut(client: Client, dialect: str) -> None:
    body = json.dumps((LONG if dialect == "openai" else CLAUDE) | {"stream": True}).encode()
    async with dial(client.url) as wire:
        fields = (("Authorization", f"Bearer {client.key}"), ("x-demo-fault", "break-after=5"))
        await wire.send(request(f"POST {PATHS[dialect]}", fields, body))
        rest = await wire.rest()
    assert b"broke off" in rest
    assert not rest.endswith(END), "no polite end"


async def test_a_whole_answer_that_breaks_off_is_cut(client: Client) -> None:
    with pytest.raises(aiohttp.ClientPayloadError):
        async with client.post(PATHS["openai"], LONG, headers={"x-demo-fault": "break-after=5"}) as answer:
            await answer.read()


@pytest.mark.parametrize("script", [(Then.CUT,), (Then.CLOSE,)], ids=["reset", "closed"])
async def test_a_torn_event_gets_no_event_of_ours_in_its_middle(
    raw_gate: Gate, raw: RawUpstream, account: str, script: tuple[Then, ...]
) -> None:
    raw.says(stream(), chunk(EVENT), chunk(EVENT[:-9]), *script)
    asking = STREAM[:-1] + b',"stream_options":{"include_usage":true}}'
    async with dial(raw_gate[0].url) as wire:
        await wire.send(asked(account, asking))
        rest = await wire.rest()
    assert rest.endswith(EVENT[:-9] + b"\r\n")


async def test_a_compressed_stream_that_breaks_is_cut_without_a_word(raw_gate: Gate, raw: RawUpstream, account: str) -> None:
    raw.says(stream("Content-Encoding: gzip"), chunk(b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03"), Then.CUT)
    async with dial(raw_gate[0].url) as wire:
        await wire.send(asked(account, STREAM))
        assert (await wire.rest()).endswith(b"\x00\x03\r\n")


async def test_a_stream_without_frame_or_last_event_broke_off(raw_gate: Gate, raw: RawUpstream, account: str) -> None:
    raw.says(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n" + EVENT, Then.CLOSE)
    async with dial(raw_gate[0].url) as wire:
        await wire.send(asked(account, STREAM))
        assert not (await wire.rest()).endswith(END)


@pytest.mark.parametrize("dialect", PATHS)
async def test_a_silent_stream_ends_after_the_policys_idle_time(raw_gate: Gate, raw: RawUpstream, account: str, dialect: str) -> None:
    raw.says(stream(), chunk(b": hello\n\n"), Then.SILENCE)
    async with dial(raw_gate[0].url) as wire:
        await wire.send(asked(account, STREAM, path=PATHS[dialect]))
        rest = await wire.rest()
    assert b"broke off" in rest
    assert (b"event: error" in rest) == (dialect == "anthropic")
    assert not rest.endswith(END)
    await asyncio.wait_for((await raw.request()).gone.wait(), SOON)
    await nothing_held(raw_gate[0], account)


@pytest.mark.parametrize("dialect", PATHS)
async def test_an_upstream_that_never_answers_is_a_504(raw_gate: Gate, raw: RawUpstream, account: str, dialect: str) -> None:
    raw.says(Then.SILENCE)
    async with dial(raw_gate[0].url) as wire:
        await wire.send(asked(account, path=PATHS[dialect]))
        answer = await wire.answer()
    body = json.loads(answer.body)
    assert (answer.status, body["code"], "request_id" in body) == (504, "upstream_timeout", dialect == "anthropic")
    assert len(raw.requests) == 1
    await nothing_held(raw_gate[0], account)


@pytest.mark.parametrize("dialect", PATHS)
async def test_an_unreachable_upstream_is_a_502_that_costs_nothing(raw_gate: Gate, account: str, dialect: str) -> None:
    async with dial(raw_gate[0].url) as wire:
        await wire.send(asked(account, path=PATHS[dialect]))
        answer = await wire.answer()
    assert (answer.status, json.loads(answer.body)["code"]) == (502, "upstream_error")
    await nothing_held(raw_gate[0], account)
    for field in ("requests/day", "tokens/day"):
        assert await until(lambda field=field: count(raw_gate[0], account, field), lambda seen: seen == (0, 0)) == (0, 0)  # type: ignore[misc]


@pytest.mark.parametrize("method", ["POST", "GET", "PUT", "DELETE"])
@pytest.mark.parametrize("end", [Then.CLOSE, Then.CUT], ids=lambda end: end.name)
async def test_what_was_sent_is_never_sent_again(raw_gate: Gate, raw: RawUpstream, account: str, method: str, end: Then) -> None:
    """Also where a kept connection breaks, and the method says that it could be tried again."""
    raw.says(whole())
    raw.says(end)
    async with dial(raw_gate[0].url) as wire:
        for status in (200, 502):
            await wire.send(asked(account, CHAT if method in {"POST", "PUT"} else b"", path="/v1/open/x", method=method))
            assert (await wire.answer()).status == status
    assert len(raw.requests) == 2
    assert raw.connections == 1


@asynccontextmanager
async def at_the_edge(model: str, folder: Path, how: str) -> AsyncIterator[Running]:
    """A gateway that lets an account have few tokens, and does `how` where a stream outgrows them."""
    policy = folder / f"{how}.yaml"
    policy.write_text(
        f"""
policy: edge
identity: {{from: [header], header: {{trusted_peers: [127.0.0.1/32], account: X-Test-Account}}}}
tiers: {{few: {{tokens: 12000/minute burst 300}}}}
accounts: {{default_tier: few}}
accounting: {{typical_output: 16, slice: 32}}
failure: {{stream_over_quota: {how}}}
timeouts: {{idle: 30s}}
"""
    )
    async with gateway("--upstream", model, "--policy", str(policy)) as gate:
        yield gate


async def streamed(gate: Running, words: int) -> bytes:
    body = json.dumps({**LONG, "messages": [{"role": "user", "content": f"say {words} words"}], "stream": True}).encode()
    async with dial(gate.url) as wire:
        await wire.send(request(f"POST {PATHS['openai']}", (("X-Test-Account", "edge"), ("x-demo-pace", "0.001")), body))
        return (await wire.answer()).body


async def made(model: str) -> int:
    async with aiohttp.ClientSession() as http, http.get(f"{model}/demo/ledger") as answer:
        found: int = (await answer.json())["output_tokens"]
        return found


@pytest.mark.parametrize("how", ["finish", "slow", "stop"])
async def test_what_happens_to_a_stream_that_outgrows_its_quota(model: str, tmp_path: Path, how: str) -> None:
    async with at_the_edge(model, tmp_path, how) as gate:
        before = await made(model)
        body = await streamed(gate, 500)
        assert await made(model) - before <= 500
        await nothing_held(gate, "edge")
        tokens = await used(gate, "edge", "tokens/minute")
    if how == "stop":
        events = body.rstrip().split(b"\n\n")
        error = json.loads(events[-1].removeprefix(b"data: "))["error"]
        assert error["code"] == "rate_limit_exceeded"
        assert "12000 tokens per minute" in error["message"]
        assert b"[DONE]" not in body
        assert tokens < 300 + 64
    else:
        assert body.endswith(b"data: [DONE]\n\n")
        assert body.count(b'"content"') >= 500


async def test_sigterm_drains(model: str) -> None:
    """Readiness goes first, what runs finishes, idle connections and new ones are closed."""
    async with gateway("--upstream", model, "--policy", str(POLICY.with_name("raw.yaml")), "--drain", "20") as gate:
        body = json.dumps({**LONG, "messages": [{"role": "user", "content": "say 60 words"}], "stream": True}).encode()
        async with dial(gate.url) as idle, dial(gate.url) as busy, dial(gate.url) as upload, aiohttp.ClientSession() as http:
            await idle.send(request("GET /v1/models", (("X-Test-Account", "a"),)))
            assert (await idle.answer()).status == 200
            whole_upload = request("POST /v1/open/echo", (("X-Test-Account", "a"),), b"x" * 1000)
            await upload.send(whole_upload[:-500])
            await busy.send(request(f"POST {PATHS['openai']}", (("X-Test-Account", "a"), ("x-demo-pace", "0.02")), body))
            assert (await busy.head()).status == 200
            await until(lambda: leases(gate, "a"), lambda live: live == 2)
            gate.process.terminate()
            assert await until(lambda: _ready(http, gate), lambda status: status == 503) == 503
            assert await idle.closed()
            await until(lambda: _refused(gate), bool)
            await upload.send(whole_upload[-500:])
            reply = await upload.answer()
            assert (reply.status, reply.field("connection")) == (404, "close"), "the demo has no such route, but was asked"
            rest = await busy.rest()
            assert rest.count(b'"content"') >= 60
            assert rest.endswith(b"data: [DONE]\n\n\r\n" + END)
        await until(_of(gate.process.poll), lambda code: code is not None)
        assert gate.process.returncode == 0


def _of(look: Any) -> Any:
    async def looked() -> Any:
        return look()

    return looked


async def _ready(http: aiohttp.ClientSession, gate: Running) -> int:
    async with http.get(f"{gate.admin}/health/ready") as answer:
        return answer.status


async def _refused(gate: Running) -> bool:
    try:
        async with dial(gate.url) as wire:
            return not isinstance(wire, Wire)
    except ConnectionRefusedError:
        return True


async def test_an_exchange_that_outlasts_the_drain_is_cut_and_settled(model: str) -> None:
    async with (
        gateway("--upstream", model, "--policy", str(POLICY.with_name("raw.yaml")), "--drain", "0.2") as gate,
        dial(gate.url) as wire,
    ):
        body = json.dumps({**LONG, "stream": True}).encode()
        await wire.send(request(f"POST {PATHS['openai']}", (("X-Test-Account", "a"), ("x-demo-pace", "0.05")), body))
        assert (await wire.head()).status == 200
        gate.process.terminate()
        assert not (await wire.rest()).endswith(END)
        await until(_of(gate.process.poll), lambda code: code is not None)
        assert gate.process.returncode == 0
        assert "drain time is over" in gate.logged()


async def test_a_websocket_passes_both_ways(client: Client, shared_gate: Running) -> None:
    key = f"openai-insecure-api-key.{client.key}"
    async with client.http.ws_connect(f"{client.url}/v1/realtime", protocols=("realtime", key), compress=15) as socket:
        assert socket.protocol == "realtime"
        for message in ("hello", "ünï" * 50_000):
            await socket.send_str(message)
            assert await socket.receive_str() == message
        await socket.send_bytes(b"\x00\xff")
        assert await socket.receive_bytes() == b"\x00\xff"
        assert await leases(shared_gate, client.account) == 1
        assert (await client.ledger())["last_headers"]["sec-websocket-protocol"] == "realtime"
    await nothing_held(shared_gate, client.account)
    assert client.key not in shared_gate.logged()


class _Far:
    """A WebSocket server that closes as it is told."""

    def __init__(self) -> None:
        self.heard: asyncio.Future[tuple[int | None, str]] = asyncio.get_running_loop().create_future()
        self.closes: tuple[int, bytes] | None = None
        self.vanishes = False
        self.agrees: tuple[str, ...] = ()

    async def serve(self, request: aiohttp.web.BaseRequest) -> aiohttp.web.StreamResponse:
        socket = aiohttp.web.WebSocketResponse(protocols=self.agrees, autoclose=False)
        await socket.prepare(
            request.clone(headers={k: v for k, v in request.headers.items() if self.agrees or k != "Sec-WebSocket-Protocol"})
        )
        if self.closes is not None:
            await socket.close(code=self.closes[0], message=self.closes[1])
        elif self.vanishes and request.transport is not None:
            request.transport.abort()
        message = await socket.receive()
        if not self.heard.done():
            self.heard.set_result((message.data, str(message.extra)))
        await socket.close(code=message.data or 1000)
        return socket


@asynccontextmanager
async def far_side(port: int) -> AsyncIterator[_Far]:
    far = _Far()
    runner = aiohttp.web.ServerRunner(aiohttp.web.Server(far.serve), shutdown_timeout=0.1)
    await runner.setup()
    await aiohttp.web.TCPSite(runner, "127.0.0.1", port, reuse_address=True).start()
    try:
        yield far
    finally:
        await runner.cleanup()


@asynccontextmanager
async def near_side(gate: Running, account: str, **options: Any) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(f"{gate.url}/v1/realtime", headers={"X-Test-Account": account}, autoclose=False, **options) as socket,
    ):
        yield socket


async def test_the_callers_close_reaches_the_upstream_in_its_own_words_and_the_routes_cost_is_charged(raw_gate: Gate, account: str) -> None:
    async with far_side(raw_gate[1]) as far, near_side(raw_gate[0], account) as socket:
        await socket.close(code=4001, message=b"enough")
        assert await asyncio.wait_for(far.heard, SOON) == (4001, "enough")
        assert socket.close_code == 4001
    await nothing_held(raw_gate[0], account)
    assert await used(raw_gate[0], account, "requests/day") == 5


async def test_the_upstreams_close_reaches_the_caller_in_its_own_words(raw_gate: Gate, account: str) -> None:
    async with far_side(raw_gate[1]) as far:
        far.closes = (3999, b"session over")
        async with near_side(raw_gate[0], account) as socket:
            message = await socket.receive()
            assert (message.type, message.data, message.extra) == (aiohttp.WSMsgType.CLOSE, 3999, "session over")
    await nothing_held(raw_gate[0], account)


async def test_a_side_that_vanishes_closes_the_other(raw_gate: Gate, account: str) -> None:
    async with far_side(raw_gate[1]) as far:
        async with near_side(raw_gate[0], account) as socket:
            socket._response.close()  # no close frame: the caller's machine is gone
            assert (await asyncio.wait_for(far.heard, SOON))[0] == 1001
        far.vanishes = True
        async with near_side(raw_gate[0], account) as socket:
            assert (await socket.receive()).data == 1001
    await nothing_held(raw_gate[0], account)


async def test_a_subprotocol_that_holds_a_key_is_not_logged_where_none_is_agreed(raw_gate: Gate, account: str) -> None:
    async with far_side(raw_gate[1]) as far:
        async with near_side(raw_gate[0], account, protocols=("other", "openai-organization.secret-org")) as socket:
            assert socket.protocol is None
        await far.heard
    assert "secret-org" not in raw_gate[0].logged()


async def test_an_upstream_that_agrees_to_no_websocket_is_a_502(raw_gate: Gate, raw: RawUpstream, account: str) -> None:
    raw.says(whole(status="403 Forbidden"))
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        async with near_side(raw_gate[0], account):
            pass
    assert refused.value.status == 502
    await nothing_held(raw_gate[0], account)
    assert await used(raw_gate[0], account, "requests/day") == 0


async def test_a_dialects_own_route_never_becomes_a_websocket(raw_gate: Gate, raw: RawUpstream, account: str) -> None:
    """What flows in one is not counted."""
    handshake = (
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "A" * 22 + "=="),
    )
    async with dial(raw_gate[0].url) as wire:
        await wire.send(request("GET /v1/responses/resp_1", (("X-Test-Account", account), *handshake)))
        assert (await wire.answer()).status == 200
    assert (await raw.request()).value("upgrade") is None
