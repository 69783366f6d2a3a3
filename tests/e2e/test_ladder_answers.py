"""Answers of every unfriendly kind, to accounts whose answers must be shaped: nothing passes unshaped, and nothing is torn in silence."""

import gzip
import json
import zlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import brotli
import pytest
import pytest_asyncio
import zstandard

from proxy.core.ladder import Rung
from tests.support.accounts import fresh
from tests.support.gateway import Running, gateway
from tests.support.ladder import policy, set_rung
from tests.support.raw_upstream import END, RawUpstream, Then, chunk, raw_upstream, stream, whole
from tests.support.servers import free_port

SECRET = "pearls before swine and other thoughts"
CHAT: Any = {"model": "m", "messages": [{"role": "user", "content": "Hello."}]}
MESSAGE: Any = {"role": "assistant", "content": "Demo answer", "reasoning_content": SECRET}
CHOICE: Any = {"index": 0, "message": MESSAGE, "finish_reason": "stop"}
ANSWER: Any = {"id": "c1", "object": "chat.completion", "model": "m", "choices": [CHOICE]}
CODINGS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress, "deflate": zlib.compress, "br": brotli.compress, "zstd": zstandard.ZstdCompressor().compress,
}  # fmt: skip
CODED = pytest.mark.parametrize("coding", CODINGS)


def event(delta: Any, finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return b"data: " + json.dumps({"id": "c1", "object": "chat.completion.chunk", "model": "m", "choices": [choice]}).encode() + b"\n\n"


THOUGHT = event({"reasoning_content": SECRET})
EVENTS = (event({"role": "assistant"}), THOUGHT, event({"content": "Demo answer"}), event({}, "stop"), b"data: [DONE]\n\n")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def gate() -> AsyncIterator[tuple[Running, int]]:
    port = free_port()
    async with gateway("--policy", policy("doors"), "--upstream", f"http://127.0.0.1:{port}") as found:
        yield found, port


class Shaped:
    """An account on the rung `degraded`, and the upstream behind it."""

    def __init__(self, url: str, account: str, http: aiohttp.ClientSession, raw: RawUpstream) -> None:
        self._url = url
        self._account = account
        self._http = http
        self.raw = raw

    async def ask(self, path: str = "/v1/chat/completions", method: str = "POST", **parts: Any) -> tuple[int, bytes, bool, Any]:
        """Status, bytes, whether they ended as they should, header fields."""
        headers = {"X-Test-Account": self._account}
        body = None if method == "GET" else CHAT | parts
        async with self._http.request(method, self._url + path, json=body, headers=headers) as answer:
            got = bytearray()
            try:
                async for piece in answer.content.iter_any():
                    got.extend(piece)
            except aiohttp.ClientError:
                return answer.status, bytes(got), False, answer.headers
            return answer.status, bytes(got), True, answer.headers


@pytest.fixture
async def shaped(gate: tuple[Running, int]) -> AsyncIterator[Shaped]:
    running, port = gate
    account = fresh("shaped")
    await set_rung(running, account, Rung.DEGRADED)
    async with raw_upstream(port) as raw, aiohttp.ClientSession() as http:
        yield Shaped(running.url, account, http, raw)


def text_of(got: bytes) -> str:
    lines = [json.loads(line[6:]) for line in got.decode().splitlines() if line.startswith("data: {")]
    return "".join(choice["delta"].get("content") or "" for one in lines for choice in one["choices"])


@CODED
async def test_a_compressed_answer_is_shaped_all_the_same(coding: str, shaped: Shaped) -> None:
    """Though it was asked not to be compressed."""
    shaped.raw.says(whole(CODINGS[coding](json.dumps(ANSWER).encode()), f"Content-Encoding: {coding}"))
    status, got, ended, headers = await shaped.ask()
    assert (status, ended, headers.get("Content-Encoding")) == (200, True, None)
    assert SECRET.encode() not in got
    assert json.loads(got)["choices"][0]["message"]["content"] == "Demo answer"
    assert (await shaped.raw.request()).value("accept-encoding") == "identity"


@CODED
async def test_a_compressed_stream_is_shaped_all_the_same(coding: str, shaped: Shaped) -> None:
    packed = CODINGS[coding](b"".join(EVENTS))
    pieces = [chunk(packed[place : place + 7]) for place in range(0, len(packed), 7)]
    shaped.raw.says(stream(f"Content-Encoding: {coding}"), *pieces, END)
    status, got, ended, headers = await shaped.ask(stream=True)
    assert (status, ended, headers.get("Content-Encoding")) == (200, True, None)
    assert SECRET.encode() not in got
    assert (text_of(got), got.endswith(b"data: [DONE]\n\n")) == ("Demo answer", True)


@pytest.mark.parametrize("coding", ["x-own", "gzip"])
async def test_what_cannot_be_unpacked_is_not_sent(coding: str, shaped: Shaped) -> None:
    shaped.raw.says(whole(json.dumps(ANSWER).encode(), f"Content-Encoding: {coding}"))
    status, got, _, _ = await shaped.ask()
    assert status == 502
    assert b"could not be prepared" in got
    assert SECRET.encode() not in got
    shaped.raw.says(stream(f"Content-Encoding: {coding}"), chunk(b"".join(EVENTS)), END)
    status, got, ended, _ = await shaped.ask(stream=True)
    assert status == 502 or not ended, got
    assert SECRET.encode() not in got


async def test_an_answer_without_a_length_is_shaped(shaped: Shaped) -> None:
    head = "HTTP/1.1 200 OK\r\nContent-Type: {}\r\nConnection: close\r\n\r\n"
    shaped.raw.says(head.format("application/json").encode() + json.dumps(ANSWER).encode(), Then.CLOSE)
    status, got, ended, _ = await shaped.ask()
    assert (status, ended, SECRET.encode() in got) == (200, True, False)
    assert json.loads(got)["choices"][0]["message"]["content"] == "Demo answer"
    shaped.raw.says(head.format("text/event-stream").encode() + b"".join(EVENTS), Then.CLOSE)
    status, got, ended, _ = await shaped.ask(stream=True)
    assert (status, ended, SECRET.encode() in got, text_of(got)) == (200, True, False, "Demo answer")
    shaped.raw.says(head.format("text/event-stream").encode() + b"".join(EVENTS[:3]), Then.CLOSE)
    status, got, ended, _ = await shaped.ask(stream=True)
    assert (ended, SECRET.encode() in got) == (False, False), "cut before its end is never a polite end"


@pytest.mark.parametrize("status", ["400 Bad Request", "404 Not Found", "429 Too Many Requests", "500 Oops", "529 Overloaded"])
async def test_an_upstreams_error_passes_as_it_is(status: str, shaped: Shaped) -> None:
    body = b'{ "error" : {"message":"No.","type":"x","code":null} }'
    shaped.raw.says(whole(body, "Retry-After: 7", status=status))
    code, got, ended, headers = await shaped.ask(stream=True)
    assert (code, got, ended) == (int(status[:3]), body, True)
    assert headers["Retry-After"] == "7"
    assert headers["stillgate-rung"] == "degraded"


@pytest.mark.parametrize("then", [Then.CUT, Then.CLOSE, Then.SILENCE], ids=lambda then: then.name)
async def test_a_stream_that_breaks_says_so_and_is_cut(then: Then, shaped: Shaped) -> None:
    shaped.raw.says(stream(), chunk(EVENTS[0]), chunk(EVENTS[1]), chunk(EVENTS[2][:30]), then)
    status, got, ended, _ = await shaped.ask(stream=True)
    assert (status, ended, SECRET.encode() in got) == (200, False, False)
    assert b'"error"' in got
    assert b"[DONE]" not in got


NONSENSE = [
    b"data: {this is no JSON: " + SECRET.encode() + b"}\n\n",
    b"data: " + b'{"a":' * 5000 + b'"' + SECRET.encode() + b'"' + b"}" * 5000 + b"\n\n",
    b"data: {'choices': [{'delta': {'reasoning_content': '" + SECRET.encode() + b"'}}]}\n\n",
    b'data: {"choices":[{"index":0,"delta":{"reasoning_content":"' + SECRET.encode() + b'\xff"}}]}\n\n',
]


@pytest.mark.parametrize("nonsense", NONSENSE, ids=range(len(NONSENSE)))
async def test_nonsense_in_a_stream_never_passes(nonsense: bytes, shaped: Shaped) -> None:
    shaped.raw.says(stream(), chunk(EVENTS[0]), chunk(EVENTS[2]), chunk(nonsense), chunk(EVENTS[3]), END)
    status, got, ended, _ = await shaped.ask(stream=True)
    assert (status, ended, SECRET.encode() in got) == (200, False, False)
    assert b"could not be prepared" in got
    assert b"[DONE]" not in got


async def test_an_event_without_an_end_never_passes(shaped: Shaped) -> None:
    large = b'data: {"choices":[{"index":0,"delta":{"reasoning_content":"' + SECRET.encode() + b" " * 65536
    shaped.raw.says(stream(), chunk(EVENTS[2]), chunk(large), *(chunk(b"x" * 1_000_000) for _ in range(40)), END)
    status, got, ended, _ = await shaped.ask(stream=True)
    assert (status, ended, SECRET.encode() in got) == (200, False, False)
    assert b"could not be prepared" in got
    assert len(got) < 10_000


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/json", b"<html>" + SECRET.encode()), ("text/html", b"<html>" + SECRET.encode()), ("text/plain", SECRET.encode()),
        ("application/json", b""), ("application/json", b'["' + SECRET.encode() + b'"]'), ("application/octet-stream", b"\xff" * 9),
    ],
)  # fmt: skip
async def test_what_is_no_answer_is_not_sent(kind: str, body: bytes, shaped: Shaped) -> None:
    lines = ["HTTP/1.1 200 OK", f"Content-Type: {kind}", f"Content-Length: {len(body)}", "", ""]
    shaped.raw.says("\r\n".join(lines).encode() + body)
    status, got, ended, _ = await shaped.ask()
    assert ended
    assert SECRET.encode() not in got
    assert (status == 502 and b"could not be prepared" in got) or (status == 200 and not body)


async def test_an_event_stream_that_names_itself_otherwise_is_not_sent(shaped: Shaped) -> None:
    body = b"".join(EVENTS)
    shaped.raw.says(f"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
    status, got, _, _ = await shaped.ask(stream=True)
    assert (status, SECRET.encode() in got) == (502, False)


async def test_what_is_shaped_has_no_mark_of_what_it_was(shaped: Shaped) -> None:
    """A digest or an entity's tag of other bytes would be wrong."""
    shaped.raw.says(whole(json.dumps(ANSWER).encode(), 'ETag: "abc"', "Content-MD5: x", "Digest: sha-256=x", "Content-Digest: sha-256=:x:"))
    _, got, ended, headers = await shaped.ask()
    assert ended
    assert not {"ETag", "Content-MD5", "Digest", "Content-Digest"} & set(headers)
    assert int(headers["Content-Length"]) == len(got)
