"""Who asks, by API keys: in every place where they can hide, and what of a request's headers goes no further."""

from tests.e2e.conftest import Client, Clients
from tests.support.asking import CHAT, Asker, basic, bearer


async def test_a_key_is_found_wherever_it_can_hide_and_goes_no_further(client: Client) -> None:
    ask, key = Asker(client.url, client.http), client.key
    for field in ("x-api-key", "api-key", "x-goog-api-key", "X-API-Key"):
        assert await ask.status((field, key)) == 200
        assert key not in repr(await client.ledger())
    for value in (f"Bearer {key}", f"bearer  {key}", basic("", key)[1]):
        assert await ask.status(("authorization", value)) == 200
        assert "authorization" not in (await client.ledger())["last_headers"]
    assert await ask.status(query=f"a=1&key={key}") == 200
    assert (await client.ledger())["requests"] == 8


async def test_a_key_is_found_among_websocket_subprotocols_and_goes_no_further(client: Client) -> None:
    offered = ("realtime", f"openai-insecure-api-key.{client.key}")
    async with client.http.ws_connect(f"{client.url}/v1/realtime", protocols=offered) as socket:
        assert socket.protocol == "realtime"
        await socket.send_str("Hello.")
        assert await socket.receive_str() == "Hello."
    seen = (await client.ledger())["last_headers"]
    assert seen["sec-websocket-protocol"] == "realtime"
    assert client.key not in repr(seen)


async def test_two_different_credentials_are_refused_and_two_equal_ones_are_not(client: Client, clients: Clients) -> None:
    ask, other = Asker(client.url, client.http), await clients()
    status, body = await ask(bearer(client.key), ("x-api-key", other.key))
    assert status == 401
    assert "several different credentials" in body["error"]["message"]
    assert await ask.status(bearer(client.key), ("x-api-key", client.key)) == 200


async def test_a_refused_login_says_what_is_wanted_in_the_caller_s_dialect(client: Client) -> None:
    ask = Asker(client.url, client.http)
    for fields, words in (
        ((), "No API key was found. Send an API key as 'Authorization: Bearer sg-…' or 'x-api-key: sg-…'"),
        ((bearer("sk-proj-abcdefgh"),), "of a kind that is not taken here. Send an API key"),
        ((bearer("sg-short"),), "This API key is not complete"),
        ((bearer("sg-" + "A" * 43),), "This API key is not known here, or was revoked, or has expired."),
    ):
        status, body = await ask(*fields)
        assert (status, body["error"]["code"]) == (401, "invalid_api_key")
        assert words in body["error"]["message"]
        assert f"Reference: {body['reference']}." in body["error"]["message"]
        status, body = await ask(*fields, path="/v1/messages")
        assert (status, body["error"]["type"]) == (401, "authentication_error")
        assert words in body["error"]["message"]
    assert (await client.ledger())["requests"] == 0


async def test_the_upstream_gets_no_identity_or_forwarding_header_of_the_caller_s(client: Client) -> None:
    spoofed = {
        "X-Forwarded-For": "10.0.0.1", "X-Forwarded-Host": "evil.example", "Forwarded": "for=10.0.0.1", "X-Real-IP": "10.0.0.1",
        "Via": "1.1 evil", "X-Account-Id": "root", "X_Account_Id": "root", "X-User-Id": "root", "X-Remote-User": "root",
        "CF-Connecting-IP": "10.0.0.1", "Cookie": "session=1", "OpenAI-Organization": "org-other", "OpenAI-Project": "other",
        "Proxy-Authorization": "Basic cm9vdDo=", "X-Stillgate-Account": "root", "Stillgate-Request-Id": "sg_mine",
        "X-Envoy-Original-Path": "/v1/none", "X-Goog-User-Project": "other",
    }  # fmt: skip
    async with client.post("/v1/chat/completions", CHAT, headers={**spoofed, "X-Kept": "as it is"}) as answer:
        assert answer.status == 200
    seen = (await client.ledger())["last_headers"]
    assert {name.lower() for name in spoofed} & seen.keys() == set()
    assert "10.0.0.1" not in repr(seen)
    assert seen["x-kept"] == "as it is"
