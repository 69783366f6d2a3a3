"""Nothing is done silently: headers, notices in bodies, refusals in words, and a challenge that an SDK shows and recovers from."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from functools import cache
from pathlib import Path
from typing import Any

import aiohttp
import anthropic
import openai
import pytest
import pytest_asyncio
from aiohttp import web

from proxy.app.accounts import Who
from proxy.core.ladder import Rung
from proxy.core.refusals import BY_HAND
from tests.support.gateway import Running, gateway, stillgate
from tests.support.ladder import SHOWN, Caller, Callers, decisions, policy, set_rung
from tests.support.oidc import CLIENT, SECRET, Browser, Page, Provider, served
from tests.support.servers import free_port
from tests.support.talks import KINDS, ONE, DeepSeek, Messages, Responses, Talk

TEXT = """
policy: at-once
mode: enforce
contact: help@example.com
identity: {from: [keys]}
tiers:
  open: {requests: 100k/minute, tokens: 1000m/minute}
  ten: {requests: 10/hour}
accounts: {default_tier: open}
ladder:
  throttled:  {at: 60, sanctions: [{throttle: 50%}]}
  challenged: {at: 75, sanctions: [verify]}
  degraded:   {at: 85, sanctions: [{verify: {grace: 1h, exchanges: 2}}, {reasoning: omit}]}
"""
"""The owner must verify without a grace, or after two requests."""

STREAMS = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
LINK = re.compile(r"https?://[^\s]+/verify/[^\s]+")
LOGINS = free_port()
"""Where the identity provider listens."""

PARTS = {"rung", "measures", "notice", "reference"}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def usual(model: str) -> AsyncIterator[Running]:
    async with gateway("--upstream", model, "--policy", policy("ladder")) as found:
        yield found


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def strict(model: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    path: Path = tmp_path_factory.mktemp("policy") / "policy.yaml"
    path.write_text(TEXT)
    settings = path.with_name("settings.yaml")
    oidc = {"issuer": f"http://127.0.0.1:{LOGINS}", "client_id": CLIENT, "client_secret": SECRET, "per_identity": 3}
    settings.write_text(json.dumps({"verification": {"oidc": oidc}}))
    flags = ("--upstream", model, "--policy", str(path), "--settings", str(settings), "--workers", "2")
    async with gateway(*flags) as found:
        yield found


@pytest_asyncio.fixture
async def callers(usual: Running) -> AsyncIterator[Callers]:
    async with AsyncExitStack() as stack:
        yield Callers(usual, stack)


@pytest_asyncio.fixture
async def asked(strict: Running) -> AsyncIterator[Callers]:
    async with AsyncExitStack() as stack:
        yield Callers(strict, stack)


@STREAMS
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
async def test_every_shaped_answer_says_so(kind: type[Talk], stream: bool, callers: Callers) -> None:
    caller = await callers(Rung.DEGRADED)
    await kind(caller, stream=stream).play(ONE)
    headers, told = caller.wire.last.headers, caller.wire.last.told
    assert headers["stillgate-rung"] == "degraded"
    assert headers["stillgate-measures"] == '"log probabilities are left out", "reasoning is left out"'
    assert told is not None
    assert set(told) == PARTS
    assert (told["rung"], told["measures"]) == ("degraded", ["log probabilities are left out", "reasoning is left out"])
    for sentence in (headers["stillgate-notice"], told["notice"]):
        assert BY_HAND in sentence[0].lower() + sentence[1:]
        assert "help@example.com" in sentence
        assert headers["stillgate-request-id"] in sentence
    assert told["reference"] == headers["stillgate-request-id"]


@STREAMS
@pytest.mark.parametrize("kind", [Messages, Responses, DeepSeek], ids=lambda kind: kind.__name__)
@pytest.mark.parametrize(("rung", "words"), [(Rung.THROTTLED, "50%"), (Rung.CHALLENGED, "Please verify who you are: ")])
async def test_who_is_slowed_or_asked_is_told_in_the_header(
    rung: Rung, words: str, kind: type[Talk], stream: bool, callers: Callers
) -> None:
    caller = await callers(rung)
    await kind(caller, stream=stream).play(ONE)
    headers = caller.wire.last.headers
    assert headers["stillgate-rung"] == rung.word
    assert words in headers["stillgate-notice"]
    assert (LINK.search(headers["stillgate-notice"]) is not None) is (rung is Rung.CHALLENGED)


@pytest.mark.parametrize("rung", [Rung.CLEAR, Rung.WATCH])
async def test_who_is_only_looked_at_is_told_nothing(rung: Rung, callers: Callers) -> None:
    caller = await callers(rung)
    await DeepSeek(caller, stream=False).play(ONE)
    assert not [name for name in caller.wire.last.headers if name.startswith("stillgate-") and name != "stillgate-request-id"]
    assert caller.wire.last.told is None


async def refused(caller: Caller, sdk: str) -> Any:
    """What the SDK raises."""
    with pytest.raises((openai.APIStatusError, anthropic.APIStatusError)) as raised:
        await call(caller, sdk)
    return raised.value


async def call(caller: Caller, sdk: str) -> Any:
    if sdk == "anthropic":
        return await Messages(caller, stream=False).play(ONE)
    return await (Responses if sdk == "responses" else DeepSeek)(caller, stream=False).play(ONE)


SDKS = pytest.mark.parametrize("sdk", ["chat", "responses", "anthropic"])


@SDKS
async def test_who_is_blocked_reads_why_and_whom_to_ask(sdk: str, callers: Callers) -> None:
    caller = await callers(Rung.BLOCKED, retries=2)
    error = await refused(caller, sdk)
    assert error.status_code == 403
    assert len(caller.wire.seen) == 1, "no retry helps"
    reference = error.response.headers["stillgate-request-id"]
    again = "A person can look at it again, if you ask and give the reference"
    for words in (BY_HAND, again, "help@example.com", "Nothing was charged", f"Reference: {reference}"):
        assert words in str(error)
    assert isinstance(error, openai.PermissionDeniedError | anthropic.PermissionDeniedError)


@SDKS
async def test_who_is_slowed_meets_half_of_its_limits(sdk: str, asked: Callers) -> None:
    caller = await asked(Rung.THROTTLED, tier="ten")
    for _ in range(5):
        await call(caller, sdk)
    error = await refused(caller, sdk)
    assert error.status_code == 429
    for words in ("limits are 50% of your plan's", BY_HAND, "help@example.com", "Reference: sg_"):
        assert words in str(error)
    assert error.response.json()["title"] == "Abnormal usage detected"
    assert 0 < int(error.response.headers["retry-after"]) <= 133


def the_link(error: Any) -> str:
    """As a person finds it: in what the program printed."""
    found = LINK.search(str(error))
    assert found is not None, str(error)
    return found[0]


async def by_operator(gate: Running, caller: Caller, _: str) -> None:
    async with decisions(gate) as accounts:
        await accounts.verify(Who(caller.name), SHOWN, 3600)


async def by_command(gate: Running, caller: Caller, _: str) -> None:
    await stillgate("accounts", *gate.store, "verify", caller.name, "--because", "passport seen")


@cache
def logins() -> Provider:
    """With one key throughout."""
    return Provider()


async def by_login(_: Running, __: Caller, link: str) -> None:
    """The account's owner, in a browser, with the identity provider."""
    app = web.Application()
    app.router.add_routes(logins().routes())
    async with served(app, LOGINS) as logins().url, Browser() as owner:
        status, words = await owner.verify(link)
    assert status == 200
    assert "its next request is served again" in words


@SDKS
@pytest.mark.parametrize("way", [by_operator, by_command, by_login], ids=lambda way: way.__name__)
async def test_a_challenge_costs_one_request_and_is_over_with_the_next(
    sdk: str, way: Callable[[Running, Caller, str], Any], asked: Callers
) -> None:
    caller = await asked(Rung.CHALLENGED, retries=2)
    error = await refused(caller, sdk)
    assert (error.status_code, len(caller.wire.seen)) == (403, 1)
    for words in ("must verify", BY_HAND, "without a restart", "help@example.com", "Nothing was charged", "Reference: sg_"):
        assert words in str(error)
    assert error.response.json()["code"] == "verification_required"
    assert error.response.headers["x-should-retry"] == "false"
    async with aiohttp.ClientSession() as http, http.get(the_link(error)) as page:
        assert (page.status, "asked to show who" in Page(await page.text()).words) == (200, True)
    assert (await refused(caller, sdk)).status_code == 403, "looking at the page changes nothing"
    await way(asked.gate, caller, the_link(error))
    await call(caller, sdk)
    assert caller.wire.last.status == 200
    assert "stillgate-rung" not in caller.wire.last.headers


async def test_a_link_is_the_accounts_and_is_over_once_it_was_used(asked: Callers) -> None:
    caller = await asked(Rung.CHALLENGED)
    link = the_link(await refused(caller, "chat"))
    await by_operator(asked.gate, caller, link)
    async with aiohttp.ClientSession() as http, http.get(link) as page, http.get(link[:-8] + "AAAAAAAA") as forged:
        assert (page.status, forged.status) == (409, 404)


async def test_a_running_agent_finishes_its_grace_and_is_then_asked(asked: Callers) -> None:
    """Two requests; and the one at each worker that only brings the standing there."""
    caller = await asked(Rung.DEGRADED, retries=2)
    talk = DeepSeek(caller, stream=True)
    await talk.says("Please use two tools. think 30 words")
    assert caller.statuses == {200}
    assert LINK.search(caller.wire.last.headers["stillgate-notice"])
    with pytest.raises(openai.PermissionDeniedError, match="must verify"):
        await talk.play(("Go on.",) * 3)
    assert 3 <= len(caller.wire.seen) <= 5
    assert [seen.status for seen in caller.wire.seen] == [200] * (len(caller.wire.seen) - 1) + [403]


async def test_a_stream_that_runs_is_not_torn_by_a_new_rung(asked: Callers) -> None:
    caller = await asked()
    ask: Any = {"model": "demo-small", "messages": [{"role": "user", "content": "say 40 words"}]}
    stream = await caller.openai.chat.completions.create(**ask, stream=True, extra_headers={"x-demo-pace": "0.01"})
    chunks = [await anext(aiter(stream))]
    await set_rung(asked.gate, caller.name, Rung.BLOCKED)
    chunks += [chunk async for chunk in stream]
    assert chunks[-1].choices[0].finish_reason == "stop"
    with pytest.raises(openai.PermissionDeniedError):
        await caller.openai.chat.completions.create(**ask)


async def test_refusals_cost_nothing(asked: Callers) -> None:
    caller = await asked(Rung.CHALLENGED, tier="ten")
    for sdk in ("chat", "responses", "anthropic") * 4:
        assert (await refused(caller, sdk)).status_code == 403
    await by_operator(asked.gate, caller, "")
    await asyncio.gather(*(call(caller, "chat") for _ in range(10)))
    assert (await refused(caller, "chat")).status_code == 429
