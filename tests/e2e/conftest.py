"""A demo model and a gateway before it, as their users start them; each test brings accounts of its own."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from anthropic import AsyncAnthropic
from openai import AsyncOpenAI

from tests.support.accounts import key_of
from tests.support.demo import demo_model
from tests.support.gateway import Running, gateway
from tests.support.ladder import Callers
from tests.support.raw_upstream import RawUpstream, raw_upstream
from tests.support.servers import free_port

POLICY = Path(__file__).parent / "policy.yaml"
OPERATORS_KEY = "sk-of-the-operator"
_names = count()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def model() -> AsyncIterator[str]:
    async with demo_model() as url:
        yield url


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def shared_gate(model: str) -> AsyncIterator[Running]:
    async with gateway("--upstream", model, "--policy", str(POLICY), "--workers", "2") as gate:
        yield gate


@dataclass
class Client:
    """Whoever calls: one account's key, both SDKs, and a bare client."""

    url: str
    key: str
    account: str
    model: str
    http: aiohttp.ClientSession
    openai: AsyncOpenAI
    anthropic: AsyncAnthropic

    async def ledger(self) -> dict[str, Any]:
        """What the model saw since `forget`."""
        async with self.http.get(f"{self.model}/demo/ledger") as answer:
            return await answer.json()

    async def forget(self) -> None:
        async with self.http.delete(f"{self.model}/demo/ledger"):
            return

    def post(self, path: str, body: Any = None, **options: Any) -> Any:
        headers = {"Authorization": f"Bearer {self.key}", **options.pop("headers", {})}
        data = {"json": body} if body is not None else {}
        return self.http.post(self.url + path, headers=headers, **data, **options)


class Clients:
    """Makes clients of new accounts."""

    def __init__(self, gate: Running, model: str, stack: AsyncExitStack) -> None:
        self.gate = gate
        self._stack = stack
        self._model = model

    async def __call__(self, tier: str = "open") -> Client:
        account = f"account-{next(_names)}"
        key = await key_of(self.gate, account, tier)
        http = await self._stack.enter_async_context(aiohttp.ClientSession())
        openai = await self._stack.enter_async_context(AsyncOpenAI(base_url=self.gate.url + "/v1", api_key=key, max_retries=0))
        anthropic = await self._stack.enter_async_context(AsyncAnthropic(base_url=self.gate.url, api_key=key, max_retries=0))
        return Client(self.gate.url, key, account, self._model, http, openai, anthropic)


@pytest.fixture
async def clients(shared_gate: Running, model: str) -> AsyncIterator[Clients]:
    async with AsyncExitStack() as stack:
        yield Clients(shared_gate, model, stack)


@pytest.fixture
async def client(clients: Clients) -> Client:
    found = await clients()
    await found.forget()
    return found


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def raw_gate() -> AsyncIterator[tuple[Running, int]]:
    """A gateway and the port on which each test starts a raw upstream of its own."""
    port = free_port()
    env = {"STILLGATE_UPSTREAM": f"http://127.0.0.1:{port}", "STILLGATE_UPSTREAM_API_KEY": OPERATORS_KEY}
    async with gateway("--policy", str(POLICY.with_name("raw.yaml")), env=env) as gate:
        yield gate, port


@pytest.fixture
async def raw(raw_gate: tuple[Running, int]) -> AsyncIterator[RawUpstream]:
    async with raw_upstream(raw_gate[1]) as upstream:
        yield upstream


@pytest.fixture
def account() -> str:
    """A new account of the raw gateway."""
    return f"raw-{next(_names)}"


@pytest.fixture
async def callers(gate: Running) -> AsyncIterator[Callers]:
    """Of the gate that the test's module has."""
    async with AsyncExitStack() as stack:
        yield Callers(gate, stack)
