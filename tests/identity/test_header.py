"""Identity headers: believed from the operator's own peers, ignored from everybody else."""

from typing import Any

import pytest

from proxy.core.facts import Account
from proxy.errors import CallerError, ConfigError
from tests.support.identity import arrival, identities
from tests.support.policies import policy

SETTINGS: dict[str, object] = {
    "trusted_peers": ["10.0.0.0/8", "2001:db8::/32"],
    "organization": "X-Org", "tier": "X-Tier", "created": "X-Since", "verified": "X-Ok", "programme": "X-Programme", "payment": "X-Pay",
}  # fmt: skip


async def named(*headers: tuple[str, str], peer: str = "10.0.0.1", **parts: Any) -> Account:
    settings = {"header": SETTINGS | parts}
    return await identities().identify(arrival(*headers, peer=peer), policy(identity=("header",), identity_settings=settings))


async def test_a_trusted_peer_says_all_there_is_to_say() -> None:
    said = (
        ("x-account-id", "ann"), ("X-Org", "acme"), ("X-Tier", "team"), ("X-Since", "2026-01-01T00:00:00Z"), ("X-Ok", "true"),
        ("X-Programme", "research"), ("X-Pay", "card_1"),
    )  # fmt: skip
    account = await named(*said)
    assert account == Account(
        "ann", "acme", "team", created=1767225600.0, verified=True, programme="research", payment="card_1", source="header"
    )


@pytest.mark.parametrize("peer", ["10.255.0.1", "::ffff:10.0.0.1", "2001:db8::7"])
async def test_peers_are_known_by_network(peer: str) -> None:
    assert (await named(("X-Account-Id", "ann"), peer=peer)).organization == "ann"


@pytest.mark.parametrize("peer", ["11.0.0.1", "::ffff:11.0.0.1", "2001:db9::1", "local", "", "10.0.0.1.evil", "10.0.0.1:80"])
async def test_anybody_else_is_ignored(peer: str) -> None:
    with pytest.raises(CallerError, match="No API key was found"):
        await named(("X-Account-Id", "ann"), peer=peer)


async def test_a_unix_socket_is_trusted_only_where_it_is_listed() -> None:
    assert (await named(("X-Account-Id", "ann"), peer="local", trusted_peers=["unix"])).id == "ann"
    with pytest.raises(CallerError):
        await named(("X-Account-Id", "ann"), peer="10.0.0.1", trusted_peers=["unix"])


@pytest.mark.parametrize("name", ["a b", "a{b}", "ä", "x" * 201, "a\tb"])
async def test_a_name_that_cannot_be_used_is_refused(name: str) -> None:
    with pytest.raises(CallerError, match="cannot be used"):
        await named(("X-Account-Id", name))
    with pytest.raises(CallerError, match="cannot be used"):
        await named(("X-Account-Id", "ann"), ("X-Org", name))


async def test_two_different_names_are_refused() -> None:
    assert (await named(("X-Account-Id", "ann"), ("x-account-id", "ann"))).id == "ann"
    with pytest.raises(CallerError, match="more than once"):
        await named(("X-Account-Id", "ann"), ("X_Account_Id", "bob"))


@pytest.mark.parametrize(
    "settings",
    [
        {}, {"trusted_peers": []}, {"trusted_peers": ["10.0.0.1/8"]}, {"trusted_peers": "everyone"},
        {"trusted_peers": ["unix"], "account": ""}, {"trusted_peers": ["unix"], "tier": 3},
    ],
)  # fmt: skip
def test_bad_settings_are_the_operators_error(settings: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=r"identity\.header"):
        identities().check(policy(identity=("header",), identity_settings={"header": settings}))
