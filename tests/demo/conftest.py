"""One demo model for all tests of this folder; its ledger is empty when a test begins."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest_asyncio
from anthropic import AsyncAnthropic
from openai import AsyncOpenAI

from tests.support.demo import demo_model


@dataclass
class Demo:
    """The demo model, with the official SDKs and a bare client before it."""

    url: str
    http: aiohttp.ClientSession
    openai: AsyncOpenAI
    anthropic: AsyncAnthropic

    async def ledger(self) -> dict[str, Any]:
        async with self.http.get(f"{self.url}/demo/ledger") as answer:
            return await answer.json()

    async def post(self, path: str, body: Any, **headers: str) -> tuple[int, bytes]:
        fields = {"x-demo-" + name: value for name, value in headers.items()} | {"Content-Type": "application/json"}
        async with self.http.post(self.url + path, data=json.dumps(body).encode(), headers=fields) as answer:
            return answer.status, await answer.read()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def demo_url() -> AsyncIterator[str]:
    async with demo_model() as url:
        yield url


@pytest_asyncio.fixture
async def demo(demo_url: str) -> AsyncIterator[Demo]:
    async with (
        aiohttp.ClientSession() as http,
        AsyncOpenAI(base_url=demo_url + "/v1", api_key="none", max_retries=0) as openai,
        AsyncAnthropic(base_url=demo_url, api_key="none", max_retries=0) as anthropic,
    ):
        async with http.delete(demo_url + "/demo/ledger") as answer:
            assert answer.status == 204
        yield Demo(demo_url, http, openai, anthropic)
