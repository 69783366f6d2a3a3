"""Bytes that no rule changes pass unchanged, both ways: seen by an upstream and a caller who look at every one of them."""

import gzip
import json
from collections.abc import Callable

import brotli
import pytest
import zstandard

from tests.e2e.conftest import OPERATORS_KEY
from tests.support.accounts import key_of
from tests.support.gateway import Running
from tests.support.meters import count, until, used
from tests.support.raw_upstream import END, RawUpstream, Then, chunk, in_order, stream, whole
from tests.support.wire import Reply, Wire, dial, request

CODERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "br": brotli.compress,
    "zstd": zstandard.ZstdCompressor().compress,
}
CHAT = b'{"model":"m","messages":[{"role":"user","content":"hi"}]}'
STREAM = b'{"model":"m","stream":true,"stream_options":{"include_usage":true},"messages":[]}'
ANSWER = b'{"id":"x", "model":"m","choices":[],"usage":{"prompt_tokens":7,"completion_tokens":5}}'
EVENTS = (
    b'data: {"id":"x","model":"m","choices":[{"index":0,"delta":{"content":"Hi"}}]}\n\n'
    b'data: {"id":"x","model":"m","choices":[],"usage":{"prompt_tokens":7,"completion_tokens":5}}\n\ndata: [DONE]\n\n'
)
TOLD = 12
"""Tokens that `ANSWER` and `EVENTS` report."""

Gate = tuple[Running, int]


async def call(gate: Gate, account: str, body: bytes = CHAT, *fields: tuple[str, str], path: str = "/v1/chat/completions") -> Reply:
    async with dial(gate[0].url) as wire:
        await wire.send(asked(account, body, *fields, path=path))
        return await wire.answer()


def asked(account: str, body: bytes = CHAT, *fields: tuple[str, str], path: str = "/v1/chat/completions", method: str = "POST") -> bytes:
    return request(f"{method} {path}", (("X-Test-Account", account), *fields), body)


async def charged(gate: Gate, account: str, tokens: int) -> None:
    """Waits until just that is charged, and nothing held any more."""
    assert await until(lambda: count(gate[0], account, "tokens/day"), lambda seen: seen == (tokens, 0)) == (tokens, 0)


async def test_the_body_goes_up_as_it_was_written(raw_gate: Gate, raw: RawUpstream, account: str) -> None:
    body = ' {\r\n"model" :\t"m" , "unknown":{"b":1.50e+01,"a":[]},"messages":[{"role":"user","content":"\\u00e9 é 😀"}]}\n '.encode()
    assert (await call(raw_gate, account, body)).status == 200
    assert (await raw.request()).body == body


async def test_headers_go_up_in_order_and_case_without_what_is_secret_or_spoofable(raw_gate: Gate, raw: RawUpstream, account: str) -> None:
    key = await key_of(raw_gate[0], account)
    fields = (
        ("aCCept", "*/*"), ("X-Zeta", "1"), ("Authorization", f"Bearer {key}"), ("x-ALPHA", "2"), ("X-Zeta", "3"), ("User-Agent", "mine/1"),
        ("Accept-Encoding", "gzip;q=0.5, br"), ("X-Forwarded-For", "1.2.3.4"), ("Forwarded", "for=1.2.3.4"), ("Cookie", "a=b"),
        ("Connection", "keep-alive, X-Hop"), ("X-Hop", "1"), ("TE", "trailers"), ("Keep-Alive", "timeout=5"),
        ("Proxy-Authorization", "Basic eA=="),
        ("Content-Type", "application/json; charset=UTF-8"), ("X-Text", "é"), ("Accept-Language", "de"),
    )  # fmt: skip
    assert (await call(raw_gate, account, CHAT, *fields)).status == 200
    found = await raw.request()
    assert in_order(
        ["aCCept", "X-Zeta", "x-ALPHA", "User-Agent", "Accept-Encoding", "Content-Type", "X-Text", "Accept-Language"], found.names
    )
    assert [line for line in found.lines if line.startswith("X-Zeta")] == ["X-Zeta: 1", "X-Zeta: 3"]
    assert found.value("accept-encoding") == "gzip;q=0.5, br"
    assert found.value("user-agent") == "mine/1"
    assert found.value("x-text") == "é"
    assert found.value("host") == f"127.0.0.1:{raw_gate[1]}"
    assert found.value("authorization") == f"Bearer {OPERATORS_KEY}"
    low = {name.lower() for name in found.names}
    assert not low & {
        "x-forwarded-for",
        "forwarded",
        "cookie",
        "connection",
        "x-hop",
        "te",
        "keep-alive",
        "proxy-authorization",
        "x-test-account",
    }
    assert key not in str(found)


async def test_no_header_is_made_up_for_a_caller_who_sends_none(raw_gate: Gate, raw: RawUpstream, account: str) -> None:
    assert (await call(raw_gate, account)).status == 200
    names = {name.lower() for name in (await raw.request()).names}
    assert names - {"traceparent"} == {"host", "authorization", "content-length"}


async def test_response_headers_come_down_in_order_without_what_tells_of_the_operators_account(
    raw_gate: Gate, raw: RawUpstream, account: str
) -> None:
    raw.says(whole(
        ANSWER, "x-ZULU: 1", "X-Alpha: 2", "x-ZULU: 3", "Server: theirs", "Date: Tue, 24 Nov 2026 00:00:00 GMT", "Set-Cookie: s=1",
        "x-ratelimit-remaining-tokens: 5", "anthropic-ratelimit-tokens-limit: 5", "openai-organization: o", "Connection: X-Hop", "X-Hop: 1",
        'Alt-Svc: h3=":443"', "Retry-After: 7", "X-Latin: caf\xe9",
    ))  # fmt: skip
    answer = await call(raw_gate, account)
    names = [name for name, _ in answer.fields]
    assert in_order(["Content-Type", "x-ZULU", "X-Alpha", "Server", "Date", "Retry-After", "X-Latin"], names)
    assert [value for name, value in answer.fields if name == "x-ZULU"] == ["1", "3"]
    assert answer.field("server") == "theirs"
    assert answer.field("date") == "Tue, 24 Nov 2026 00:00:00 GMT"
    assert (answer.field("x-latin") or "").encode("latin-1").decode() == "café"
    assert answer.field("content-length") == str(len(ANSWER))
    gone = {"set-cookie", "anthropic-ratelimit-tokens-limit", "openai-organization", "x-hop", "alt-svc"}
    assert not gone & {name.lower() for name in names}
    assert answer.field("x-ratelimit-remaining-tokens") != "5"
    assert answer.body == ANSWER
    await charged(raw_gate, account, TOLD)


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"], ids=["LF", "CRLF", "CR"])
async def test_unknown_events_comments_and_line_ends_pass_untouched(raw_gate: Gate, raw: RawUpstream, account: str, end: bytes) -> None:
    events = b"\xef\xbb\xbf: hello\n\nevent: made.up\nid: 7\nretry: 5\ndata: {not json\ndata: more\n\n\n\ndata\n\n".replace(b"\n", end)
    events += EVENTS.replace(b"\n", end)
    raw.says(stream(), *(chunk(events[at : at + 7]) for at in range(0, len(events), 7)), END)
    answer = await call(raw_gate, account, STREAM)
    assert answer.body == events
    assert (await raw.request()).body == STREAM
    await charged(raw_gate, account, TOLD)


async def test_events_are_not_held_back(raw_gate: Gate, raw: RawUpstream, account: str) -> None:
    raw.says(stream(), chunk(b"data: {}\n\nda"), Then.GO, chunk(b"ta: [DONE]\n\n"), END)
    async with dial(raw_gate[0].url) as wire:
        await wire.send(asked(account, STREAM))
        assert (await wire.head()).field("x-accel-buffering") == "no"
        assert await wire.reader.readexactly(len("c\r\ndata: {}\n\nda")) == b"c\r\ndata: {}\n\nda"
        raw.go.set()
        assert (await wire.reader.readuntil(b"0\r\n\r\n")).endswith(b"ta: [DONE]\n\n\r\n0\r\n\r\n")


async def test_usage_is_asked_for_and_hidden_from_who_did_not_ask(raw_gate: Gate, raw: RawUpstream, account: str) -> None:
    raw.says(stream(), chunk(EVENTS), END)
    answer = await call(raw_gate, account, b'{"model":"m","stream":true,"messages":[]}', ("Accept-Encoding", "gzip"))
    found = await raw.request()
    assert json.loads(found.body)["stream_options"] == {"include_usage": True}
    assert found.value("accept-encoding") == "identity", "what is to be changed must come in the clear"
    assert b"usage" not in answer.body
    assert answer.body.endswith(b"data: [DONE]\n\n")
    await charged(raw_gate, account, TOLD)


async def test_an_upstream_that_compresses_all_the_same_is_passed_on_as_it_is(raw_gate: Gate, raw: RawUpstream, account: str) -> None:
    raw.says(stream("Content-Encoding: gzip"), chunk(gzip.compress(EVENTS)), END)
    answer = await call(raw_gate, account, b'{"model":"m","stream":true,"messages":[]}')
    assert answer.field("content-encoding") == "gzip"
    assert gzip.decompress(answer.body) == EVENTS
    await charged(raw_gate, account, TOLD)


@pytest.mark.parametrize("coding", CODERS)
async def test_compressed_answers_pass_and_are_counted(raw_gate: Gate, raw: RawUpstream, account: str, coding: str) -> None:
    packed = CODERS[coding](ANSWER)
    raw.says(whole(packed, f"Content-Encoding: {coding}"))
    answer = await call(raw_gate, account, CHAT, ("Accept-Encoding", coding))
    assert (answer.body, answer.field("content-encoding")) == (packed, coding)
    await charged(raw_gate, account, TOLD)


@pytest.mark.parametrize("coding", CODERS)
async def test_compressed_streams_pass_and_are_counted(raw_gate: Gate, raw: RawUpstream, account: str, coding: str) -> None:
    packed = CODERS[coding](EVENTS)
    raw.says(stream(f"Content-Encoding: {coding}"), *(chunk(packed[at : at + 5]) for at in range(0, len(packed), 5)), END)
    answer = await call(raw_gate, account, STREAM, ("Accept-Encoding", coding))
    assert (answer.body, answer.field("content-encoding")) == (packed, coding)
    await charged(raw_gate, account, TOLD)


async def test_a_coding_that_nobody_here_knows_passes_and_is_not_free(raw_gate: Gate, raw: RawUpstream, account: str) -> None:
    raw.says(stream("Content-Encoding: compress"), chunk(b"x" * 4000), END)
    assert (await call(raw_gate, account, STREAM)).body == b"x" * 4000
    assert await until(lambda: used(raw_gate[0], account, "tokens/day"), lambda tokens: tokens > 500) < 2000


@pytest.mark.parametrize("coding", CODERS)
async def test_compressed_requests_are_read_and_go_up_as_sent(raw_gate: Gate, raw: RawUpstream, account: str, coding: str) -> None:
    raw.says(whole(ANSWER))
    packed = CODERS[coding](CHAT + b" " * 4000)
    assert (await call(raw_gate, account, packed, ("Content-Encoding", coding))).status == 200
    found = await raw.request()
    assert (found.body, found.value("content-encoding")) == (packed, coding)
    await charged(raw_gate, account, TOLD)


@pytest.mark.parametrize("coding", CODERS)
async def test_a_compressed_request_can_be_refused_for_what_stands_in_it(
    raw_gate: Gate, raw: RawUpstream, account: str, coding: str
) -> None:
    packed = CODERS[coding](b'{"model":"m","model":"n","messages":[]}')
    assert (await call(raw_gate, account, packed, ("Content-Encoding", coding))).status == 400
    assert raw.requests == []


async def test_a_multipart_upload_goes_through_an_opened_route(raw_gate: Gate, raw: RawUpstream, account: str) -> None:
    form = b'--sep\r\nContent-Disposition: form-data; name="f"; filename="a"\r\n\r\n\x00\xff\r\n--sep--\r\n'
    kind = 'multipart/form-data; boundary="sep"'
    assert (await call(raw_gate, account, form, ("Content-Type", kind), path="/v1/open/files")).status == 200
    found = await raw.request()
    assert (found.body, found.value("content-type"), found.value("content-length")) == (form, kind, str(len(form)))
    assert found.value("transfer-encoding") is None
    await until(lambda: count(raw_gate[0], account, "requests/day"), lambda seen: seen == (1, 0))


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/open/files"], ids=["dialect", "opened route"])
async def test_fifty_megabytes_go_both_ways(raw_gate: Gate, raw: RawUpstream, account: str, path: str) -> None:
    padding = b"a" * (50 << 20)
    up, down = CHAT[:-1] + b',"pad":"%b"}' % padding, ANSWER[:-1] + b',"pad":"%b"}' % padding
    raw.says(whole(down))
    answer = await call(raw_gate, account, up, path=path)
    assert answer.status == 200
    assert answer.body == down
    assert (await raw.request()).body == up
    if path == "/v1/chat/completions":
        await charged(raw_gate, account, TOLD)


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/open/files"], ids=["dialect", "opened route"])
async def test_a_chunked_request_arrives_whole(raw_gate: Gate, raw: RawUpstream, account: str, path: str) -> None:
    async with dial(raw_gate[0].url) as wire:
        await wire.send(request(f"POST {path}", (("X-Test-Account", account), ("Transfer-Encoding", "chunked"))))
        for at in range(0, len(CHAT), 10):
            await wire.send(chunk(CHAT[at : at + 10]))
        await wire.send(END)
        assert (await wire.answer()).status == 200
    found = await raw.request()
    assert (found.unchunked() if found.value("transfer-encoding") else found.body) == CHAT
    assert (found.value("transfer-encoding") is None) != (found.value("content-length") is None)


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/open/files"], ids=["dialect", "opened route"])
async def test_a_caller_who_asks_first_is_told_to_continue(raw_gate: Gate, raw: RawUpstream, account: str, path: str) -> None:
    async with dial(raw_gate[0].url) as wire:
        fields = (("X-Test-Account", account), ("Expect", "100-continue"), ("Content-Length", str(len(CHAT))))
        await wire.send(request(f"POST {path}", fields))
        assert (await wire.head()).status == 100
        await wire.send(CHAT)
        assert (await wire.answer()).status == 200
    found = await raw.request()
    assert found.body == CHAT
    assert found.value("expect") is None


async def test_who_is_refused_is_not_told_to_continue(raw_gate: Gate) -> None:
    async with dial(raw_gate[0].url) as wire:
        await wire.send(request("POST /v1/nowhere", (("Expect", "100-continue"), ("Content-Length", "9"))))
        assert (await wire.head()).status == 404


async def test_informational_answers_are_not_taken_for_the_answer(raw_gate: Gate, raw: RawUpstream, account: str) -> None:
    raw.interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    raw.says(whole(ANSWER))
    answer = await call(raw_gate, account)
    assert (answer.status, answer.body) == (200, ANSWER)


@pytest.mark.parametrize("query", ["a=b&&c", "q=%7e%2F+%20&x=;'\"", "%C3%A9=1", "?x=?", "beta=true"])
async def test_queries_go_up_as_sent(raw_gate: Gate, raw: RawUpstream, account: str, query: str) -> None:
    assert (await call(raw_gate, account, path=f"/v1/chat/completions?{query}")).status == 200
    assert (await raw.request()).start == f"POST /v1/chat/completions?{query} HTTP/1.1"


async def test_a_key_in_the_query_stays_here(raw_gate: Gate, raw: RawUpstream, account: str) -> None:
    key = await key_of(raw_gate[0], account)
    async with dial(raw_gate[0].url) as wire:
        await wire.send(request(f"POST /v1/chat/completions?a=1&key={key}&b=%20", (), CHAT))
        assert (await wire.answer()).status == 200
    assert (await raw.request()).start == "POST /v1/chat/completions?a=1&b=%20 HTTP/1.1"


@pytest.mark.parametrize("status", ["400 Bad Request", "404 Not Found", "418 Teapot", "429 Too Many Requests", "500 Oh", "529 Overloaded"])
async def test_the_upstreams_own_errors_pass_as_they_came_and_cost_no_tokens(
    raw_gate: Gate, raw: RawUpstream, account: str, status: str
) -> None:
    body = b'{"error":{"message":"theirs", "usage":{"prompt_tokens":9}}}'
    raw.says(whole(body, "Retry-After: 3", status=status))
    answer = await call(raw_gate, account)
    assert (answer.status, answer.body, answer.field("retry-after")) == (int(status[:3]), body, "3")
    await until(lambda: count(raw_gate[0], account, "requests/day"), lambda seen: seen == (1, 0))
    await charged(raw_gate, account, 0)


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "307 Temporary Redirect", "308 Permanent Redirect"])
async def test_redirects_are_passed_on_and_not_followed(raw_gate: Gate, raw: RawUpstream, account: str, status: str) -> None:
    raw.says(whole(b"", f"Location: http://127.0.0.1:{raw_gate[1]}/elsewhere", status=status))
    answer = await call(raw_gate, account)
    assert (answer.status, answer.field("location")) == (int(status[:3]), f"http://127.0.0.1:{raw_gate[1]}/elsewhere")
    assert len(raw.requests) == 1


@pytest.mark.parametrize(
    ("method", "answer"),
    [
        ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 1234\r\nETag: x\r\n\r\n"),
        ("GET", b"HTTP/1.1 204 No Content\r\nETag: x\r\n\r\n"),
        ("GET", b"HTTP/1.1 304 Not Modified\r\nETag: x\r\n\r\n"),
        ("DELETE", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nETag: x\r\n\r\n"),
    ],
    ids=["HEAD", "204", "304", "empty"],
)
async def test_answers_without_a_body(raw_gate: Gate, raw: RawUpstream, account: str, method: str, answer: bytes) -> None:
    raw.says(answer)
    async with dial(raw_gate[0].url) as wire:
        await wire.send(asked(account, b"", path="/v1/open/x", method=method))
        head = await wire.answer(body=False)
        assert (str(head.status).encode(), head.field("etag")) == (answer[9:12], "x")
        assert head.field("transfer-encoding") is None
        assert method != "HEAD" or head.field("content-length") == "1234"
        await wire.send(asked(account, b"", path="/v1/open/y", method="GET"))
        assert (await wire.answer()).body == b"{}", "the connection is still in step"


async def test_connections_are_kept_both_sides(raw_gate: Gate, raw: RawUpstream, account: str) -> None:
    async with dial(raw_gate[0].url) as wire:
        for _ in range(5):
            await wire.send(asked(account))
            assert (await wire.answer()).body == b"{}"
    assert len(raw.requests) == 5
    assert raw.connections == 1


async def test_pipelined_requests_are_answered_in_order(raw_gate: Gate, raw: RawUpstream, account: str) -> None:
    for number in range(3):
        raw.says(whole(b'{"n":%d}' % number))
    async with dial(raw_gate[0].url) as wire:
        await wire.send(asked(account) * 3)
        assert [(await wire.answer()).body for _ in range(3)] == [b'{"n":0}', b'{"n":1}', b'{"n":2}']


async def test_an_answer_that_only_ends_with_its_connection_is_whole(raw_gate: Gate, raw: RawUpstream, account: str) -> None:
    raw.says(b"HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n" + ANSWER, Then.CLOSE)
    assert (await call(raw_gate, account)).body == ANSWER
    await charged(raw_gate, account, TOLD)


async def test_an_old_caller_is_answered_without_chunks(raw_gate: Gate, raw: RawUpstream, account: str) -> None:
    raw.says(stream(), chunk(EVENTS), END)
    async with dial(raw_gate[0].url) as wire:
        await wire.send(asked(account, STREAM).replace(b"HTTP/1.1", b"HTTP/1.0", 1))
        assert await _old(wire) == EVENTS


async def _old(wire: Wire) -> bytes:
    head = await wire.head()
    assert head.field("transfer-encoding") is None
    return await wire.rest()
