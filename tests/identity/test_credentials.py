"""Where a credential can hide, and that none of ours goes upstream."""

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.facts import Account
from proxy.errors import CallerError
from proxy.identity.credentials import find
from proxy.identity.keys import mint
from tests.support.identity import arrival, identities
from tests.support.policies import policy

ANN = Account("ann", "ann", "", source="keys")
OWN = Account("up_1", "up_1", "", source="upstream")
KEY = mint()[0]


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


PLACES: list[tuple[tuple[str, str], ...]] = [
    (("Authorization", f"Bearer {KEY}"),),
    (("authorization", f"bEARER  {KEY} "),),
    (("Authorization", basic("", KEY)),),
    (("Authorization", basic("me", KEY)),),
    (("X-API-Key", KEY),),
    (("api-key", KEY),),
    (("x-goog-api-key", KEY),),
    (("X_Api_Key", KEY),),
    (("Sec-WebSocket-Protocol", f"realtime, openai-insecure-api-key.{KEY}, beta"),),
    (("Sec-WebSocket-Protocol", "realtime"), ("Sec-WebSocket-Protocol", f"OpenAI-Insecure-API-Key.{KEY}")),
]


@pytest.mark.parametrize("headers", PLACES)
def test_it_is_found_wherever_it_hides(headers: tuple[tuple[str, str], ...]) -> None:
    assert find(arrival(*headers)) == KEY


@pytest.mark.parametrize("query", [f"key={KEY}", f"a=1&api_key={KEY}&b", f"%6Bey={KEY}", f"key=sg%2D{KEY[3:]}", f"key=&key={KEY}"])
def test_it_is_found_in_the_query(query: str) -> None:
    assert find(arrival(query=query)) == KEY


def test_an_empty_field_is_no_credential() -> None:
    assert not find(arrival(("Authorization", " "), ("x-api-key", "")))
    assert find(arrival(("Authorization", "Bearer "), ("x-api-key", "k"))) == "k"


ODD = ["Digest x", "Token x", "bearer\tx", "Bearer:x", "Basic", "Basic !", "Basic /w==", "Basic\tdTp4", basic("user", ""), "sg-x"]


@pytest.mark.parametrize("value", ODD)
def test_beside_an_authorization_of_any_kind_a_made_up_key_names_nobody(value: str) -> None:
    assert find(arrival(("Authorization", value)))
    with pytest.raises(CallerError, match="several different"):
        find(arrival(("Authorization", value), ("x-api-key", "made-up")))


def test_an_unknown_scheme_however_written_is_one_credential() -> None:
    assert {find(arrival(("Authorization", value))) for value in ("Token x", "TOKEN  x", "token\tx ")} == {"token x"}


async def test_a_basic_login_name_behind_any_space_is_refused_for_a_provider_s_credential() -> None:
    for space in (" ", "\t", "  "):
        with pytest.raises(CallerError, match="user name"):
            await identities().identify(arrival(("Authorization", basic("user", "x").replace(" ", space))), policy(identity=("upstream",)))


def test_the_same_one_twice_is_fine() -> None:
    twice = (("Authorization", f"Bearer {KEY}"), ("Authorization", f"Bearer {KEY}"), ("x-api-key", KEY))
    assert find(arrival(*twice, query=f"key={KEY}")) == KEY


@pytest.mark.parametrize(
    ("headers", "query"),
    [
        ((("Authorization", "Bearer a"), ("x-api-key", "b")), ""),
        ((("x-api-key", "a"), ("x-api-key", "b")), ""),
        ((("x-api-key", "a"),), "key=b"),
        ((), "key=a&api_key=b"),
        ((("Authorization", "Bearer a"), ("Authorization", "Digest b")), ""),
        ((("Authorization", "Bearer a"), ("authorization", "bearer a")), ""),
        ((("Sec-WebSocket-Protocol", "openai-insecure-api-key.a, openai-insecure-api-key.b"),), ""),
    ],
)
def test_different_ones_are_refused(headers: tuple[tuple[str, str], ...], query: str) -> None:
    with pytest.raises(CallerError, match="several different") as caught:
        find(arrival(*headers, query=query))
    assert caught.value.status == 401


@pytest.mark.parametrize("value", ["schlüssel", "a\x00b", "x" * 16385])
def test_what_no_credential_looks_like_is_refused(value: str) -> None:
    with pytest.raises(CallerError, match="not readable"):
        find(arrival(("x-api-key", value)))


HONEST = st.sampled_from([
    ("Content-Type", "application/json"), ("User-Agent", "OpenAI/Python 3.54"), ("x-stainless-lang", "python"), ("OpenAI-Beta", "x"),
    ("anthropic-version", "2023-06-01"), ("X-Client-Request-Id", "7"), ("traceparent", "00-1-2-01"), ("Idempotency-Key", "k"),
    ("Sec-WebSocket-Protocol", "realtime,  beta"), ("ACCEPT", "*/*"), ("x-custom", ""), ("x-goog-api-client", "genai"),
])  # fmt: skip
SPOOFED = st.sampled_from([
    ("Forwarded", "for=1"), ("X-Forwarded-For", "1"), ("x_forwarded_for", "1"), ("X-Real-IP", "1"), ("CF-Connecting-IP", "1"), ("Via", "1"),
    ("True-Client-Ip", "1"), ("X-User-Id", "1"), ("X-Account-Id", "1"), ("x-organization-id", "1"), ("X-Stillgate-Rung", "1"),
    ("stillgate-request-id", "1"), ("X-Envoy-Peer", "1"), ("x-amzn-oidc-identity", "1"), ("Cookie", "a=b"), ("Proxy-Authorization", "x"),
    ("X-Original-URL", "/"), ("X-Rewrite-Url", "/"), ("X-HTTP-Method-Override", "PUT"), ("X-Team", "1"), ("x_team", "1"),
])  # fmt: skip
SECRET = st.sampled_from([pair for place in PLACES for pair in place if pair[1] != "realtime"])
PROVIDERS = st.sampled_from([("OpenAI-Organization", "org-1"), ("openai-project", "p")])
POLICY = policy(identity_settings={"header": {"trusted_peers": ["unix"], "tier": "X-Team"}})


@given(st.lists(st.one_of(HONEST, SPOOFED, SECRET, PROVIDERS)).map(tuple))
def test_no_credential_and_nothing_spoofable_survives_and_the_rest_is_as_sent(headers: tuple[tuple[str, str], ...]) -> None:
    left = identities().strip(headers, ANN, POLICY)
    assert KEY not in repr(left)
    assert basic("", KEY) not in repr(left)
    assert not any(pair in left for pair in headers if drawn(SPOOFED, pair) or drawn(PROVIDERS, pair))
    assert [pair for pair in left if drawn(HONEST, pair)] == [pair for pair in headers if drawn(HONEST, pair)]
    assert identities().strip(left, ANN, POLICY) == left


@given(st.lists(st.one_of(HONEST, SPOOFED, SECRET, PROVIDERS)).map(tuple))
def test_a_callers_own_provider_credential_goes_through_untouched(headers: tuple[tuple[str, str], ...]) -> None:
    assert identities().strip(headers, OWN, POLICY) == tuple(pair for pair in headers if not drawn(SPOOFED, pair))


def drawn(strategy: Any, pair: tuple[str, str]) -> bool:
    """Is `pair` one of those that `strategy` samples from?"""
    return pair in strategy.elements


def test_the_other_subprotocols_stay() -> None:
    headers = (("Sec-WebSocket-Protocol", f"realtime, openai-insecure-api-key.{KEY}, openai-organization.org-1, openai-beta.v1"),)
    assert identities().strip(headers, ANN, POLICY) == (("Sec-WebSocket-Protocol", "realtime, openai-beta.v1"),)
    assert identities().strip((("Sec-WebSocket-Protocol", f"openai-insecure-api-key.{KEY}"),), ANN, POLICY) == ()


@pytest.mark.parametrize(
    ("query", "left"),
    [
        ("", ""),
        (f"key={KEY}", ""),
        (f"a=%20+&key={KEY}&b=%C3%A4&&c", "a=%20+&b=%C3%A4&&c"),
        (f"api_key={KEY}&keys=1&monkey=2", "keys=1&monkey=2"),
        (f"a&%6bey={KEY}", "a"),
        ("beta=true&;x=%zz", "beta=true&;x=%zz"),
    ],
)
def test_the_query_keeps_every_other_byte(query: str, left: str) -> None:
    assert identities().strip_query(query, ANN) == left
    assert identities().strip_query(query, OWN) == query


@given(st.lists(st.text(st.characters(codec="ascii", exclude_characters="&"), max_size=8), max_size=6))
def test_a_query_without_a_credential_is_byte_for_byte_as_sent(parts: list[str]) -> None:
    query = "&".join(part for part in parts if "key" not in part and "%" not in part)
    assert identities().strip_query(query, ANN) == query
