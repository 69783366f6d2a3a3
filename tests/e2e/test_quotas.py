"""Quotas as callers meet them: through the official SDKs, against what the demo model truly did."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import anthropic
import openai
import pytest
import pytest_asyncio

from tests.support.accounts import Account, Accounts, Ledger, fresh, said
from tests.support.gateway import Running, gateway
from tests.support.meters import until

POLICY = Path(__file__).parent / "quotas.yaml"
DAY = 86400


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def gate(model: str) -> AsyncIterator[Running]:
    async with gateway("--upstream", model, "--policy", str(POLICY), "--workers", "4") as running:
        yield running


@pytest.fixture
async def accounts(gate: Running) -> AsyncIterator[Accounts]:
    async with AsyncExitStack() as stack:
        yield Accounts(gate, stack)


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
async def ledger(model: str, http: aiohttp.ClientSession) -> Ledger:
    found = Ledger(f"{model}/demo/ledger", http)
    await found.forget()
    return found


async def chat(account: Account, words: int = 3, **parts: Any) -> Any:
    return await account.openai.chat.completions.with_raw_response.create(**said(words, **parts))


async def message(account: Account, words: int = 3, **parts: Any) -> Any:
    return await account.anthropic.messages.with_raw_response.create(**{**said(words), "max_tokens": 50, **parts})


CALLS: Any = [pytest.param(chat, openai, id="openai"), pytest.param(message, anthropic, id="anthropic")]


@pytest.mark.parametrize(("call", "sdk"), CALLS)
async def test_a_refusal_names_the_quota_and_costs_nothing(call: Any, sdk: Any, accounts: Accounts, ledger: Ledger) -> None:
    account = await accounts("two_an_hour")
    for left in (1, 0):
        served = (await call(account)).headers
        assert served["ratelimit-policy"] == '"requests/hour";q=2;w=3600'
        assert re.fullmatch(rf'"requests/hour";r={left};t=\d+', served["ratelimit"])
        own = "anthropic-ratelimit-requests-remaining" if sdk is anthropic else "x-ratelimit-remaining-requests"
        assert served[own] == str(left)
        assert served["stillgate-request-id"].startswith("sg_")
    before, seen = await account.used("requests/hour"), await ledger()

    with pytest.raises(sdk.RateLimitError) as caught:
        await call(account)

    refused, told = caught.value.response, str(caught.value.body)
    assert refused.status_code == 429
    for words in ("limit 2 requests per hour, counted per account", "used 2", "requested 1", "try again in", "help@example.com"):
        assert words in told
    assert refused.headers["stillgate-request-id"] in told, "the reference is in the message"
    assert 1700 < int(refused.headers["retry-after"]) <= 1980, "half an hour, with jitter"
    assert refused.headers["x-should-retry"] == "false", "nobody should sleep through that"
    assert refused.headers["ratelimit-policy"] == '"requests/hour";q=2;w=3600'
    assert refused.headers["ratelimit"].startswith('"requests/hour";r=0;t=')
    own = "anthropic-ratelimit-requests-limit" if sdk is anthropic else "x-ratelimit-limit-requests"
    assert refused.headers[own] == "2"
    assert await account.used("requests/hour") == before
    assert await ledger() == seen, "nothing reached the model"


@pytest.mark.parametrize(("call", "sdk"), CALLS)
async def test_an_sdk_waits_as_told_and_then_succeeds(call: Any, sdk: Any, accounts: Accounts) -> None:
    account = await accounts("one_a_moment")
    patient = Account(account.name, account.key, account.gate, account.openai.copy(max_retries=2), account.anthropic.copy(max_retries=2))
    await call(account)
    began = time.monotonic()
    answer = await call(patient)
    assert answer.retries_taken == 1
    assert time.monotonic() - began >= 1.0, "Retry-After, and not the SDK's own shorter guess"


@pytest.mark.parametrize(("call", "sdk"), CALLS)
async def test_an_sdk_does_not_retry_what_frees_too_late(call: Any, sdk: Any, accounts: Accounts) -> None:
    account = await accounts("two_an_hour")
    for _ in range(2):
        await call(account)
    account.openai, account.anthropic = account.openai.copy(max_retries=5), account.anthropic.copy(max_retries=5)
    with pytest.raises(sdk.RateLimitError) as caught:
        await call(account)
    assert caught.value.request.headers["x-stainless-retry-count"] == "0"


@pytest.mark.parametrize(("call", "sdk"), CALLS)
async def test_a_request_that_never_fits_is_a_400_and_costs_nothing(call: Any, sdk: Any, accounts: Accounts, ledger: Ledger) -> None:
    account = await accounts("few_tokens")
    with pytest.raises(sdk.BadRequestError) as caught:
        await call(account, messages=[{"role": "user", "content": "word " * 1000}])
    assert "400 tokens per day" in str(caught.value.body)
    assert "never be served" in str(caught.value.body)
    assert caught.value.response.json()["code"] == "request_exceeds_quota"
    assert caught.value.response.headers["x-should-retry"] == "false"
    assert await account.used("tokens/day") == 0
    assert (await ledger())["requests"] == 0


@pytest.mark.parametrize(("call", "sdk"), CALLS)
async def test_a_quota_below_what_is_usual_still_serves_who_has_no_history(call: Any, sdk: Any, accounts: Accounts) -> None:
    """512 tokens are assumed of an answer without a history; the quota has 400, and no cap is needed to be served."""
    account = await accounts("few_tokens")
    parts = {} if sdk is openai else {"max_tokens": 4096}
    answer = (await call(account, words=5, **parts)).http_response.json()
    usage = answer["usage"]
    spent = usage["total_tokens"] if sdk is openai else usage["input_tokens"] + usage["output_tokens"]
    assert await account.settled("tokens/day") == spent, "trued up to what the model said"


async def test_keys_accounts_and_organizations_are_counted_apart(accounts: Accounts) -> None:
    team = fresh("team")
    one, two = [await accounts("by_key", name=f"{team}-a", organization=team) for _ in range(2)]
    three, four = [await accounts("by_key", name=f"{team}-{name}", organization=team) for name in "bc"]
    for account in (one, two, three):
        await chat(account)
    with pytest.raises(openai.RateLimitError, match="1 request per day, counted per API key"):
        await chat(one)
    with pytest.raises(openai.RateLimitError, match="3 requests per day, counted per organization"):
        await chat(four)
    stranger = await accounts("by_key")
    await chat(stranger)


async def test_a_model_pattern_has_its_own_quota(accounts: Accounts) -> None:
    account = await accounts("by_model")
    await chat(account, model="demo-large")
    with pytest.raises(openai.RateLimitError, match="1 request per day of models demo-large"):
        await chat(account, model="demo-large")
    await chat(account, model="demo-small")


@pytest.mark.parametrize(("call", "sdk"), CALLS)
async def test_a_model_outside_the_tier_does_not_exist(call: Any, sdk: Any, accounts: Accounts, ledger: Ledger) -> None:
    account = await accounts("small_only")
    with pytest.raises(sdk.NotFoundError, match="demo-large"):
        await call(account, model="demo-large")
    assert (await ledger())["requests"] == 0
    await call(account)  # the one request of the day was not spent


async def test_money_runs_out(accounts: Accounts) -> None:
    account = await accounts("spender")
    await chat(account, words=900)
    spent = await account.settled("spend/day")
    assert 900_000 <= spent <= 910_000, "micro-dollars: 900 tokens at 1000 usd a million, and the prompt"
    with pytest.raises(openai.RateLimitError, match=r"\$1\.00 per day.*used \$0\.90") as caught:
        await chat(account, words=900, max_tokens=900)
    assert caught.value.code == "insufficient_quota"
    with pytest.raises(anthropic.RateLimitError) as told:
        await message(account, words=900, max_tokens=900)
    assert told.value.response.json()["error"]["type"] == "billing_error"
    assert await account.used("spend/day") == spent


async def test_a_place_in_flight_is_free_when_the_stream_is_over(accounts: Accounts) -> None:
    account = await accounts("one_at_once")
    slow = {"x-demo-pace": "0.005"}
    stream = await account.openai.chat.completions.create(**said(60), stream=True, extra_headers=slow)
    with pytest.raises(openai.RateLimitError, match="1 request in flight") as caught:
        await chat(account)
    assert int(caught.value.response.headers["retry-after"]) <= 2
    assert "x-should-retry" not in caught.value.response.headers
    async for _ in stream:
        pass

    async def again() -> bool:
        try:
            await chat(account)
        except openai.RateLimitError:
            return False
        return True

    await until(again, bool)


async def test_each_operation_costs_what_it_uses(accounts: Accounts, http: aiohttp.ClientSession) -> None:
    account = await accounts("open")
    await account.anthropic.messages.count_tokens(model="demo-small", messages=said(3)["messages"])
    await account.openai.models.list()
    assert await account.settled("requests/day", 2) == 2
    assert await account.used("tokens/day") == 0, "counting tokens and listing models cost none"
    told = await account.openai.embeddings.create(model="demo-small", input=["one two three", "four"])
    assert await account.settled("tokens/day") == told.usage.prompt_tokens
    assert await account.used("output/day") == 0
    before = await account.used("input/day")
    async with http.post(account.gate.url + "/v1/echo", data=b"x" * 5000, headers={"Authorization": f"Bearer {account.key}"}) as answer:
        assert answer.status == 200
    assert await account.settled("input/day", before + 1) == before + 10, "an opened route's cost is the policy's, whatever its body"
    assert await account.used("requests/day") == 3 + 5


async def test_a_calendar_budget_frees_at_midnight_utc(accounts: Accounts) -> None:
    account = await accounts("few_tokens")
    await chat(account, words=330)
    await account.settled("tokens/day", 300)
    with pytest.raises(openai.RateLimitError, match="400 tokens per day") as caught:
        await chat(account, words=330, max_tokens=330)
    midnight = DAY - time.time() % DAY
    assert midnight - 2 <= int(caught.value.response.headers["retry-after"]) <= midnight * 1.1 + 2
    _, reset = caught.value.response.headers["ratelimit"].split("t=")
    assert abs(int(reset) - midnight) < 3


# --- Many at once -----------------------------------------------------------------------------------------------------

CLIENTS, LIMIT, SLICE = 64, 300, 16
PACE = {"x-demo-pace": "0.006"}
"""A model makes tokens one by one; without a pace the demo would have made them all before the first is read."""


async def openai_stream(account: Account, words: int = 120, **parts: Any) -> bool:
    """True where the stream was admitted, however it ended."""
    try:
        stream = await account.openai.chat.completions.create(**said(words), stream=True, extra_headers=PACE, **parts)
        async for _ in stream:
            pass
    except openai.RateLimitError:
        return False
    except openai.APIError as error:
        assert "output tokens per day" in str(error)
    return True


async def anthropic_stream(account: Account) -> bool:
    try:
        async with account.anthropic.messages.stream(**said(120), max_tokens=4096, extra_headers=PACE) as stream:
            async for _ in stream:
                pass
    except anthropic.RateLimitError:
        return False
    except anthropic.APIStatusError as error:
        assert "output tokens per day" in str(error)
    return True


FLOODS: Any = {
    "capped": partial(openai_stream, max_tokens=60),
    "no_cap": openai_stream,
    "two_choices": partial(openai_stream, n=2),
    "anthropic": anthropic_stream,
}


@pytest.mark.parametrize("kind", FLOODS)
@pytest.mark.parametrize("history", ["new", "modest"])
async def test_64_streams_over_4_workers_stay_within_a_quota_of_a_few_requests(
    kind: str, history: str, accounts: Accounts, ledger: Ledger
) -> None:
    """`modest`: the workers have learned to expect two tokens of this account, so that many are let in, and then grow.

    What the model makes beyond the limit is at most a slice for each stream that was let in.
    """
    account = await accounts("flood")
    if history == "modest":
        assert all(await asyncio.gather(*(openai_stream(account, 2, max_tokens=2) for _ in range(24))))
    admitted = sum(await asyncio.gather(*(FLOODS[kind](account) for _ in range(CLIENTS))))
    charged = await account.settled("output/day")
    made = (await ledger())["output_tokens"]
    assert admitted >= (1 if history == "new" else 8)
    assert made <= LIMIT + SLICE * admitted
    assert charged >= made - SLICE * admitted, "what the model made while it was being stopped may go unseen"
    assert charged >= 0.8 * min(LIMIT, made), "but nobody gets a quota twice"
