"""What every source of the catalogue keeps: only errors of ours, no echo of a credential, names fit for the store."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.facts import Account
from proxy.core.keys import KeyRecord
from proxy.errors import CallerError, ConfigError, StoreError, UpstreamError
from proxy.gateway.ports import Arrival
from proxy.identity import SOURCES, Identities
from proxy.identity.base import usable
from proxy.identity.credentials import find
from proxy.identity.keys import mint
from tests.support.identity import AT, MemoryKeys, arrival, identities
from tests.support.policies import policy

SETTINGS: dict[str, dict[str, object]] = {
    "jwt": {"issuer": "https://id.example", "audience": "api", "jwks_url": "https://id.example/jwks"},
    "header": {"trusted_peers": ["10.0.0.0/8", "unix"], "organization": "X-Org", "tier": "X-Tier", "created": "X-Since"},
    "upstream": {"tier": "guest"},
}

NAMES = st.sampled_from([
    "Authorization", "authorization", "X-Api-Key", "api_key", "api-key", "x-goog-api-key", "Sec-WebSocket-Protocol", "X-Account-Id",
    "X-Org", "X-Tier", "X-Since", "X-Other",
])  # fmt: skip
SHAPES = st.sampled_from([
    "{}", "Bearer {}", "bearer  {}", "Basic {}", "Bearer sg-{}", "sg-{}", "eyJhbGciOiJSUzI1NiJ9.{}.x", "Bearer {}.e30.x",
    "realtime, openai-insecure-api-key.{}", "Bearer eyJhbGciOiJub25lIn0.e30.",
])  # fmt: skip
VALUES = st.builds(str.format, SHAPES, st.text(max_size=40))
HEADERS = st.lists(st.tuples(NAMES, VALUES), max_size=5).map(tuple)
QUERIES = st.one_of(st.just(""), st.text(max_size=30), st.builds("a=1&key={}".format, st.text(max_size=20)))
PEERS = st.sampled_from(["203.0.113.9", "10.1.2.3", "::ffff:10.1.2.3", "local", "", "fe80::1%eth0"])


async def unreachable(url: str) -> bytes:
    raise UpstreamError("unreachable", sent=False)


@pytest.mark.parametrize("sources", [*((name,) for name in SOURCES), tuple(SOURCES), ()])
@given(HEADERS, QUERIES, PEERS)
async def test_whatever_comes_only_errors_of_ours_are_raised_and_nothing_is_echoed(
    sources: tuple[str, ...], headers: Any, query: str, peer: str
) -> None:
    room, asked = identities(fetch=unreachable), arrival(*headers, query=query, peer=peer)
    try:
        account = await room.identify(asked, policy(identity=sources, identity_settings=SETTINGS))
    except StoreError:
        return
    except CallerError as error:
        assert (error.status, error.code, error.param) == (401, "invalid_api_key", None)
        assert not leaked(asked, str(error))
    else:
        assert account.source in sources
        assert usable(account.id)
        assert usable(account.organization)


def leaked(asked: Arrival, message: str) -> bool:
    try:
        credential = find(asked)
    except CallerError:
        return False
    instructions = " ".join(str(kind.wanted) for kind in SOURCES.values())  # 'Bearer sg-' stands there whoever asks
    return len(credential) > 6 and credential in message and credential not in instructions


@pytest.mark.parametrize("name", SOURCES)
def test_every_source_says_what_it_wants_and_takes_sound_settings(name: str) -> None:
    room = identities()
    room.check(policy(identity=(name,), identity_settings=SETTINGS))
    assert room._sources[name].wanted


@pytest.mark.parametrize("name", SOURCES)
async def test_every_source_leaves_a_request_without_anything_to_the_next(name: str) -> None:
    with pytest.raises(CallerError, match="No API key was found") as caught:
        await identities().identify(arrival(), policy(identity=(name,), identity_settings=SETTINGS))
    assert room_wants(name) in caught.value.message


def room_wants(name: str) -> str:
    return identities()._sources[name].wanted


def test_an_unknown_source_is_the_operators_error() -> None:
    with pytest.raises(ConfigError, match="no source 'kays'"):
        identities().check(policy(identity=("kays",)))


async def test_the_first_source_that_vouches_counts() -> None:
    asked = arrival(("Authorization", "Bearer their-own"), ("X-Account-Id", "ann"), peer="10.0.0.1")
    room = identities()
    named = await room.identify(asked, policy(identity=("keys", "header", "upstream"), identity_settings=SETTINGS))
    assert named == Account("ann", "ann", "", source="header")
    hashed = await room.identify(asked, policy(identity=("upstream", "header"), identity_settings=SETTINGS))
    assert (hashed.source, hashed.tier) == ("upstream", "guest")


async def test_a_refusal_lists_what_is_taken() -> None:
    both = policy(identity=("keys", "upstream"))
    with pytest.raises(CallerError, match=r"No API key was found\. Send an API key as .*Bearer sg-….*, or your provider"):
        await identities().identify(arrival(), both)
    with pytest.raises(CallerError, match="of a kind that is not taken here"):
        await identities().identify(arrival(("x-api-key", "sk-other")), policy(identity=("keys",)))


@pytest.mark.parametrize("name", ["a{b", "a}b", "a\nb", "x" * 201, "a\u200bb", "\ud800"])
async def test_a_name_that_would_leave_its_part_of_the_store_is_refused(name: str) -> None:
    key, digest, _ = mint()
    for parts in ({"account": name}, {"organization": name}):
        with pytest.raises(CallerError, match="name cannot be used"):
            await identities(MemoryKeys(record(digest, **parts))).identify(arrival(("x-api-key", key), at=AT), policy())


def record(digest: str, **parts: Any) -> KeyRecord:
    return KeyRecord(**({"id": "key_1", "digest": digest, "account": "ann"} | parts))


class TestUpstream:
    """Its account is a keyed hash: the same credential, wherever it is sent, is the same account."""

    POLICY = policy(identity=("upstream",))

    async def named(self, *headers: tuple[str, str], room: Identities | None = None, query: str = "") -> Account:
        return await (room or identities()).identify(arrival(*headers, query=query), self.POLICY)

    async def test_the_same_credential_is_the_same_account_wherever_it_is_sent(self) -> None:
        ways = [
            await self.named(("Authorization", "Bearer sk-1")),
            await self.named(("authorization", "bearer   sk-1 ")),
            await self.named(("x-api-key", "sk-1"), ("X-Goog-Api-Key", "sk-1")),
            await self.named(query="alt=sse&key=sk-1"),
            await self.named(("Sec-WebSocket-Protocol", "realtime, openai-insecure-api-key.sk-1")),
        ]
        assert len(set(ways)) == 1
        account = ways[0]
        assert account.id.startswith("up_")
        assert len(account.id) == 27
        assert account.organization == account.id
        assert "sk-1" not in repr(account)

    async def test_another_secret_makes_other_accounts(self) -> None:
        one, two = await self.named(("x-api-key", "sk-1")), await self.named(("x-api-key", "sk-1"), room=identities(secret=b"other"))
        assert one.id != two.id

    async def test_a_login_name_beside_the_key_is_refused(self) -> None:
        """`Basic KEY:anything` would be a new account each time where the provider reads the user."""
        with pytest.raises(CallerError, match="user name"):
            await self.named(("Authorization", "Basic a2V5OnB3"))
        assert (await self.named(("Authorization", "Basic OnNrLTE="))).id == (await self.named(("x-api-key", "sk-1"))).id
