"""Who asks, by all sources: keys that end, tokens, a trusted front's headers, the provider's own credential; and floods of bad logins."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from tests.support.accounts import key_of
from tests.support.asking import Asker, basic, bearer
from tests.support.canaries import dump
from tests.support.demo import demo_model
from tests.support.gateway import Running, gateway, new_key, stillgate
from tests.support.meters import until
from tests.support.provider import Provider, provider
from tests.support.servers import server

RULES = {
    "policy": "identity", "mode": "enforce", "accounts": {"default_tier": "open"},
    "tiers": {"open": {"tokens": "100m/minute"}, "few": {"requests": "1/hour"}},
}  # fmt: skip

pytestmark = pytest.mark.asyncio(loop_scope="module")


@dataclass
class Opened:
    """A gateway, and how to ask it."""

    gate: Running
    ask: Asker
    issuer: Provider
    model: str

    async def key_of(self, account: str, *flags: str) -> tuple[str, str]:
        """A new key, and its id."""
        key = await new_key(self.gate, account, *flags)
        return key, next(record["id"] for record in await self.records(account))

    async def records(self, account: str) -> list[dict[str, Any]]:
        listed = json.loads(await stillgate("keys", *self.gate.store, "list", "--json"))
        return [record for record in listed if record["account"] == account]

    async def ended(self, key: str) -> set[int]:
        """Asks both workers until neither serves that key; what they say then. A key that fails often is told to slow down."""
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as fresh:
            ask = Asker(self.gate.url, fresh)

            async def statuses() -> set[int]:
                return set(await asyncio.gather(*(ask.status(bearer(key)) for _ in range(8))))

            return await until(statuses, lambda seen: 200 not in seen)

    async def seen(self) -> dict[str, str]:
        """The headers that the model got last."""
        async with aiohttp.ClientSession() as http, http.get(f"{self.model}/demo/ledger") as told:
            return (await told.json())["last_headers"]


@asynccontextmanager
async def opened(folder: Path, issuer: Provider, identity: dict[str, Any], *flags: str) -> AsyncIterator[Opened]:
    """A demo model and a gateway whose policy has this `identity`."""
    policy = folder / "policy.yaml"
    policy.write_text(json.dumps(RULES | {"identity": identity}))
    async with (
        demo_model() as model,
        gateway("--upstream", model, "--policy", str(policy), *flags) as gate,
        aiohttp.ClientSession() as http,
    ):
        yield Opened(gate, Asker(gate.url, http), issuer, model)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def trusting(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Opened]:
    """Takes keys, tokens, and the word of a front on this machine."""
    front = {"trusted_peers": ["127.0.0.0/8"], "account": "X-Who", "tier": "X-Plan"}
    async with provider() as issuer:
        identity = {"from": ["keys", "jwt", "header"], "jwt": issuer.settings(), "header": front}
        async with opened(tmp_path_factory.mktemp("trusting"), issuer, identity, "--workers", "2") as found:
            yield found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def wary(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Opened]:
    """Takes keys, tokens of an issuer that is down, and the word of a front on another machine."""
    async with provider() as issuer:
        issuer.status = 503
        identity = {"from": ["jwt", "keys", "header"], "jwt": issuer.settings(), "header": {"trusted_peers": ["10.0.0.0/8", "unix"]}}
        async with opened(tmp_path_factory.mktemp("wary"), issuer, identity) as found:
            yield found


async def test_a_trusted_front_says_who_asks(trusting: Opened) -> None:
    ask = trusting.ask
    assert [await ask.status(("X-Who", "ann"), ("X-Plan", "few")) for _ in range(2)] == [200, 429]
    assert await ask.status(("X-Who", "bert"), ("X-Plan", "few")) == 200
    assert not {"x-who", "x-plan"} & (await trusting.seen()).keys()
    status, body = await ask(("X-Who", "bert"), ("x_who", "cleo"))
    assert (status, "more than once, and differently, who asks" in body["error"]["message"]) == (401, True)
    assert await ask.status(("X-Who", "a{b}")) == 401
    status, body = await ask()
    assert (status, "through the front that signs callers in" in body["error"]["message"]) == (401, True)
    key = await key_of(trusting.gate, "dora")
    assert await ask.status(bearer(key), ("X-Who", "bert"), ("X-Plan", "few")) == 200, "a key outranks it here"


async def test_tokens_and_the_rotation_of_the_issuer_s_keys(trusting: Opened) -> None:
    issuer, ask = trusting.issuer, trusting.ask
    first = issuer.sign(sub="anton", tier="few")
    assert [await ask.status(bearer(first)) for _ in range(2)] == [200, 429]
    assert await ask.status(bearer(issuer.sign(sub="bert"))) == 200
    assert issuer.asked == 1
    issuer.rotate("second")
    assert await ask.status(bearer(issuer.sign(sub="bert"))) == 200
    assert issuer.asked == 2, "a key id that is not known yet is asked for once"
    status, body = await ask(bearer(first))
    assert (status, "does not list the key that signed it" in body["error"]["message"]) == (401, True)
    await _tokens_that_are_refused(issuer, ask)
    assert issuer.asked == 2, "made-up key ids do not flood the issuer"


async def _tokens_that_are_refused(issuer: Provider, ask: Asker) -> None:
    other = Provider()
    other.url = issuer.url
    other.rotate("second")  # the right key id, signed by somebody else
    for token, words in (
        (issuer.sign(exp=1), "This token has expired"),
        (issuer.sign(aud="another"), "meant for another audience"),
        (issuer.sign(iss="https://evil.example"), "comes from another issuer"),
        (other.sign(), "its signature does not match"),
        (issuer.sign(sub=""), "names no account"),
    ):
        status, body = await ask(bearer(token))
        assert status == 401
        assert words in body["error"]["message"]
        assert token.split(".")[1] not in json.dumps(body)


async def test_a_rotated_key_ends_after_its_grace_and_its_heir_is_the_same_account(trusting: Opened) -> None:
    store = trusting.gate.store
    slow, slow_id = await trusting.key_of("rosa")
    heir = (await stillgate("keys", *store, "rotate", slow_id)).strip()
    assert [await trusting.ask.status(bearer(key)) for key in (slow, heir)] == [200, 200]
    old, new = sorted(await trusting.records("rosa"), key=lambda record: record["id"] != slow_id)
    assert (old["replaced_by"], new["expires"]) == (new["id"], None)
    await stillgate("keys", *store, "rotate", new["id"], "--grace", "1s")
    assert await trusting.ended(heir) <= {401, 429}
    assert await trusting.ask.status(bearer(slow)) == 200


async def test_a_revoked_key_ends_on_every_worker_while_others_go_on(trusting: Opened) -> None:
    key, key_id = await trusting.key_of("rene")
    other = await key_of(trusting.gate, "rene")
    assert await trusting.ask.status(bearer(key)) == 200
    await stillgate("keys", *trusting.gate.store, "revoke", key_id)
    assert await trusting.ended(key) <= {401, 429}, "long before its record is asked for again of itself"
    assert await trusting.ask.status(bearer(other)) == 200


async def test_an_expired_key_is_refused(trusting: Opened) -> None:
    assert await trusting.ended(await new_key(trusting.gate, "ed", "--expires", "1s")) <= {401, 429}


async def test_while_the_issuer_is_down_from_the_start_callers_are_asked_to_come_back(wary: Opened) -> None:
    issuer, ask = wary.issuer, wary.ask
    token = issuer.sign(sub="ann")
    status, body = await ask(bearer(token))
    assert status == 503
    assert "cost nothing. Please try again in a few seconds." in body["error"]["message"]
    assert f"Reference: {body['reference']}." in body["error"]["message"]
    await wary.gate.says("fetching a document answered 503")
    assert await ask.status(bearer(await key_of(wary.gate, "bert"))) == 200, "who needs no token is served"
    issuer.status = 200

    async def again() -> int:
        return await ask.status(bearer(token))

    assert await until(again, lambda seen: seen != 503) == 200
    issuer.status = 503
    assert await ask.status(bearer(token)) == 200, "keys that were read once serve on"

    async def told() -> int:
        return sum("the key set at" in line for line in wary.gate.logged().splitlines())

    assert await until(told, lambda lines: lines >= 2) == 2, "one line per change, however many callers asked"


async def test_nobody_else_s_headers_are_believed(wary: Opened) -> None:
    assert await wary.ask.status(("X-Account-Id", "ann")) == 401
    assert await wary.ask.status(("X-Account-Id", "ann"), ("X-Forwarded-For", "10.0.0.1"), ("Forwarded", "for=10.0.0.1")) == 401


async def test_a_flood_of_failed_logins_is_slowed_and_never_locks_out_a_valid_key(wary: Opened) -> None:
    key = await key_of(wary.gate, "cleo")
    statuses = [await wary.ask.status(bearer(f"sg-{attempt:043d}")) for attempt in range(70)]
    assert set(statuses[:50]) == {401}
    status, body = await wary.ask(bearer("sg-" + "B" * 43))
    assert (status, "Too many failed logins from this address" in body["error"]["message"]) == (429, True)
    assert await wary.ask.status(bearer(key)) == 200, "an address may be a whole company's"


async def test_the_provider_s_own_credential_passes_untouched_and_its_keyed_hash_is_the_account(tmp_path: Path) -> None:
    credential, settings = "sk-proj-Kanari0123456789abcdef", tmp_path / "settings.yaml"
    settings.write_text(json.dumps({"secret": "a secret of this test", "upstream_api_key": "sk-the-operator-s"}))
    async with AsyncExitStack() as stack:
        valkey = stack.enter_context(server("valkey"))
        flags = ("--store", valkey.url, "--settings", str(settings))
        found = await stack.enter_async_context(opened(tmp_path, Provider(), {"from": ["keys", "upstream"]}, *flags))
        ask = found.ask
        assert await ask.status(bearer(credential), ("OpenAI-Organization", "org-mine"), ("X-Forwarded-For", "10.0.0.1")) == 200
        seen = await found.seen()
        assert (seen["authorization"], seen["openai-organization"]) == (f"Bearer {credential}", "org-mine")
        assert "x-forwarded-for" not in seen
        assert await ask.status(("x-api-key", credential)) == 200
        seen = await found.seen()
        assert seen["x-api-key"] == credential
        assert "authorization" not in seen, "the operator's credential is not added to a caller's"
        assert await ask.status(bearer("sk-proj-another")) == 200
        assert await ask.status(basic("somebody", credential)) == 401
        assert await ask.status(bearer(await key_of(found.gate, "ann"))) == 200
        assert (await found.seen())["authorization"] == "Bearer sk-the-operator-s"

        async def kept() -> bytes:
            return await dump(valkey.url)

        store = await until(kept, lambda text: len(set(re.findall(rb"sg:\{(up_[0-9a-f]{24})\}", text))) == 2)
        assert credential.encode() not in store
        assert credential not in found.gate.logged()
