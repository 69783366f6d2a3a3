"""Uploads, echoes and the WebSocket of the demo model."""

import gzip
import hashlib
import io
import os

import aiohttp
import pytest

from tests.demo.conftest import Demo


async def test_an_upload_tells_its_parts_sizes(demo: Demo) -> None:
    data = os.urandom(100_000) + b"\r\n--\r\n"
    upload = await demo.openai.files.create(file=("notes.bin", data), purpose="user_data")
    assert (upload.bytes, upload.filename) == (len(data), "notes.bin")
    part = next(part for part in upload.parts if part["filename"])
    assert part["sha256"] == hashlib.sha256(data).hexdigest()


async def test_what_is_no_form_is_refused(demo: Demo) -> None:
    assert (await demo.post("/v1/files", {}))[0] == 400


async def test_the_echo_tells_the_raw_body(demo: Demo) -> None:
    body = gzip.compress(b"hello")
    async with demo.http.post(demo.url + "/v1/echo", data=body, headers={"Content-Encoding": "gzip", "X-One": "1"}) as answer:
        told = await answer.json()
    assert (told["sha256"], told["length"]) == (hashlib.sha256(body).hexdigest(), len(body))
    assert ["X-One", "1"] in told["headers"]


@pytest.mark.slow
async def test_a_large_body_is_taken(demo: Demo) -> None:
    async with demo.http.post(demo.url + "/v1/echo", data=io.BytesIO(bytes(70_000_000))) as answer:
        assert (await answer.json())["length"] == 70_000_000


async def test_the_websocket_echoes(demo: Demo) -> None:
    async with demo.http.ws_connect(demo.url + "/v1/realtime", protocols=("realtime",)) as socket:
        assert socket.protocol == "realtime"
        await socket.send_str("hello")
        assert (await socket.receive()).data == "hello"
        await socket.send_bytes(b"\x00\xff")
        message = await socket.receive()
        assert (message.type, message.data) == (aiohttp.WSMsgType.BINARY, b"\x00\xff")
