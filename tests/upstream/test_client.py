"""The upstream client against a model side that looks at every byte."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from yarl import URL

from proxy.errors import CallerError, UpstreamError
from proxy.gateway.ports import Answer, Dispatch
from proxy.upstream.client import MOST_DOCUMENT, PIECE, HttpUpstream
from proxy.upstream.targets import Target
from tests.support.raw_upstream import END, RawUpstream, Then, chunk, raw_upstream, stream, whole
from tests.support.servers import free_port


def dispatch(body: Any = b"{}", *, path: str = "/v1/x", method: str = "POST", idle: float = 5.0) -> Dispatch:
    return Dispatch(method, path, "", (("X-One", "1"),), body, model="m", dialect="openai_chat", idle=idle)


@asynccontextmanager
async def client(port: int, **target: Any) -> AsyncIterator[HttpUpstream]:
    found = HttpUpstream([Target(URL(f"http://127.0.0.1:{port}"), **target)])
    await found.open()
    try:
        yield found
    finally:
        await found.close()


@asynccontextmanager
async def both() -> AsyncIterator[tuple[HttpUpstream, RawUpstream]]:
    port = free_port()
    async with raw_upstream(port) as upstream, client(port) as sender:
        yield sender, upstream


async def read(answer: Answer) -> bytes:
    try:
        return b"".join([chunk async for chunk in answer.chunks()])
    finally:
        answer.close()


async def test_an_unreachable_upstream_was_sent_nothing() -> None:
    async with client(free_port(), credential="secret") as sender:
        with pytest.raises(UpstreamError) as failed:
            await sender.send(dispatch())
    assert (failed.value.sent, failed.value.timed_out) == (False, False)
    assert "secret" not in str(failed.value)


async def test_an_upstream_that_is_still_starting_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    started: list[Any] = []

    async def pause(_: float) -> None:
        started.append(await asyncio.start_server(RawUpstream().serve, "127.0.0.1", port))

    async with client(port) as sender:
        monkeypatch.setattr("proxy.upstream.client.asyncio.sleep", pause)
        assert await read(await sender.send(dispatch())) == b"{}"
    monkeypatch.undo()
    started[0].close()
    assert len(started) == 1


async def test_a_silent_upstream_times_out_before_and_after_its_headers() -> None:
    async with both() as (sender, upstream):
        upstream.says(Then.SILENCE)
        with pytest.raises(UpstreamError) as before:
            await sender.send(dispatch(idle=0.05))
        upstream.says(stream(), chunk(b"x"), Then.SILENCE)
        answer = await sender.send(dispatch(idle=0.05))
        with pytest.raises(UpstreamError) as after:
            await read(answer)
        assert [(error.value.sent, error.value.timed_out) for error in (before, after)] == [(True, True), (True, True)]
        assert len(upstream.requests) == 2


@pytest.mark.parametrize("method", ["POST", "GET", "PUT", "DELETE"])
async def test_a_kept_connection_that_breaks_is_not_tried_again(method: str) -> None:
    async with both() as (sender, upstream):
        await read(await sender.send(dispatch(method=method)))
        upstream.says(Then.CLOSE)
        with pytest.raises(UpstreamError) as failed:
            await sender.send(dispatch(method=method))
        assert failed.value.sent
        assert (len(upstream.requests), upstream.connections) == (2, 1)


@pytest.mark.parametrize(
    "script", [(chunk(b"half"), Then.CUT), (chunk(b"half"), Then.CLOSE), (b"zz\r\n",)], ids=["reset", "closed", "torn"]
)
async def test_an_answer_that_breaks_off_is_an_error(script: tuple[bytes | Then, ...]) -> None:
    async with both() as (sender, upstream):
        upstream.says(stream(), *script)
        with pytest.raises(UpstreamError):
            await read(await sender.send(dispatch()))


async def test_letting_go_of_an_answer_closes_its_connection_at_once() -> None:
    async with both() as (sender, upstream):
        upstream.says(stream(), chunk(b"x"), Then.SILENCE)
        answer = await sender.send(dispatch())
        answer.close()
        answer.close()
        async with asyncio.timeout(10):
            await (await upstream.request()).gone.wait()


async def test_an_answer_that_was_read_gives_its_connection_back() -> None:
    async with both() as (sender, upstream):
        for _ in range(3):
            assert await read(await sender.send(dispatch())) == b"{}"
        assert upstream.connections == 1


async def test_giving_up_while_the_answer_is_awaited_closes_the_connection() -> None:
    async with both() as (sender, upstream):
        upstream.says(Then.SILENCE)
        sending = asyncio.ensure_future(sender.send(dispatch()))
        found = await upstream.request()
        sending.cancel()
        async with asyncio.timeout(10):
            await found.gone.wait()


@pytest.mark.parametrize("size", [0, 1, PIECE, PIECE + 1, 3 * PIECE])
async def test_bodies_of_every_size_have_a_length(size: int) -> None:
    async with both() as (sender, upstream):
        await read(await sender.send(dispatch(bytes(size))))
        found = upstream.requests[0]
        assert (found.value("content-length"), found.value("transfer-encoding"), len(found.body)) == (str(size), None, size)


async def test_a_streamed_body_is_passed_on_in_chunks_and_never_twice() -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"one"
        yield b"two"

    async with both() as (sender, upstream):
        await read(await sender.send(dispatch(pieces())))
        assert upstream.requests[0].unchunked() == b"onetwo"


async def test_a_body_that_turns_out_torn_is_the_callers_fault() -> None:
    async def torn() -> AsyncIterator[bytes]:
        yield b"one"
        raise CallerError("torn", status=408)

    async with both() as (sender, upstream):
        with pytest.raises(CallerError) as refused:
            await sender.send(dispatch(torn()))
        assert refused.value.status == 408
        assert upstream.requests == []


async def test_values_that_are_not_utf8_are_latin1() -> None:
    async with both() as (sender, upstream):
        upstream.says(whole(b"{}", "X-Name: caf\xe9"))
        answer = await sender.send(dispatch())
        assert dict(answer.headers)["X-Name"] == "café"
        await read(answer)


@pytest.mark.parametrize(
    ("script", "framed"),
    [((whole(),), True), ((stream(), END), True), ((b"HTTP/1.1 200 OK\r\n\r\n", Then.CLOSE), False)],
    ids=["length", "chunks", "neither"],
)
async def test_an_answer_says_whether_its_end_can_be_told(script: tuple[bytes | Then, ...], framed: bool) -> None:
    async with both() as (sender, upstream):
        upstream.says(*script)
        answer = await sender.send(dispatch())
        assert answer.framed is framed
        await read(answer)


async def test_a_small_document_is_fetched_whole_or_not_at_all() -> None:
    port = free_port()
    async with raw_upstream(port) as upstream, client(port) as sender:
        upstream.says(whole(b'{"keys":[]}'))
        assert await sender.fetch(f"http://127.0.0.1:{port}/jwks") == b'{"keys":[]}'
        for script in ((whole(status="404 Not Found"),), (Then.CUT,), (whole(b"", "Location: /x", status="302 Found"),)):
            upstream.says(*script)
            with pytest.raises(UpstreamError):
                await sender.fetch(f"http://127.0.0.1:{port}/jwks")
        upstream.says(whole(bytes(MOST_DOCUMENT + 1)))
        with pytest.raises(UpstreamError, match="too large"):
            await sender.fetch(f"http://127.0.0.1:{port}/jwks")


async def test_a_document_that_comes_in_pieces_is_read_to_its_end() -> None:
    port = free_port()
    async with raw_upstream(port) as upstream, client(port) as sender:
        upstream.says(stream(), chunk(b'{"ke'), Then.GO, chunk(b'ys":[]}'), END)
        fetching = asyncio.ensure_future(sender.fetch(f"http://127.0.0.1:{port}/jwks"))
        await upstream.request()
        upstream.go.set()
        assert await fetching == b'{"keys":[]}'


async def test_without_a_target_or_before_it_is_open_nothing_is_sent() -> None:
    with pytest.raises(UpstreamError, match="not open"):
        await HttpUpstream([Target(URL("http://up"))]).send(dispatch())
    with pytest.raises(UpstreamError, match="no upstream"):
        await HttpUpstream([Target(URL("http://up"), models=("other",))]).send(dispatch())
