"""The front door over real sockets, with small patience, and all ports behind it in memory but the upstream."""

import asyncio
import base64
import hashlib
import json
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from yarl import URL

from proxy.app.sockets import bind, words
from proxy.core.facts import Ending
from proxy.core.policy import OpenRoute, Tier
from proxy.gateway.fronts import NOBODY, Fronts, Peers
from proxy.server.front import FrontDoor, Limits
from proxy.upstream.client import HttpUpstream
from proxy.upstream.targets import Target
from tests.support.claims import IN_FLIGHT
from tests.support.line import House, OpenDoor
from tests.support.policies import policy
from tests.support.raw_upstream import END, RawUpstream, Then, chunk, raw_upstream, stream
from tests.support.servers import free_port
from tests.support.wire import dial, request

BODY = b'{"model":"m","messages":[]}'
STREAM = b'{"model":"m","stream":true,"stream_options":{"include_usage":true},"messages":[]}'
QUICK = Limits(first_request=0.05, body_silence=0.05, read_silence=0.05)
ANN = ("x-account", "ann")


class Running:
    """A front door that is open."""

    def __init__(self, url: str, front: FrontDoor, house: House, upstream: RawUpstream) -> None:
        self.url = url
        self.front = front
        self.house = house
        self.upstream = upstream

    def post(self, body: bytes, *fields: tuple[str, str], path: str = "/v1/chat/completions") -> bytes:
        return request(f"POST {path}", (ANN, *fields), body)

    def endings(self) -> list[Ending]:
        return [outcome.ending for trace in self.house.telemetry.traces.values() for outcome in trace.outcomes]


@asynccontextmanager
async def opened(limits: Limits | None = None, heartbeat: float = 30.0) -> AsyncIterator[Running]:
    house = House(policy(routes=(OpenRoute("/v1/open/**", (), 1, 0),), tiers={"free": Tier("free", (IN_FLIGHT,))}), {})
    port = free_port()
    client = HttpUpstream([Target(URL(f"http://127.0.0.1:{port}"))], heartbeat=heartbeat)
    await client.open()
    house.rooms.upstream = client
    front = FrontDoor(house.rooms, limits)
    door = bind("127.0.0.1:0", 1)[0]
    await front.open(door)
    async with raw_upstream(port) as upstream:
        try:
            yield Running(f"http://{words(door)}", front, house, upstream)
        finally:
            await front.drain(0)
            await client.close()


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not is_so():
            await asyncio.sleep(0.005)


@pytest.mark.parametrize(
    "beginning", [b"", b"POST /v1/chat/comp", b"POST / HTTP/1.1\r\nHost: x\r\nX-Slow: "], ids=["nothing", "a line", "headers"]
)
async def test_a_first_request_that_does_not_come_closes_the_connection(beginning: bytes) -> None:
    async with opened(QUICK) as door, dial(door.url) as wire:
        await wire.send(beginning)
        assert await wire.closed()


async def test_a_kept_connection_outlives_the_patience_for_its_first_request() -> None:
    async with opened(Limits(first_request=0.05)) as door, dial(door.url) as wire:
        await wire.send(door.post(BODY))
        assert (await wire.answer()).status == 200
        async with dial(door.url) as silent:
            assert await silent.closed(), "so the time is over"
        await wire.send(door.post(BODY))
        assert (await wire.answer()).status == 200


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/open/files"], ids=["dialect", "opened route"])
async def test_a_body_that_stops_coming_is_a_408(path: str) -> None:
    async with opened(QUICK) as door, dial(door.url) as wire:
        await wire.send(door.post(BODY, path=path)[:-5])
        answer = await wire.answer()
        assert answer.status == 408
        assert json.loads(answer.body)["reference"] == answer.field("stillgate-request-id")
        assert door.upstream.requests == []
    assert len(door.house.store.granted) == sum(door.house.store.ended.values()), "nothing stays reserved"
    assert not door.house.store.settled or path == "/v1/open/files"


async def test_a_chunked_body_is_measured_as_it_comes() -> None:
    async with opened() as door, dial(door.url) as wire:
        await wire.send(request("POST /v1/chat/completions", (ANN, ("Transfer-Encoding", "chunked"))))
        for _ in range(20):
            await wire.send(chunk(bytes(64 << 10)))
        assert (await wire.answer()).status == 413
    assert door.upstream.requests == []
    assert door.house.store.granted == set()


async def test_a_torn_chunk_is_told_at_once_to_who_reads_the_body() -> None:
    async with opened() as door, dial(door.url) as wire:
        await wire.send(request("POST /v1/chat/completions", (ANN, ("Transfer-Encoding", "chunked"))) + chunk(b"{"))
        await until(lambda: door.front.in_flight == 1)
        await wire.send(b"zz\r\n")
        assert (await wire.answer()).status == 400
        assert await wire.closed()


async def test_a_caller_who_does_not_read_is_cut() -> None:
    async with opened(Limits(read_silence=0.05)) as door, dial(door.url) as wire:
        door.upstream.says(stream(), *(chunk(b": " + bytes(1 << 20) + b"\n\n") for _ in range(64)), Then.SILENCE)
        wire.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        wire.writer.transport.pause_reading()
        await wire.send(door.post(STREAM))
        await until(lambda: bool(door.endings()))
        assert door.endings() == [Ending.CALLER_LEFT]
        assert door.house.places.taken == 0


async def test_what_nobody_foresaw_is_a_500_without_details(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    async def fail(*_: Any) -> None:
        raise RuntimeError("a secret detail")

    async with opened() as door, dial(door.url) as wire:
        monkeypatch.setattr(door.house.rooms.upstream, "send", fail)
        await wire.send(door.post(BODY))
        answer = await wire.answer()
        assert answer.status == 500
        assert b"secret" not in answer.body
        assert str(answer.field("stillgate-request-id")).encode() in answer.body
        assert door.endings() == [Ending.FAILED]
    assert "exchange" in caplog.text


async def test_what_fails_after_the_answer_began_cuts_it(monkeypatch: pytest.MonkeyPatch) -> None:
    class Torn:
        status, headers, framed = 200, (("Content-Type", "text/event-stream"),), True

        async def chunks(self) -> AsyncIterator[bytes]:
            yield b": one\n\n"
            raise RuntimeError

        def close(self) -> None: ...

    async def send(*_: Any) -> Torn:
        return Torn()

    async with opened() as door, dial(door.url) as wire:
        monkeypatch.setattr(door.house.rooms.upstream, "send", send)
        await wire.send(door.post(STREAM))
        assert not (await wire.rest()).endswith(END)


async def test_a_request_that_is_none_leaves_one_line_and_nothing_of_what_was_sent(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with opened() as door, dial(door.url) as wire:
        await wire.send(b"POST / HTTP/1.1\r\nHost: x\r\nX-Secret : canary\r\n\r\n")
        answer = await wire.answer()
    assert answer.status == 400
    lines = [record for record in caplog.records if str(answer.field("stillgate-request-id")) in record.getMessage()]
    assert len(lines) == 1
    assert "canary" not in caplog.text


@pytest.mark.parametrize(
    "beginning",
    [b"POST /v1/messages HTTP/1.1\r\nHost: x\r\n", b"POST /x HTTP/1.1\r\nHost: x\r\nAnthropic-Version: 2023-06-01\r\n"],
    ids=["path", "header"],
)
async def test_a_request_that_is_none_is_answered_as_its_beginning_lets_guess(beginning: bytes) -> None:
    async with opened() as door, dial(door.url) as wire:
        for _ in range(2):  # what came before on the connection does not count
            await wire.send(door.post(b'{"model": "anthropic-version: /messages"}'))
            assert (await wire.answer()).status == 200
        await wire.send(beginning)
        await wire.send(b"X-Secret : canary\r\n\r\n")
        answer = await wire.answer()
    assert answer.status == 400
    assert json.loads(answer.body)["type"] == "error"


async def test_a_request_that_is_none_after_others_is_answered_for_itself() -> None:
    async with opened() as door, dial(door.url) as wire:
        await wire.send(door.post(b'{"model":"m","max_tokens":1,"messages":[]}', path="/v1/messages"))
        assert (await wire.answer()).status == 200
        await wire.send(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nX-Secret : canary\r\n\r\n")
        assert json.loads((await wire.answer()).body)["type"] != "error"


@pytest.mark.parametrize("head", [b"Content-Length: 2\r\n\r\n{}", b"Transfer-Encoding: chunked\r\n\r\n" + chunk(b"{}") + END])
async def test_an_answer_without_a_content_type_gains_none(head: bytes) -> None:
    async with opened() as door, dial(door.url) as wire:
        door.upstream.says(b"HTTP/1.1 200 OK\r\n" + head)
        await wire.send(door.post(BODY))
        answer = await wire.answer()
    assert (answer.body, answer.field("content-type")) == (b"{}", None)


UPGRADE = (
    ANN, ("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13"), ("Sec-WebSocket-Key", "A" * 22 + "=="),
)  # fmt: skip


def switched(nonce: str) -> bytes:
    """An upstream's word that the connection is a WebSocket now (RFC 6455 4.2.2)."""
    accept = base64.b64encode(hashlib.sha1(nonce.encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
    return b"HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " + accept + b"\r\n\r\n"


@pytest.mark.parametrize(("near", "far", "ending"), [(0.05, 30.0, Ending.CALLER_LEFT), (30.0, 0.05, Ending.UPSTREAM_BROKE)])
async def test_a_websocket_whose_peer_has_vanished_ends(near: float, far: float, ending: Ending) -> None:
    async with opened(Limits(heartbeat=near), heartbeat=far) as door, dial(door.url) as wire:
        script: list[Any] = [Then.GO, Then.SILENCE]
        door.upstream.scripts.append(script)  # type: ignore[arg-type]
        await wire.send(request("GET /v1/open/live", UPGRADE))
        script.insert(1, switched((await door.upstream.request()).value("sec-websocket-key") or ""))
        door.upstream.go.set()
        assert (await wire.head()).status == 101
        await until(lambda: bool(door.endings()))
        assert door.endings() == [ending]
    assert len(door.house.store.granted) == sum(door.house.store.ended.values())


async def test_draining_waits_for_what_runs() -> None:
    async with opened() as door, dial(door.url) as idle, dial(door.url) as busy:
        door.upstream.says(stream(), chunk(b": one\n\n"), Then.GO, chunk(b"data: [DONE]\n\n"), END)
        await busy.send(door.post(STREAM))
        await busy.head()
        draining = asyncio.ensure_future(door.front.drain(5))
        assert await idle.closed()
        assert not draining.done()
        door.upstream.go.set()
        assert (await busy.rest()).endswith(END)
        assert await draining
        with pytest.raises(ConnectionRefusedError):
            await _dialled(door.url)


async def test_draining_ends_with_its_time() -> None:
    async with opened() as door, dial(door.url) as busy:
        door.upstream.says(stream(), chunk(b": one\n\n"), Then.SILENCE)
        await busy.send(door.post(STREAM))
        await busy.head()
        assert not await door.front.drain(0.01)
        assert not (await busy.rest()).endswith(END)
        assert door.endings() == [Ending.CALLER_LEFT]
        async with asyncio.timeout(10):
            await (await door.upstream.request()).gone.wait()


def _dialled(url: str) -> Awaitable[None]:
    async def once() -> None:
        async with dial(url):
            pass

    return once()


async def test_whoever_fails_to_say_who_they_are_is_counted_by_the_address_that_a_trusted_front_saw(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else behind a balancer one stranger with a wrong key would shut everybody out."""
    failed: list[str] = []

    async def count(_: OpenDoor, address: str) -> None:
        failed.append(address)

    monkeypatch.setattr(OpenDoor, "failed", count)
    async with opened() as door:
        for fronts in (NOBODY, Fronts(Peers.of(["127.0.0.0/8"]))):
            door.house.rooms.fronts = fronts
            async with dial(door.url) as wire:
                await wire.send(request("POST /v1/chat/completions", (("X-Forwarded-For", "6.6.6.6, 203.0.113.7"),), BODY))
                assert (await wire.answer()).status == 401
    assert failed == ["127.0.0.1", "203.0.113.7"]
