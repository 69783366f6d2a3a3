"""Verification as the supervisor serves it, before a real store and a real identity provider."""

import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from redis import Redis

from proxy.app.tally import Tally
from proxy.app.verification import opened
from proxy.config.model_verification import VerificationSettings
from proxy.config.settings import Settings
from proxy.core.ladder import Hold, Rung, Standing
from proxy.sealing.keyring import Keyring
from proxy.sealing.links import Links
from proxy.stores.connect import Connection
from proxy.stores.standings import RedisStandings
from proxy.verification.rules import Clearance
from tests.support.identity import Clock
from tests.support.oidc import CLIENT, SECRET, Browser, Provider, provider, served
from tests.support.servers import Server, free_port, server

WEBHOOK = ("a plain text secret", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
ACCOUNT = "anna@example.com"


@dataclass
class Site:
    """The pages, and all that stands around them."""

    url: str
    standings: RedisStandings
    links: Links
    clock: Clock
    provider: Provider
    people: Browser
    store: Server
    http: aiohttp.ClientSession
    terms: dict[str, Any] = field(default_factory=dict)
    tally: Tally = field(default_factory=Tally)

    def link(self, account: str = ACCOUNT, at: float | None = None) -> str:
        return f"{self.url}/verify/{self.links.make(account, 'acme', at or self.clock())}"

    async def ask(self, account: str = ACCOUNT, rung: Rung = Rung.CHALLENGED) -> str:
        """Holds an account, and gives its link."""
        hold = Hold(rung, self.clock(), "ops", "a trial")
        await self.standings.change(account, "acme", lambda old: old.held(hold))
        return self.link(account)

    async def standing(self, account: str = ACCOUNT) -> Standing:
        return await self.standings.find(account, "acme")

    async def is_clear(self, account: str = ACCOUNT) -> bool:
        return (await self.standing(account)).place(self.clock()) is Rung.CLEAR

    async def send(self, method: str, url: str, **options: Any) -> tuple[int, dict[str, Any]]:
        """As a program does."""
        async with self.http.request(method, url, allow_redirects=False, **options) as answer:
            text = await answer.text()
            return answer.status, json.loads(text) if text and "json" in answer.content_type else {"text": text}


@pytest.fixture(scope="session")
def kept() -> Iterator[Server]:
    with server("valkey") as found:
        yield found


@pytest.fixture
async def identity() -> AsyncIterator[Provider]:
    async with provider() as found:
        yield found


@pytest.fixture
async def site(kept: Server, identity: Provider) -> AsyncIterator[Site]:
    async with sited(kept, identity) as found:
        yield found


@asynccontextmanager
async def sited(kept: Server, identity: Provider, **more: Any) -> AsyncIterator[Site]:
    with Redis(port=kept.port) as client:
        client.flushall()
    port, clock, keyring, terms = free_port(), Clock(), Keyring(b"k" * 32), {}
    clock.now = float(int(time.time()))  # the providers issue by the real one
    issuer = {"issuer": identity.url, "jwks_url": f"{identity.url}/jwks", "audience": "stillgate", "subjects": ["repo:acme/*"]}
    given = VerificationSettings.model_validate(
        {
            "webhook_secrets": list(WEBHOOK),
            "oidc": {"issuer": identity.url, "client_id": CLIENT, "client_secret": SECRET, "per_identity": 2},
            "workload": [issuer | {"identity": "repository", "per_identity": 1}],
        }
        | more
    )
    settings = Settings(admin=f"127.0.0.1:{port}", verification=given, secret="s" * 16)  # type: ignore[arg-type]
    connection = Connection(kept.url, 5.0)
    tally = Tally()
    pages = opened(settings, kept.url, keyring, tally, lambda: Clearance(**terms), clock)
    async with pages as served_pages, Browser() as people, aiohttp.ClientSession() as http:
        app = web.Application()
        served_pages.mount(app)
        async with served(app, port) as url:
            yield Site(url, RedisStandings(connection), Links(keyring), clock, identity, people, kept, http, terms, tally)
    await connection.close()
