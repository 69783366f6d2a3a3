"""Pacing, faults and the ledger: what a request can ask of the demo model by header, and what it counts."""

import asyncio
import gzip
import hashlib
import json

import aiohttp
import openai
import pytest

from proxy.demo.faults import Faults, faults
from proxy.errors import CallerError
from tests.demo.conftest import Demo

CHAT = "/v1/chat/completions"


def asking(words: int, **more) -> dict:
    return {"model": "demo-small", "messages": [{"role": "user", "content": f"say {words} words"}], **more}


def words_in(body: bytes) -> int:
    return body.count(b'"delta":{"content"')


async def until_cancelled(demo: Demo) -> dict:
    async with asyncio.timeout(10):
        while not (ledger := await demo.ledger())["cancelled"]:
            await asyncio.sleep(0.01)
    return ledger


async def test_the_same_request_gets_the_same_bytes(demo: Demo) -> None:
    assert await demo.post(CHAT, asking(9, stream=True)) == await demo.post(CHAT, asking(9, stream=True))


@pytest.mark.parametrize("stream", [False, True])
async def test_a_caller_who_hangs_up_is_counted_and_no_more_is_generated(demo: Demo, stream: bool) -> None:
    asked = asyncio.ensure_future(demo.post(CHAT, asking(10_000, stream=stream), pace="0.01"))
    async with asyncio.timeout(10):
        while not (await demo.ledger())["output_tokens"]:
            await asyncio.sleep(0.01)
    assert asked.cancel()
    ledger = await until_cancelled(demo)
    assert 0 < ledger["output_tokens"] < 5000
    await asyncio.sleep(0.05)
    assert (await demo.ledger()) == ledger


async def test_hanging_up_without_a_pace_is_counted_too(demo: Demo) -> None:
    async with demo.http.post(demo.url + CHAT, json=asking(100_000, stream=True)) as answer:
        await answer.content.readany()
        answer.close()
    ledger = await until_cancelled(demo)
    assert 0 < ledger["output_tokens"] < 100_000


async def torn_stream(demo: Demo, fault: str, silence: float = 10.0) -> tuple[bytes, Exception | None]:
    """What was read of a stream of 50 words until it broke off, and how that looked."""
    headers, patience, read = {"x-demo-fault": fault}, aiohttp.ClientTimeout(sock_read=silence), b""
    try:
        async with demo.http.post(demo.url + CHAT, json=asking(50, stream=True), headers=headers, timeout=patience) as answer:
            async for chunk in answer.content.iter_any():
                read += chunk
    except (aiohttp.ClientError, TimeoutError) as error:
        return read, error
    return read, None


async def test_a_break_cuts_after_so_many_tokens_and_is_not_the_callers_doing(demo: Demo) -> None:
    read, error = await torn_stream(demo, "break-after=7")
    assert isinstance(error, aiohttp.ClientPayloadError)
    assert words_in(read) == 7
    with pytest.raises(aiohttp.ClientError):
        await demo.post(CHAT, asking(50), fault="break-after=7")
    ledger = await demo.ledger()
    assert (ledger["output_tokens"], ledger["cancelled"]) == (57, 0)


async def test_silence_lasts_until_the_caller_leaves(demo: Demo) -> None:
    read, error = await torn_stream(demo, "silent-after=4", 1.0)
    assert isinstance(error, TimeoutError)
    assert words_in(read) == 4
    ledger = await until_cancelled(demo)
    assert ledger["output_tokens"] == 4


@pytest.mark.parametrize("status", [400, 429, 500, 529])
async def test_errors_on_wish(demo: Demo, status: int) -> None:
    with pytest.raises(openai.APIStatusError) as error:
        await demo.openai.chat.completions.create(**asking(5), extra_headers={"x-demo-fault": f"error={status}"})
    assert error.value.status_code == status
    assert (await demo.ledger())["output_tokens"] == 0


async def test_an_answer_without_usage(demo: Demo) -> None:
    _, whole = await demo.post(CHAT, asking(5), fault="no-usage")
    _, stream = await demo.post(CHAT, asking(5, stream=True, stream_options={"include_usage": True}), fault="no-usage")
    assert b"usage" not in whole + stream
    assert (await demo.ledger())["output_tokens"] == 10


async def test_malformed_answers(demo: Demo) -> None:
    _, whole = await demo.post(CHAT, asking(5), fault="malformed")
    with pytest.raises(json.JSONDecodeError):
        json.loads(whole)
    _, stream = await demo.post(CHAT, asking(5, stream=True), fault="malformed")
    events = [event.removeprefix(b"data: ") for event in stream.split(b"\n\n") if event.startswith(b"data: {")]
    with pytest.raises(json.JSONDecodeError):
        [json.loads(event) for event in events]


@pytest.mark.parametrize("stream", [False, True])
async def test_compressed_answers_hold_the_same_bytes(demo: Demo, stream: bool) -> None:
    _, plain = await demo.post(CHAT, asking(30, stream=stream))
    body, headers = json.dumps(asking(30, stream=stream)), {"x-demo-encoding": "gzip"}
    async with aiohttp.ClientSession(auto_decompress=False) as bare, bare.post(demo.url + CHAT, data=body, headers=headers) as answer:
        assert answer.headers["Content-Encoding"] == "gzip"
        assert gzip.decompress(await answer.read()) == plain


async def test_delay_and_pace(demo: Demo) -> None:
    loop = asyncio.get_running_loop()
    begun = loop.time()
    await demo.post(CHAT, asking(5), delay="0.1", pace="0.02")
    assert loop.time() - begun >= 0.1 + 4 * 0.02


async def test_the_ledger_knows_the_last_request_as_it_was_sent(demo: Demo) -> None:
    body = gzip.compress(json.dumps(asking(5)).encode())
    headers = {"Content-Encoding": "gzip", "X-Trace": "abc"}
    async with demo.http.post(demo.url + CHAT, data=body, headers=headers) as answer:
        assert answer.headers["x-demo"] == "stillgate-demo-model"
        assert (await answer.json())["usage"]["completion_tokens"] == 5
    ledger = await demo.ledger()
    assert ledger["last_headers"]["x-trace"] == "abc"
    assert ledger["last_body_sha256"] == hashlib.sha256(body).hexdigest()


async def test_every_answer_is_labelled(demo: Demo) -> None:
    for method, path in (
        ("GET", "/v1/models"),
        ("HEAD", "/v1/models"),
        ("GET", "/nowhere"),
        ("POST", "/v1/messages"),
        ("GET", "/demo/ledger"),
    ):
        async with demo.http.request(method, demo.url + path) as answer:
            assert answer.headers["x-demo"] == "stillgate-demo-model"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[1]",
        b'{"model": 5}',
        b'{"model": "demo-small", "messages": []}',
        b'{"model":"demo-small","messages":[{"a":' + b"[" * 5000,
    ],
)
async def test_what_cannot_be_read_is_refused(demo: Demo, body: bytes) -> None:
    for path in (CHAT, "/v1/messages"):
        async with demo.http.post(demo.url + path, data=body) as answer:
            assert (answer.status, (await answer.json())["error"]["type"]) == (400, "invalid_request_error")
    assert (await demo.ledger())["output_tokens"] == 0


def test_unknown_wishes_are_refused() -> None:
    for wish in ({"x-demo-fault": "explode"}, {"x-demo-pace": "soon"}, {"x-demo-encoding": "br"}, {"x-demo-fault": "error=200"}):
        with pytest.raises(CallerError):
            faults(wish)
    assert faults({}) == Faults()
