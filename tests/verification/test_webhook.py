"""Signed messages of the operator's identity check: what clears, and everything that must not."""

import asyncio
import base64
import hashlib
import hmac
import json
import logging
from itertools import count
from typing import Any

import pytest
from redis import Redis

from proxy.core.ladder import Rung
from proxy.errors import ConfigError
from proxy.verification.signatures import key_of, message_id
from proxy.verification.webhook import LONGEST_NAME
from tests.support.oidc import Provider
from tests.support.servers import Server
from tests.verification.conftest import ACCOUNT, WEBHOOK, Site, sited

_ids = count()
GOOD = {"account": ACCOUNT, "organization": "acme", "result": "verified"}
KEYS = (WEBHOOK[0].encode(), base64.b64decode(WEBHOOK[1].removeprefix("whsec_")))


def signature(key: bytes, name: str, stamp: str, body: bytes) -> str:
    return "v1," + base64.b64encode(hmac.new(key, f"{name}.{stamp}.".encode() + body, hashlib.sha256).digest()).decode()


def message(site: Site, said: Any = None, *, key: bytes = KEYS[0], name: str = "", ago: float = 0.0) -> dict[str, Any]:
    """How a message is sent: body and headers."""
    body = said if isinstance(said, bytes) else json.dumps(said or GOOD).encode()
    name, stamp = name or f"msg_{next(_ids)}", str(int(site.clock() - ago))
    headers = {"webhook-id": name, "webhook-timestamp": stamp, "webhook-signature": signature(key, name, stamp, body)}
    return {"data": body, "headers": headers}


async def send(site: Site, whole: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    return await site.send("POST", f"{site.url}/verify/webhook", **whole)


async def test_what_is_logged_names_the_message_and_not_the_evidence(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "proxy.verification")
    await site.ask()
    for said in (GOOD | {"result": "rejected"}, GOOD | {"evidence": "canary"}, GOOD):
        await send(site, message(site, said, name=f"msg_{said['result']}_{len(said)}"))
    told = [record.fields for record in caplog.records if record.getMessage() == "verification"]  # type: ignore[attr-defined]
    about = {"way": "webhook", "account": ACCOUNT, "organization": "acme"}
    assert told == [
        about | {"result": "rejected", "reference": "msg_rejected_3"},
        about | {"result": "cleared", "reference": "msg_verified_4"},
        about | {"result": "nothing_to_verify", "reference": "msg_verified_3"},
    ]
    assert "canary" not in caplog.text


@pytest.mark.parametrize("key", KEYS)
async def test_a_signed_message_clears_by_any_of_the_secrets(site: Site, key: bytes) -> None:
    await site.ask()
    said = {"account": ACCOUNT, "organization": "acme", "result": "verified", "evidence": {"check": "passport"}}
    assert await send(site, message(site, said, key=key)) == (200, {"account": ACCOUNT, "organization": "acme", "cleared": True})
    verified = (await site.standing()).verified
    assert verified is not None
    assert (verified.how, verified.because) == ("webhook", '{"check": "passport"}')
    assert await site.is_clear()


async def test_the_organization_is_looked_up_where_it_is_not_said(site: Site) -> None:
    await site.ask()
    await site.standings.met({ACCOUNT: "acme"})
    assert (await send(site, message(site, {"account": ACCOUNT, "result": "verified"})))[0] == 200
    assert await site.is_clear()


async def test_a_link_must_be_of_that_account(site: Site) -> None:
    link, other = (await site.ask()).rsplit("/", 1)[1], (await site.ask("bert")).rsplit("/", 1)[1]
    for said in ({"account": ACCOUNT, "link": other}, {"account": ACCOUNT, "organization": "else", "link": link}):
        status, answer = await send(site, message(site, said | {"result": "verified"}))
        assert (status, answer["code"]) == (403, "other_account")
    assert (await send(site, message(site, {"account": ACCOUNT, "link": link + "a", "result": "verified"})))[1]["code"] == "link_not_valid"
    assert not await site.is_clear()
    assert not await site.is_clear("bert")
    whole = {"account": ACCOUNT, "link": f"https://verify.example.com/gate/verify/{link}", "result": "verified"}
    assert (await send(site, message(site, whole)))[0] == 200, "the whole address serves too"
    await site.ask()
    status, answer = await send(site, message(site, {"account": ACCOUNT, "link": link, "result": "verified"}))
    assert (status, answer["code"]) == (409, "link_already_used")


async def test_what_was_changed_or_is_signed_by_others_is_refused(site: Site) -> None:
    await site.ask()
    good = message(site)
    fields = good["headers"]
    forged = [
        {**good, "data": good["data"].replace(b"acme", b"ecma")},
        {**good, "headers": fields | {"webhook-id": "other"}},
        {**good, "headers": fields | {"webhook-timestamp": str(int(fields["webhook-timestamp"]) + 1)}},
        {**good, "headers": fields | {"webhook-signature": ""}},
        {**good, "headers": fields | {"webhook-signature": fields["webhook-signature"].replace("v1,", "v1a,")}},
        {**good, "headers": fields | {"webhook-signature": "v1," + base64.b64encode(b"x" * 32).decode()}},
        {**good, "headers": {name: value for name, value in fields.items() if name != "webhook-id"}},
        {**good, "headers": fields | {"webhook-timestamp": "1e9"}},
        {**good, "headers": fields | {"webhook-timestamp": "-5"}},
        message(site, key=b"another secret"),
        message(site, key=WEBHOOK[1].encode()),
        message(site, key=b""),
        message(site, ago=301),
        message(site, ago=-302),
    ]
    for whole in forged:
        status, answer = await send(site, whole)
        assert (status, answer["code"], answer["title"]) == (401, "signature_not_valid", "The signature is not valid"), whole
    assert (await send(site, message(site, key=b"another secret")))[1]["detail"].startswith("The signature does not match. Sign as")
    assert not await site.is_clear()
    several = fields | {"webhook-signature": f"v1,AAAA v2,x {fields['webhook-signature']}"}
    assert (await send(site, {**good, "headers": several}))[0] == 200


async def test_a_message_counts_once(site: Site) -> None:
    await site.ask()
    whole = message(site, name="msg_once")
    said = await asyncio.gather(*(send(site, whole) for _ in range(5)))
    assert sorted(status for status, _ in said) == [200, 409, 409, 409, 409]
    await site.ask()
    assert (await send(site, whole))[1]["code"] == "message_replayed"
    assert (await send(site, message(site, name="msg_once", ago=-200)))[1]["code"] == "message_replayed", "signed anew, with the same id"
    assert not await site.is_clear()
    with Redis(port=site.store.port) as client:
        lasts = [client.ttl(key) for key in client.keys("sg:once:*")]
    assert all(500 < each <= 600 for each in lasts), "longer than a message is taken"


async def test_a_message_that_says_something_else_changes_nothing(site: Site) -> None:
    await site.ask()
    before = await site.standing()
    said = {"account": ACCOUNT, "organization": "acme", "result": "rejected"}
    assert await send(site, message(site, said)) == (200, {"account": ACCOUNT, "organization": "acme", "cleared": False})
    for result in ("failed", "pending", "VERIFIED", "", None, True, ["verified"], {}):
        status, answer = await send(site, message(site, said | {"result": result}))
        assert (status, answer["code"]) == (400, "malformed")
        assert "'result' must be one of verified, rejected." in answer["detail"]
    assert await site.standing() == before


@pytest.mark.parametrize(
    "said",
    [
        b"", b"{", b"[]", b"\xff", b"[" * 100_000, {"result": "verified"}, {"account": "", "result": "verified"}, {"account": ACCOUNT},
        {"account": 5, "result": "verified"}, {"account": "a{b", "result": "verified"}, {"account": ACCOUNT, "result": True},
        {"account": ACCOUNT, "organization": "a}:s:b", "result": "verified"}, {"account": "a" * (LONGEST_NAME + 1), "result": "verified"},
        {"account": ACCOUNT, "link": 5, "result": "verified"}, {"account": "a\nb", "result": "verified"},
    ],
)  # fmt: skip
async def test_what_cannot_be_read_is_told(site: Site, said: Any) -> None:
    whole = message(site, said) if said else message(site, b" ")
    status, answer = await send(site, whole)
    assert (status, answer["code"], answer["status"]) == (400, "malformed", 400)


async def test_who_is_not_asked_or_held_elsewhere_is_not_cleared(site: Site) -> None:
    assert (await send(site, message(site)))[1]["code"] == "nothing_to_verify"
    for rung in (Rung.THROTTLED, Rung.DEGRADED, Rung.BLOCKED):
        await site.ask(rung=rung)
        status, answer = await send(site, message(site))
        assert (status, answer["code"]) == (403, "held_by_operator")
        assert (await site.standing()).verified is None


async def test_who_fails_too_often_is_told_to_wait_and_a_good_message_passes_all_the_same(site: Site) -> None:
    await site.ask()
    bad = message(site, key=b"another secret")
    said = await asyncio.gather(*(send(site, bad) for _ in range(80)))
    assert {status for status, _ in said} == {401, 429}
    assert (await send(site, message(site)))[0] == 200


async def test_what_could_not_be_acted_upon_may_be_sent_again(site: Site) -> None:
    await site.ask()
    whole = message(site)
    with Redis(port=site.store.port) as client:
        client.hset("sg:accounts", "x", "y")
        key = f"sg:{{acme}}:s:{ACCOUNT}"
        kept = client.get(key)
        client.delete(key)
        client.lpush(key, "not a text")
        status, answer = await send(site, whole)
        assert (status, answer["code"]) == (503, "temporarily_unavailable")
        client.delete(key)
        client.set(key, kept)  # type: ignore[arg-type]
    assert (await send(site, whole))[0] == 200
    assert await site.is_clear()


async def test_without_secrets_nothing_is_taken(kept: Server, identity: Provider) -> None:
    async with sited(kept, identity, webhook_secrets=[]) as site:
        await site.ask()
        assert (await send(site, message(site, key=b"")))[0] == 404
        assert not await site.is_clear()


def test_the_standards_own_example() -> None:
    """From the Standard Webhooks specification's libraries."""
    headers = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek", "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }  # fmt: skip
    keys = [key_of("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")]
    assert message_id(headers, b'{"test": 2432232314}', keys, 1614265330.0) == headers["webhook-id"]
    for secret in ("whsec_", "whsec_%%%"):
        with pytest.raises(ConfigError, match="is not base64"):
            key_of(secret)
