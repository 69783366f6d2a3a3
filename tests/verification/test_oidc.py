"""Login with an identity provider: what clears, and everything that must not."""

import asyncio
import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc import jwk

from proxy.core.ladder import Rung, Steps
from tests.support.oidc import Browser, Page, Provider, changed
from tests.support.servers import Server
from tests.verification.conftest import Site, sited

STEPS = Steps({Rung.THROTTLED: 60.0, Rung.CHALLENGED: 75.0, Rung.BLOCKED: 95.0})


async def test_a_login_clears_the_account_and_its_next_request_is_served(site: Site) -> None:
    link = await site.ask()
    assert not await site.is_clear()
    status, words = await site.people.verify(link)
    assert status == 200
    assert "Verified" in words
    standing = await site.standing()
    assert await site.is_clear()
    assert standing.hold is None
    assert standing.verified is not None
    assert (standing.verified.how, standing.verified.until) == ("oidc", site.clock() + 30 * 86400)
    assert site.provider.person not in standing.text()


async def test_how_long_and_which_rungs_are_the_policys(site: Site) -> None:
    site.terms |= {"clear_for": 60.0, "rungs": frozenset({Rung.THROTTLED})}
    await site.standings.change("bert", "acme", lambda old: old.step(70.0, "x", site.clock(), STEPS))
    assert (await site.people.verify(site.link("bert")))[0] == 200
    assert await site.is_clear("bert")
    site.clock.now += 61
    assert not await site.is_clear("bert")


async def test_a_login_needs_the_button_of_our_page(site: Site) -> None:
    """Another site could send a form, or a link to the provider, to somebody who is logged in there."""
    link = await site.ask()
    async with Browser() as victim:
        for cookies, form in (({}, "mine"), ({}, ""), ({"stillgate-form": "other"}, "mine"), ({"stillgate-form": ""}, "")):
            async with victim.http.post(f"{link}/oidc", data={"form": form}, cookies=cookies, allow_redirects=False) as answer:
                assert answer.status == 401
        stolen = await site.people.login(link)
        status, text = await victim.get(stolen)
        assert (status, "not begun in this browser" in text) == (401, True)
    assert site.provider.exchanged == 0
    assert not await site.is_clear()


async def test_what_begins_a_login_is_set_for_our_pages_only(site: Site) -> None:
    link = await site.ask()
    async with site.people.http.get(link) as answer:
        form = answer.headers["Set-Cookie"]
    location = await site.people.press(link)
    asked = parse_qs(urlsplit(location).query)
    assert {"HttpOnly", "Path=/verify", "SameSite=Strict"} <= {part.strip() for part in form.split(";")}
    cookie = next(each for each in site.people.http.cookie_jar if each.key == "stillgate-login")
    assert (cookie["httponly"], cookie["path"], cookie["samesite"]) == (True, "/verify", "Lax")
    for secret in (asked["state"][0], asked["nonce"][0]):
        assert secret not in cookie.value
    assert asked["redirect_uri"] == [f"{site.url}/verify/oidc/callback"]


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ({"state": "x"}, "belongs to another login"),
        ({"state": ""}, "belongs to another login"),
        ({"code": "x"}, "did not confirm"),
        ({"code": ""}, "was not finished"),
        ({"error": "access_denied"}, "was not finished"),
        ({"iss": "https://other.example"}, "comes from another provider"),
    ],
)
async def test_an_answer_that_was_changed_clears_nothing(site: Site, query: dict[str, str], why: str) -> None:
    status, text = await site.people.get(changed(await site.people.login(await site.ask()), **query))
    assert status == 401
    assert why in Page(text).words
    assert not await site.is_clear()


OTHER = jwk.generate_key("RSA", 2048, {"kid": "r1"})
BENT: list[tuple[str, dict[str, Any]]] = [
    ("belongs to another login", {"claims": {"nonce": "x"}}),
    ("belongs to another login", {"claims": {"nonce": None}}),
    ("belongs to another login", {"claims": {"nonce": ["x"]}}),
    ("claim 'aud'", {"claims": {"aud": "other"}}),
    ("claim 'aud'", {"claims": {"aud": None}}),
    ("another party", {"claims": {"aud": ["stillgate client", "other"]}}),
    ("another party", {"claims": {"azp": "other"}}),
    ("claim 'iss'", {"claims": {"iss": "https://other.example"}}),
    ("has expired", {"claims": {"exp": int(time.time()) - 86400}}),
    ("claim 'exp'", {"claims": {"exp": None}}),
    ("claim 'nbf'", {"claims": {"nbf": int(time.time()) + 86400}}),
    ("claim 'sub'", {"claims": {"sub": None}}),
    ("claim 'sub'", {"claims": {"sub": ""}}),
    ("signature does not match", {"signs_with": OTHER}),
    ("does not list the key", {"header": {"kid": "r2"}}),
    ("algorithm", {"header": {"alg": "none"}}),
    ("algorithm", {"header": {"alg": "HS256"}}),
    ("signature does not match", {"signs_with": OTHER, "header": {"jwk": OTHER.as_dict(private=False)}}),
    ("header is not understood", {"header": {"crit": ["exp"], "exp": 1}}),
]


@pytest.mark.parametrize(("why", "bent"), BENT)
async def test_a_token_that_is_not_as_it_must_be_clears_nothing(site: Site, why: str, bent: dict[str, Any]) -> None:
    for name, value in bent.items():
        setattr(site.provider, name, value)
    status, words = await site.people.verify(await site.ask())
    assert status == 401
    assert why in words
    assert site.provider.exchanged == 1
    assert not await site.is_clear()


async def test_several_audiences_with_us_as_the_party_are_good(site: Site) -> None:
    site.provider.claims = {"aud": ["stillgate client", "other"], "azp": "stillgate client"}
    assert (await site.people.verify(await site.ask()))[0] == 200


async def test_an_answer_counts_once(site: Site) -> None:
    back = await site.people.login(await site.ask())
    cookies = {each.key: each.value for each in site.people.http.cookie_jar}
    assert (await site.people.get(back))[0] == 200
    await site.ask()
    async with Browser() as again, again.http.get(back, cookies=cookies, allow_redirects=False) as answer:
        assert answer.status == 409
        assert "received before" in await answer.text()
    assert (await site.people.get(back))[0] == 401  # its cookie is gone
    assert not await site.is_clear()


async def test_a_login_that_took_too_long_is_none(site: Site) -> None:
    back = await site.people.login(await site.ask())
    site.clock.now += 601
    assert (await site.people.get(back))[0] == 401
    assert not await site.is_clear()


async def test_one_person_may_vouch_for_few_accounts(site: Site) -> None:
    names = [f"account-{n}" for n in range(4)]
    said = [await site.people.verify(await site.ask(name)) for name in names]
    assert [status for status, _ in said] == [200, 200, 403, 403]
    assert "Too many accounts" in said[2][1]
    assert [await site.is_clear(name) for name in names] == [True, True, False, False]
    site.provider.person = "person-2"
    assert (await site.people.verify(site.link(names[2])))[0] == 200
    site.provider.person = "person-1"
    site.clock.now += 31 * 86400
    site.provider.claims = {"exp": int(site.clock()) + 60, "iat": int(site.clock())}
    assert (await site.people.verify(await site.ask(names[3])))[0] == 200


async def test_of_two_at_once_one_clears(site: Site) -> None:
    """Two people, two browsers, one link."""
    link = await site.ask()
    async with Browser() as one, Browser() as other:
        first = await one.login(link)
        site.provider.person = "person-2"
        second = await other.login(link)
        said = await asyncio.gather(one.get(first), other.get(second))
    assert sorted(status for status, _ in said) == [200, 409]
    assert await site.is_clear()


async def test_a_link_can_be_used_once(site: Site) -> None:
    link = await site.ask()
    assert (await site.people.verify(link))[0] == 200
    for _ in range(2):
        status, text = await site.people.get(link)
        assert (status, "used before" in text) == (409, True)
        await site.ask()  # asked again: the old link does not do
    site.clock.now += 3600
    site.provider.claims = {"exp": int(site.clock()) + 60}
    assert (await site.people.verify(site.link()))[0] == 200


async def test_opening_changes_nothing(site: Site) -> None:
    link = await site.ask()
    before = await site.standing()
    for method in ("GET", "HEAD", "OPTIONS"):
        for path in ("", "/oidc", "/workload", "/../webhook", "/../oidc/callback?code=x&state=y"):
            await site.send(method, link + path)
    back = await site.people.login(link)
    async with site.people.http.head(back, allow_redirects=False) as answer:
        assert answer.status == 404
    assert await site.standing() == before
    assert (await site.people.get(back))[0] == 200


@pytest.mark.parametrize(
    "document",
    [{"issuer": "https://other.example"}, {"token_endpoint": None}, {"jwks_uri": "file:///etc/passwd"}, {"authorization_endpoint": 5}],
)
async def test_a_provider_that_describes_another_is_not_used(site: Site, document: dict[str, Any]) -> None:
    site.provider.document = document
    link = await site.ask()
    with pytest.raises(AssertionError, match="Not just now"):
        await site.people.press(link)


async def test_a_provider_that_takes_the_secret_in_the_form_only(site: Site) -> None:
    site.provider.document = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
    assert (await site.people.verify(await site.ask()))[0] == 200


async def test_a_wrong_client_secret_clears_nothing(kept: Server, identity: Provider) -> None:
    oidc = {"issuer": identity.url, "client_id": "stillgate client", "client_secret": "wrong"}
    async with sited(kept, identity, oidc=oidc) as site:
        status, words = await site.people.verify(await site.ask())
    assert (status, "did not confirm" in words) == (401, True)


async def test_where_it_is_off_there_is_no_button_and_no_way(kept: Server, identity: Provider) -> None:
    async with sited(kept, identity, oidc=None) as site:
        link = await site.ask()
        status, text = await site.people.get(link)
        assert status == 200
        assert Page(text).all("form") == []
        assert (await site.send("POST", f"{link}/oidc"))[0] == 404
        assert (await site.send("GET", f"{site.url}/verify/oidc/callback"))[0] == 404
