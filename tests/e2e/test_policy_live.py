"""The policy while the gateway runs: edited, broken, in shadow; and streams that are slowed rather than stopped."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import openai
import pytest
import pytest_asyncio
from prometheus_client.parser import text_string_to_metric_families

from tests.support.accounts import Accounts, Ledger, said
from tests.support.gateway import Running, gateway
from tests.support.meters import until

TEXT = """
policy: live
mode: {mode}
identity: {{from: [keys]}}
tiers:
  counted: {{requests: {requests}/day}}
  trickle: {{tokens: {{output: 6000/minute burst 40}}}}
  flood: {{tokens: {{output: 100/day}}}}
accounting: {{slice: 16}}
accounts: {{default_tier: counted}}
failure: {{stream_over_quota: slow}}
timeouts: {{idle: 5s}}
"""


class Live:
    """A gateway and its policy's file."""

    def __init__(self, gate: Running, path: Path, http: aiohttp.ClientSession) -> None:
        self.gate = gate
        self._path = path
        self._http = http

    async def write(self, text: str) -> None:
        """As an editor does: a new file in the old one's place."""
        new = self._path.with_suffix(".new")
        new.write_text(text)
        await asyncio.to_thread(new.replace, self._path)

    async def use(self, *, requests: int, mode: str = "enforce") -> None:
        """Edits the policy, and waits until every worker follows it."""
        text, before = TEXT.format(requests=requests, mode=mode), await self.digests()
        if self._path.read_text() == text:
            return
        await self.write(text)
        await until(self.digests, lambda now: len(now) == 1 and not now & before)

    async def digests(self) -> set[str]:
        async with self._http.get(self.gate.admin + "/status") as answer:
            return {worker["policy"] for worker in (await answer.json())["workers"].values()}

    async def counter(self, name: str, **labels: str) -> float:
        """Sum of a counter's series that have these labels."""
        async with self._http.get(self.gate.admin + "/metrics") as answer:
            families = list(text_string_to_metric_families(await answer.text()))
        samples = [sample for family in families for sample in family.samples if sample.name == name]
        return sum(sample.value for sample in samples if labels.items() <= sample.labels.items())


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def running(model: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Running, Path]]:
    path = tmp_path_factory.mktemp("policy") / "policy.yaml"
    path.write_text(TEXT.format(requests=1000, mode="enforce"))
    async with gateway("--upstream", model, "--policy", str(path), "--workers", "2") as gate:
        yield gate, path


@pytest.fixture
async def live(running: tuple[Running, Path]) -> AsyncIterator[Live]:
    async with aiohttp.ClientSession() as http:
        yield Live(*running, http)


@pytest.fixture
async def accounts(running: tuple[Running, Path]) -> AsyncIterator[Accounts]:
    async with AsyncExitStack() as stack:
        yield Accounts(running[0], stack)


async def ask(account: Any) -> Any:
    return await account.openai.chat.completions.create(**said(2))


async def test_editing_a_limit_keeps_what_was_used(live: Live, accounts: Accounts) -> None:
    await live.use(requests=2)
    account = await accounts("counted")
    for _ in range(2):
        await ask(account)
    with pytest.raises(openai.RateLimitError, match=r"2 requests per day.*used 2"):
        await ask(account)
    await live.use(requests=3)
    await ask(account)
    with pytest.raises(openai.RateLimitError, match=r"3 requests per day.*used 3"):
        await ask(account)
    await live.use(requests=1)
    with pytest.raises(openai.RateLimitError, match=r"1 request per day.*used 3"):
        await ask(account)
    assert await account.used("requests/day") == 3


async def test_a_bad_edit_changes_nothing_and_is_told(live: Live, accounts: Accounts) -> None:
    await live.use(requests=4)
    account, good = await accounts("counted"), await live.digests()
    rejected = await live.counter("stillgate_policy_reloads_total", result="rejected")
    used = await live.counter("stillgate_policy_reloads_total", result="ok")
    await live.write(TEXT.format(requests="4 requsts", mode="enforce"))
    await until(lambda: live.counter("stillgate_policy_reloads_total", result="rejected"), lambda now: now == rejected + 2)
    await live.gate.says("the policy was changed and is not used", f"{good.copy().pop()} stays in force")
    assert await live.digests() == good
    for _ in range(4):
        await ask(account)
    with pytest.raises(openai.RateLimitError, match="4 requests per day"):
        await ask(account)
    await live.use(requests=5)
    await ask(account)
    assert await live.counter("stillgate_policy_reloads_total", result="ok") == used + 2


async def test_shadow_decides_and_records_and_serves(live: Live, accounts: Accounts) -> None:
    await live.use(requests=1, mode="shadow")
    account = await accounts("counted")
    before = await live.counter("stillgate_decisions_total", reason="rate_limit_exceeded", shadow="true")
    for _ in range(3):
        await ask(account)
    stream = await account.openai.chat.completions.create(**said(20), stream=True)
    assert [chunk async for chunk in stream]
    assert await live.counter("stillgate_decisions_total", reason="rate_limit_exceeded", shadow="true") == before + 3
    assert await account.settled("requests/day", 4) == 4, "what was served is counted, over the limit too"
    await live.use(requests=1)
    with pytest.raises(openai.RateLimitError, match="used 4"):
        await ask(account)


async def test_a_slow_stream_arrives_whole_at_the_quotas_rate(live: Live, accounts: Accounts) -> None:
    """40 tokens at once, then 100 a second: 1.2 s, less the estimate's error. The model itself would take a tenth of that."""
    await live.use(requests=1000)
    account = await accounts("trickle")
    began = time.monotonic()
    stream = await account.openai.chat.completions.create(**said(160, max_tokens=160), stream=True, extra_headers={"x-demo-pace": "0.001"})
    words = "".join([chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices]).split()
    assert len(words) == 160
    assert time.monotonic() - began >= 0.6


async def test_slow_streams_that_wait_for_a_day_are_ended(live: Live, accounts: Accounts, model: str) -> None:
    await live.use(requests=1000)
    account = await accounts("flood")

    async def one() -> bool:
        try:
            stream = await account.openai.chat.completions.create(**said(60), stream=True, extra_headers={"x-demo-pace": "0.006"})
            return bool([chunk async for chunk in stream])
        except openai.RateLimitError:
            return False
        except openai.APIError as error:
            assert "100 output tokens per day" in str(error)
            return True

    async with aiohttp.ClientSession() as http:
        ledger = Ledger(f"{model}/demo/ledger", http)
        await ledger.forget()
        admitted = sum(await asyncio.gather(*(one() for _ in range(16))))
        await account.settled("output/day")
        assert (await ledger())["output_tokens"] <= 100 + 16 * admitted
