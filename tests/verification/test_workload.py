"""Workload identity: tokens of a cloud or build service, sent by a program."""

from typing import Any

import pytest

from proxy.core.ladder import Rung, Standing
from tests.support.oidc import Provider
from tests.support.servers import Server
from tests.verification.conftest import ACCOUNT, Site, sited

JOB = {"sub": "repo:acme/app:ref:refs/heads/main", "aud": "stillgate", "repository": "acme/app"}


async def send(site: Site, link: str, **claims: Any) -> tuple[int, dict[str, Any]]:
    token = site.provider.token(**(JOB | claims))
    return await site.send("POST", f"{link}/workload", headers={"Authorization": f"Bearer {token}"})


async def test_a_workloads_token_clears_the_account_of_the_link(site: Site) -> None:
    link = await site.ask()
    assert await send(site, link) == (200, {"account": ACCOUNT, "organization": "acme", "cleared": True})
    verified = (await site.standing()).verified
    assert verified is not None
    assert (verified.how, verified.because) == ("workload", JOB["sub"])
    status, answer = await send(site, link)
    assert (status, answer["code"]) == (409, "link_already_used")


@pytest.mark.parametrize(
    ("claims", "why"),
    [
        ({"aud": "other"}, "'aud'"),
        ({"sub": "repo:other/app"}, "not one of those"),
        ({"sub": "xrepo:acme/app"}, "not one of those"),
        ({"sub": "REPO:acme/app"}, "not one of those"),
        ({"iss": "https://other.example"}, "issuer"),
        ({"iss": None}, "issuer"),
        ({"exp": 5}, "expired"),
        ({"repository": None}, "'repository' is missing"),
        ({"repository": True}, "'repository' is missing"),
        ({"repository": ["acme/app"]}, "'repository' is missing"),
    ],
)
async def test_a_token_that_is_not_as_it_must_be_clears_nothing(site: Site, claims: dict[str, Any], why: str) -> None:
    status, answer = await send(site, await site.ask(), **claims)
    assert (status, answer["code"]) == (401, "not_proven")
    assert why in answer["detail"]
    assert not await site.is_clear()


@pytest.mark.parametrize("algorithm", ["none", "HS256"])
async def test_an_unsigned_token_clears_nothing(site: Site, algorithm: str) -> None:
    site.provider.header = {"alg": algorithm}
    assert (await send(site, await site.ask()))[1]["code"] == "not_proven"
    assert not await site.is_clear()


@pytest.mark.parametrize("sent", ["", "Bearer", "Bearer x", "Bearer a.b.c", "Bearer e30.e30.", "Bearer " + "a" * 7000, "Basic eDp5"])
async def test_what_is_no_token_is_told(site: Site, sent: str) -> None:
    link = await site.ask()
    status, answer = await site.send("POST", f"{link}/workload", headers={"Authorization": sent} if sent else {})
    assert (status, answer["code"]) == (401, "not_proven")


async def test_a_token_for_the_login_is_none_for_workloads_and_the_other_way_round(site: Site) -> None:
    assert (await send(site, await site.ask(), aud="stillgate client"))[0] == 401


async def test_one_identity_may_vouch_for_few_accounts(site: Site) -> None:
    assert (await send(site, await site.ask()))[0] == 200
    status, answer = await send(site, await site.ask("bert"))
    assert (status, answer["code"]) == (403, "identity_verified_too_many_accounts")
    assert (await send(site, site.link("bert"), sub="repo:acme/other"))[0] == 403, "the claim counts, not the subject"
    assert (await send(site, site.link("bert"), repository="acme/other"))[0] == 200


async def test_links_that_are_none(site: Site) -> None:
    link = await site.ask()
    old = site.link(at=site.clock() - 8 * 86400)
    for each, status, code in ((link + "a", 404, "link_not_valid"), (link[:-1], 404, "link_not_valid"), (old, 410, "link_expired")):
        found, answer = await send(site, each)
        assert (found, answer["code"]) == (status, code)
    assert not await site.is_clear()


async def test_a_link_clears_its_own_account_only(site: Site) -> None:
    await site.ask("bert")
    assert (await send(site, await site.ask()))[0] == 200
    assert not await site.is_clear("bert")


async def test_who_is_held_elsewhere_is_not_cleared(site: Site) -> None:
    site.terms["contact"] = "help@example.com"
    status, answer = await send(site, await site.ask(rung=Rung.BLOCKED))
    assert (status, answer["code"], answer["contact"]) == (403, "held_by_operator", "help@example.com")


async def test_under_a_hold_that_asked_for_it_a_rung_for_review_shows_again(site: Site) -> None:
    await site.standings.change(ACCOUNT, "acme", lambda _: Standing(Rung.BLOCKED, score=99.0))
    assert await send(site, await site.ask()) == (200, {"account": ACCOUNT, "organization": "acme", "cleared": False})
    status, answer = await send(site, site.link())
    assert (status, answer["code"]) == (403, "review_required")


async def test_an_issuer_whose_keys_cannot_be_read(kept: Server, identity: Provider) -> None:
    issuer = {"issuer": identity.url, "jwks_url": f"{identity.url}/nothing", "audience": "stillgate", "subjects": "*"}
    async with sited(kept, identity, workload=[issuer]) as site:
        status, answer = await send(site, await site.ask())
    assert (status, answer["code"]) == (503, "temporarily_unavailable")


async def test_without_issuers_nothing_is_taken(kept: Server, identity: Provider) -> None:
    async with sited(kept, identity, workload=[]) as site:
        assert (await send(site, await site.ask()))[0] == 404


async def test_who_fails_too_often_with_one_link_waits_and_others_do_not(site: Site) -> None:
    link, other = await site.ask(), await site.ask("bert")
    found = 0
    for _ in range(80):
        found, answer = await site.send("POST", f"{link}/workload", headers={"Authorization": "Bearer x"})
        if found == 429:
            break
    assert (found, answer["code"]) == (429, "too_many_attempts")
    assert (await send(site, link))[0] == 429
    assert (await send(site, other))[0] == 200
    site.clock.now += 11
    site.provider.claims = {"exp": int(site.clock()) + 60, "repository": "acme/second"}
    assert (await send(site, link))[0] == 200
