"""Tokens, signed with real keys: what is taken, what is not, and how a key set is kept."""

import asyncio
import base64
import json
import warnings
from typing import Any

import pytest
from joserfc import jwk, jwt
from joserfc.errors import SecurityWarning
from joserfc.jws import JWSRegistry, serialize_compact

from proxy.core.facts import Account
from proxy.errors import CallerError, ConfigError, StoreError, UpstreamError
from proxy.identity import Identities
from proxy.identity.jwks import public_keys
from tests.support.identity import AT, Clock, arrival, identities
from tests.support.policies import policy

URL = "https://id.example/jwks"
SETTINGS: dict[str, object] = {"issuer": "https://id.example", "audience": "api", "jwks_url": URL}
RSA = jwk.generate_key("RSA", 2048, {"kid": "r1"})
EC = jwk.generate_key("EC", "P-256", {"kid": "e1"})
ED = jwk.generate_key("OKP", "Ed25519", {"kid": "d1"})
NEXT = jwk.generate_key("EC", "P-256", {"kid": "e2"})


class Provider:
    """An identity provider whose key set can change, be lost, or be slow (`gate`)."""

    def __init__(self, *keys: Any) -> None:
        self.keys: tuple[Any, ...] = keys or (RSA, EC, ED)
        self.fetched = 0
        self.lost = False
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self, url: str) -> bytes:
        assert url == URL
        self.fetched += 1
        await self.gate.wait()
        if self.lost:
            raise UpstreamError("unreachable", sent=False)
        return json.dumps({"keys": [key.as_dict(private=False) for key in self.keys]}).encode()


def sign(key: Any = RSA, alg: str = "RS256", header: dict[str, Any] | None = None, **claims: Any) -> str:
    whole = {"iss": "https://id.example", "aud": "api", "sub": "ann", "exp": int(AT) + 300} | claims
    said = {name: value for name, value in whole.items() if value is not None}
    fields = {"alg": alg, "kid": key.kid} | (header or {})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SecurityWarning)
        return jwt.encode({name: value for name, value in fields.items() if value is not None}, said, key, algorithms=[alg])


async def named(token: str, room: Identities | None = None, *, at: float = AT, **settings: Any) -> Account:
    room = room or identities(fetch=Provider())
    asked = arrival(("Authorization", f"Bearer {token}"), at=at)
    return await room.identify(asked, policy(identity=("jwt",), identity_settings={"jwt": SETTINGS | settings}))


@pytest.mark.parametrize(("key", "alg"), [(RSA, "RS256"), (EC, "ES256"), (ED, "EdDSA")])
async def test_a_good_token_names_its_account(key: Any, alg: str) -> None:
    claims = {"organization": "acme", "tier": "team", "created": 1767225600, "verified": True, "programme": "research", "payment": "card_1"}
    assert await named(sign(key, alg, **claims)) == Account(
        "ann", "acme", "team", created=1767225600.0, verified=True, programme="research", payment="card_1", source="jwt"
    )


async def test_claims_can_have_other_names_and_other_types() -> None:
    token = sign(uid=42, org=["not a text"], plan="pro", verified="yes", created="2026-01-01")
    account = await named(token, claims={"account": "uid", "organization": "org", "tier": "plan"})
    assert account == Account("42", "42", "pro", created=1767225600.0, verified=True, source="jwt")


async def test_one_of_several_audiences_is_enough() -> None:
    assert (await named(sign(aud=["other", "api"]))).id == "ann"
    assert (await named(sign(aud="b"), audience=["a", "b"])).id == "ann"


async def test_header_fields_that_are_not_understood_are_ignored() -> None:
    claims = json.dumps({"iss": "https://id.example", "aud": "api", "sub": "ann", "exp": AT + 1})
    token = serialize_compact(
        {"alg": "RS256", "kid": "r1", "nonce": "x"}, claims, RSA, registry=JWSRegistry(algorithms=["RS256"], strict_check_header=False)
    )
    assert (await named(token)).id == "ann"


@pytest.mark.parametrize(
    ("claims", "says"),
    [
        ({"exp": AT - 61}, "has expired"),
        ({"exp": None}, "when it expires"),
        ({"exp": "tomorrow"}, "when it expires"),
        ({"nbf": AT + 61}, "not valid yet"),
        ({"iat": AT + 61}, "in the future"),
        ({"iss": "https://evil.example"}, "another issuer"),
        ({"iss": None}, "another issuer"),
        ({"aud": "other"}, "another audience"),
        ({"aud": []}, "another audience"),
        ({"aud": None}, "another audience"),
        ({"sub": None}, "names no account"),
        ({"sub": 7}, "missing or malformed"),
        ({"sub": "a{b}"}, "cannot be used"),
        ({"organization": "a}b"}, "cannot be used"),
    ],
)
async def test_bad_claims_are_refused(claims: dict[str, Any], says: str) -> None:
    with pytest.raises(CallerError, match=says) as caught:
        await named(sign(**claims))
    assert (caught.value.status, caught.value.code) == (401, "invalid_api_key")


async def test_clocks_may_differ_by_the_leeway() -> None:
    assert (await named(sign(exp=AT - 59, nbf=AT + 59))).id == "ann"
    with pytest.raises(CallerError, match="expired"):
        await named(sign(exp=AT), leeway=0)


def bare(header: dict[str, Any], signature: bytes = b"") -> str:
    """A token put together by hand."""
    claims = {"iss": "https://id.example", "aud": "api", "sub": "ann", "exp": AT + 300}
    parts = (json.dumps(header).encode(), json.dumps(claims).encode(), signature)
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "", None, 7, ["RS256"], "HS256", "RS512"])
async def test_algorithms_that_are_not_listed_are_refused(alg: Any) -> None:
    for signature in (b"", b"x"):
        with pytest.raises(CallerError, match="must be signed with RS256"):
            await named(bare({"alg": alg, "kid": "r1"}, signature))


async def test_the_public_key_is_no_shared_secret() -> None:
    """The classic confusion: HS256 with the public key's text as the secret (RFC 8725 2.1)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SecurityWarning)
        secret = jwk.OctKey.import_key(RSA.as_pem(private=False).replace(b"-----", b""), {"kid": "r1"})
    with pytest.raises(CallerError, match="must be signed with"):
        await named(sign(secret, "HS256"))
    room = identities()
    for algorithms in (["HS256"], ["RS256", "none"], []):
        with pytest.raises(ConfigError, match="algorithms"):
            room.check(policy(identity=("jwt",), identity_settings={"jwt": SETTINGS | {"algorithms": algorithms}}))


async def test_a_secret_in_the_key_set_is_passed_over() -> None:
    document = json.dumps({"keys": [{"kty": "oct", "k": "c2VjcmV0", "kid": "s"}, {"kty": "RSA", "n": "!"}, 7, EC.as_dict(private=False)]})
    assert [key.kid for key in public_keys(document.encode())] == ["e1"]


async def test_a_signature_of_another_key_is_refused() -> None:
    stranger = jwk.generate_key("RSA", 2048, {"kid": "r1"})
    with pytest.raises(CallerError, match="signature does not match"):
        await named(sign(stranger))
    head, body, signature = sign().split(".")
    with pytest.raises(CallerError, match="signature does not match"):
        await named(f"{head}.{body[:-2]}.{signature}")
    with pytest.raises(CallerError, match="signature does not match"):
        await named(f"{head}.{body}.")


async def test_a_key_fits_its_algorithm_only() -> None:
    with pytest.raises(CallerError, match="does not list the key"):
        await named(sign(RSA, "RS256", header={"kid": "e1"}))


@pytest.mark.parametrize("said", [{"use": "enc"}, {"alg": "RS512"}])
async def test_a_key_for_another_use_does_not_count(said: dict[str, str]) -> None:
    other = jwk.RSAKey.import_key(RSA.as_dict(private=False) | said)
    with pytest.raises(CallerError, match="does not list the key"):
        await named(sign(), identities(fetch=Provider(other)))


async def test_a_key_sent_along_is_not_believed() -> None:
    stranger = jwk.generate_key("RSA", 2048, {"kid": "r1"})
    with pytest.raises(CallerError, match="signature does not match"):
        await named(sign(stranger, header={"jwk": stranger.as_dict(private=False)}))


async def test_critical_header_fields_are_refused() -> None:
    with pytest.raises(CallerError, match="header is not understood"):
        await named(bare({"alg": "RS256", "kid": "r1", "crit": ["b64"], "b64": False}, b"x"))
    with pytest.raises(CallerError, match="header is not understood"):
        await named(bare({"alg": "RS256", "kid": 7}, b"x"))


async def test_without_a_key_id_the_only_key_that_fits_is_taken() -> None:
    assert (await named(sign(header={"kid": None}))).id == "ann"
    with pytest.raises(CallerError, match="does not list the key"):
        await named(sign(EC, "ES256", header={"kid": None}), identities(fetch=Provider(EC, NEXT)))


DEEP = base64.urlsafe_b64encode(b'{"alg":' + b"[" * 9000).rstrip(b"=").decode()


@pytest.mark.parametrize("text", ["a.b", "a.b.c", "a.b.c.d.e", "...", "bm90IGpzb24.e30.x", "W10.e30.x", f"{DEEP}.e30.x"])
async def test_what_does_not_look_like_a_token_is_left_to_the_next_source(text: str) -> None:
    asked = arrival(("x-api-key", text))
    room = identities(fetch=Provider())
    account = await room.identify(asked, policy(identity=("jwt", "upstream"), identity_settings={"jwt": SETTINGS}))
    assert account.source == "upstream"


async def test_a_refusal_never_echoes_the_token() -> None:
    for token in (sign(exp=1), sign(iss="https://evil.example"), bare({"alg": "none-of-yours"})):
        with pytest.raises(CallerError) as caught:
            await named(token)
        assert not any(part in str(caught.value) for part in (*token.split("."), "evil", "none-of-yours") if part)
        assert caught.value.__suppress_context__ or caught.value.__context__ is None


class TestKeySet:
    """Fetched once, kept ten minutes, asked again for a new key id, kept on when it fails."""

    async def test_it_is_fetched_once_in_ten_minutes(self) -> None:
        provider, clock = Provider(), Clock()
        room = identities(fetch=provider, clock=clock)
        for seconds in (0, 300, 299):
            clock.now += seconds
            await named(sign(), room)
        assert provider.fetched == 1
        clock.now += 1
        await named(sign(), room)
        assert provider.fetched == 2

    async def test_a_rotation_is_seen_at_once(self) -> None:
        provider, clock = Provider(EC), Clock()
        room = identities(fetch=provider, clock=clock)
        await named(sign(EC, "ES256"), room)
        provider.keys = (NEXT,)
        assert (await named(sign(NEXT, "ES256"), room)).id == "ann"
        with pytest.raises(CallerError, match="does not list the key"):
            await named(sign(EC, "ES256"), room)
        assert provider.fetched == 2

    async def test_a_rotation_that_many_meet_at_once_refuses_nobody(self) -> None:
        provider = Provider(EC)
        room = identities(fetch=provider)
        await named(sign(EC, "ES256"), room)
        provider.keys = (NEXT,)
        provider.gate.clear()
        asking = [asyncio.ensure_future(named(sign(NEXT, "ES256"), room)) for _ in range(5)]
        for _ in range(5):
            await asyncio.sleep(0)
        provider.gate.set()
        assert {account.id for account in await asyncio.gather(*asking)} == {"ann"}
        assert provider.fetched == 2

    async def test_made_up_key_ids_ask_at_most_every_thirty_seconds(self) -> None:
        provider, clock = Provider(), Clock()
        room = identities(fetch=provider, clock=clock)
        for number in range(20):
            with pytest.raises(CallerError, match="does not list the key"):
                await named(sign(header={"kid": f"x{number}"}), room)
        assert provider.fetched == 2
        clock.now += 30
        with pytest.raises(CallerError):
            await named(sign(header={"kid": "y"}), room)
        assert provider.fetched == 3

    async def test_a_made_up_key_id_hides_a_rotation_for_two_seconds_only(self) -> None:
        provider, clock = Provider(EC), Clock()
        room = identities(fetch=provider, clock=clock)
        with pytest.raises(CallerError):
            await named(sign(header={"kid": "x"}), room)
        provider.keys = (NEXT,)
        clock.now += 1.9
        with pytest.raises(CallerError):
            await named(sign(NEXT, "ES256"), room)
        clock.now += 0.1
        assert (await named(sign(NEXT, "ES256"), room)).id == "ann"

    async def test_a_flood_of_made_up_key_ids_asks_ever_more_seldom(self) -> None:
        provider, clock = Provider(), Clock()
        room = identities(fetch=provider, clock=clock)

        async def flood(seconds: int) -> int:
            before = provider.fetched
            for _ in range(seconds):
                clock.now += 1
                with pytest.raises(CallerError):
                    await named(sign(header={"kid": f"x{clock.now}"}), room)
            return provider.fetched - before

        assert await flood(60) <= 7
        assert await flood(300) <= 10
        clock.now += 60
        assert await flood(3) == 2, "after a quiet minute all is as at first"

    async def test_a_stale_set_serves_on_while_the_provider_is_lost(self) -> None:
        provider, clock = Provider(), Clock()
        room = identities(fetch=provider, clock=clock)
        await named(sign(), room)
        provider.lost = True
        for _ in range(5):
            clock.now += 600
            assert (await named(sign(), room)).id == "ann"
        assert (await named(sign(), room)).id == "ann"
        assert provider.fetched == 6

    async def test_a_provider_lost_from_the_start_is_nobodys_bad_token(self) -> None:
        provider, clock = Provider(), Clock()
        provider.lost = True
        room = identities(fetch=provider, clock=clock)
        for _ in range(3):
            with pytest.raises(StoreError):
                await named(sign(), room)
        assert provider.fetched == 1
        provider.lost = False
        clock.now += 1
        assert (await named(sign(), room)).id == "ann"

    async def test_many_first_tokens_at_once_are_one_fetch(self) -> None:
        provider = Provider()
        room = identities(fetch=provider)
        provider.gate.clear()
        asking = [asyncio.ensure_future(named(sign(), room)) for _ in range(10)]
        for _ in range(5):
            await asyncio.sleep(0)
        provider.gate.set()
        assert {account.id for account in await asyncio.gather(*asking)} == {"ann"}
        assert provider.fetched == 1

    async def test_while_one_renews_the_set_the_others_do_not_wait(self) -> None:
        provider, clock = Provider(), Clock()
        room = identities(fetch=provider, clock=clock)
        await named(sign(), room)
        clock.now += 600
        provider.gate.clear()
        renewing = asyncio.ensure_future(named(sign(), room))
        await asyncio.sleep(0)
        assert (await named(sign(), room)).id == "ann"
        assert not renewing.done()
        provider.gate.set()
        await renewing

    @pytest.mark.parametrize("document", [b"", b"[]", b'{"keys": 7}', b"\xff", b"[" * 100_000])
    async def test_what_is_no_key_set_counts_as_lost(self, document: bytes) -> None:
        async def fetch(url: str) -> bytes:
            return document

        with pytest.raises(StoreError):
            await named(sign(), identities(fetch=fetch))


@pytest.mark.parametrize(
    "settings",
    [
        {"issuer": ""}, {"audience": []}, {"audience": [""]}, {"audience": 7}, {"jwks_url": None}, {"algorithms": "HS256"},
        {"claims": {"acount": "sub"}}, {"claims": {"account": 7}}, {"claims": []}, {"leeway": -1}, {"leeway": "60"}, {"leeway": 601},
    ],
)  # fmt: skip
def test_bad_settings_are_the_operators_error(settings: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=r"identity\.jwt"):
        identities().check(policy(identity=("jwt",), identity_settings={"jwt": SETTINGS | settings}))
