"""Accounts for tests that need many: keys are put into the gateway's store without a command's start each."""

from contextlib import AsyncExitStack
from dataclasses import dataclass
from itertools import count as numbers
from pathlib import Path
from typing import Any

import aiohttp
from anthropic import AsyncAnthropic
from httpx2 import Limits
from openai import AsyncOpenAI, DefaultAsyncHttpxClient

from proxy.app.keys import Keys
from proxy.core.keys import KeyRecord
from proxy.stores import embedded
from proxy.stores.connect import Connection
from proxy.stores.keys import RedisKeys
from tests.support.gateway import Running
from tests.support.meters import count, until, used

_numbers = numbers()


def fresh(name: str) -> str:
    """A name that no other test has."""
    return f"{name}-{next(_numbers)}"


def said(words: int, model: str = "demo-small", **parts: Any) -> Any:
    """A chat that makes the demo model say so many words, which are its tokens."""
    return {"model": model, "messages": [{"role": "user", "content": f"Tell me of ships. say {words} words"}], **parts}


def store_url(gate: Running) -> str:
    """Where the gateway's store listens."""
    kind, where = gate.store
    url = where if kind == "--store" else embedded.running(Path(where))
    assert url is not None
    return url


async def key_of(gate: Running, account: str, tier: str = "", organization: str = "") -> str:
    """A new key of `account`."""
    connection = Connection(store_url(gate), 5.0)
    try:
        key, _ = await Keys(RedisKeys(connection)).create(KeyRecord("", "", account, organization, tier))
    finally:
        await connection.close()
    return key


@dataclass
class Account:
    """One account: its name and both SDKs, which do not retry unless told."""

    name: str
    key: str
    gate: Running
    openai: AsyncOpenAI
    anthropic: AsyncAnthropic

    async def used(self, field: str) -> float:
        return await used(self.gate, self.name, field)

    async def settled(self, field: str, at_least: float = 1) -> float:
        """What is counted once nothing is held any more."""
        return (await until(lambda: count(self.gate, self.name, field), lambda seen: seen[0] >= at_least and not seen[1]))[0]


class Accounts:
    """Makes accounts; their clients are closed with `stack`."""

    def __init__(self, gate: Running, stack: AsyncExitStack) -> None:
        self.gate = gate
        self._stack = stack

    async def __call__(self, tier: str, name: str = "", organization: str = "") -> Account:
        name = name or fresh("quota")
        key = await key_of(self.gate, name, tier, organization)
        # However long a test waits between two requests, it stays with one worker: the other may not know the key yet.
        http = DefaultAsyncHttpxClient(limits=Limits(keepalive_expiry=None))
        one = await self._stack.enter_async_context(
            AsyncOpenAI(base_url=self.gate.url + "/v1", api_key=key, max_retries=0, http_client=http)
        )
        other = await self._stack.enter_async_context(AsyncAnthropic(base_url=self.gate.url, api_key=key, max_retries=0))
        return Account(name, key, self.gate, one, other)


class Ledger:
    """What the model did since the test began."""

    def __init__(self, url: str, http: aiohttp.ClientSession) -> None:
        self._url = url
        self._http = http

    async def __call__(self) -> dict[str, Any]:
        async with self._http.get(self._url) as answer:
            return await answer.json()

    async def forget(self) -> None:
        async with self._http.delete(self._url):
            return
