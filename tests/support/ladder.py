"""Accounts on rungs: whoever calls, with both SDKs as they are, and every byte that came back over the wire."""

import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import httpx2
from anthropic import AsyncAnthropic
from openai import AsyncOpenAI
from prometheus_client.parser import text_string_to_metric_families

from proxy.app.accounts import Accounts, Because, Who
from proxy.core.ladder import Rung
from proxy.stores.board import RedisBoard
from proxy.stores.connect import Connection
from proxy.stores.standings import RedisStandings
from tests.support.accounts import fresh, key_of, store_url
from tests.support.gateway import Running

SHOWN = Because("the tests", "to be shown")


@asynccontextmanager
async def decisions(gate: Running) -> AsyncIterator[Accounts]:
    """What `stillgate accounts` does, without a command's start each time."""
    connection = Connection(store_url(gate), 5.0)
    try:
        yield Accounts(RedisStandings(connection), RedisBoard(connection), time.time)
    finally:
        await connection.close()


async def set_rung(gate: Running, account: str, rung: Rung, organization: str = "") -> None:
    async with decisions(gate) as accounts:
        await accounts.set_rung(Who(account, organization), rung, SHOWN, None)


@dataclass
class Seen:
    """One answer as it came over the wire."""

    path: str
    status: int
    headers: httpx2.Headers
    body: bytearray = field(default_factory=bytearray)

    def strings(self) -> dict[str, str]:
        """Every text of the body by its place; what a stream brings in pieces is put together."""
        found: dict[str, list[str]] = {}
        for document in self.documents():
            for place, text in _leaves(document):
                found.setdefault(place, []).append(text)
        return {place: "".join(texts) for place, texts in found.items()}

    def documents(self) -> list[Any]:
        """What stands behind each `data:`, or the one document that it is."""
        text = self.body.decode()
        if not self.headers.get("content-type", "").startswith("text/event-stream"):
            return [json.loads(text)]
        lines = [line.removeprefix("data:").strip() for line in text.splitlines() if line.startswith("data:")]
        return [json.loads(line) for line in lines if line != "[DONE]"]

    @property
    def told(self) -> dict[str, Any] | None:
        """What its body says of how it was shaped."""
        inner = ("response", "message")
        found = [place.get("stillgate") for one in self.documents() for place in (one, *(one.get(name) or {} for name in inner))]
        return next(filter(None, found), None)


def _leaves(value: Any, place: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield place, value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from _leaves(inner, f"{place}.{name}")
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner, place)


class _Copied(httpx2.AsyncByteStream):
    """Keeps what passes."""

    def __init__(self, stream: Any, kept: bytearray) -> None:
        self._stream = stream
        self._kept = kept

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._stream:
            self._kept.extend(chunk)
            yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()


class Wire(httpx2.AsyncHTTPTransport):
    """The SDKs' own transport, with a memory."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Seen] = []

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        request.headers["Accept-Encoding"] = "identity"
        answer = await super().handle_async_request(request)
        kept = Seen(request.url.path, answer.status_code, answer.headers)
        self.seen.append(kept)
        answer.stream = _Copied(answer.stream, kept.body)
        return answer

    @property
    def last(self) -> Seen:
        return self.seen[-1]


@dataclass
class Caller:
    """One account: its name, both SDKs, and what they were sent."""

    name: str
    organization: str
    key: str
    url: str
    openai: AsyncOpenAI
    anthropic: AsyncAnthropic
    wire: Wire

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"}

    @property
    def statuses(self) -> set[int]:
        return {seen.status for seen in self.wire.seen}

    def leaks(self, thought: str) -> list[str]:
        """Places in what came over the wire where a part of `thought` stands: four words in a row are no chance."""
        words = thought.split()
        runs = [" ".join(words[place : place + 4]) for place in range(len(words) - 3)]
        return [place for seen in self.wire.seen for place, text in seen.strings().items() if any(run in text for run in runs)]


class Callers:
    """Makes callers of one gateway; `stack` closes them."""

    def __init__(self, gate: Running, stack: AsyncExitStack) -> None:
        self.gate = gate
        self._stack = stack

    async def __call__(self, rung: Rung = Rung.CLEAR, *, organization: str = "", tier: str = "", retries: int = 0) -> Caller:
        account = fresh("caller")
        key = await key_of(self.gate, account, tier, organization)
        if rung is not Rung.CLEAR:
            await set_rung(self.gate, account, rung, organization)
        return await caller_at(self._stack, self.gate.url, key, account, organization or account, retries)

    async def same(self, other: Caller, url: str = "") -> Caller:
        """The same account with a client of its own, perhaps at another gateway."""
        return await caller_at(self._stack, url or self.gate.url, other.key, other.name, other.organization)


async def caller_at(stack: AsyncExitStack, url: str, key: str, account: str, organization: str, retries: int = 0) -> Caller:
    wire = Wire()
    http = await stack.enter_async_context(httpx2.AsyncClient(transport=wire, timeout=30.0))
    one = AsyncOpenAI(base_url=url + "/v1", api_key=key, max_retries=retries, http_client=http)
    other = AsyncAnthropic(base_url=url, api_key=key, max_retries=retries, http_client=http)
    return Caller(account, organization, key, url, one, other, wire)


@asynccontextmanager
async def direct(model: str) -> AsyncIterator[Caller]:
    """Whoever calls the model itself."""
    async with AsyncExitStack() as stack:
        yield await caller_at(stack, model, "none", "nobody", "nobody")


def policy(name: str) -> str:
    return str(Path(__file__).parents[1] / "e2e" / f"{name}.yaml")


async def counted(gate: Running, name: str, **labels: str) -> float:
    """Sum of a counter's series that have these labels, over all workers."""
    async with aiohttp.ClientSession() as http, http.get(gate.admin + "/metrics") as answer:
        families = list(text_string_to_metric_families(await answer.text()))
    samples = [sample for family in families for sample in family.samples if sample.name == name]
    return sum(sample.value for sample in samples if labels.items() <= sample.labels.items())
