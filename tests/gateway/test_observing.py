"""What is learned of exchanges: of those that were answered, without their text, and nothing that delays one."""

import json
from dataclasses import replace
from typing import Any

import pytest

from proxy.core.facts import Account, Ending, Outcome, Usage
from proxy.core.policy import Policy, Recording, Tier
from proxy.core.quota import Quota, Unit, Window
from proxy.core.risk import Risk
from proxy.core.rules import Binding
from proxy.core.sealing import Finding
from proxy.dialects import CATALOGUE
from proxy.gateway.exchange import Exchange
from proxy.gateway.observing import MOST_RECORDED, client_of, foreign
from proxy.learning.observe import Client, observe
from proxy.learning.sketch import Keyed
from tests.support.line import AT, House, MemoryBody, MemoryCaller, Script
from tests.support.openings import body
from tests.support.policies import policy

USED = {"prompt_tokens": 9, "completion_tokens": 6, "completion_tokens_details": {"reasoning_tokens": 2}}
ANSWER = (json.dumps({"id": "c", "model": "m1", "choices": [{"index": 0, "message": {"content": "Six."}}], "usage": USED}).encode(),)
STREAM = (b'data: {"choices":[{"index":0,"delta":{"content":"Six."}}]}\n\n', b"data: [DONE]\n\n")
PROMPT = "Canary: how many are two times three, and why? Think about it for a while."


def risky(**parts: Any) -> Policy:
    return policy(risk=Risk(on=True), **parts)


def house(rules: Policy | None = None, **parts: Any) -> House:
    script = {"body": body("openai_chat", PROMPT, "Be brief.", model="m1", max_tokens=9), "answer": ANSWER}
    return House(rules or risky(), {"r0": Script(**(script | parts))})


async def ran(found: House, name: str = "r0") -> Exchange:
    exchange = found.exchange(name)
    await exchange.run()
    return exchange


async def test_an_exchange_is_observed_as_it_is_in_a_replay() -> None:
    found = house()
    await ran(found)
    chat = CATALOGUE[0]
    raw = found.scripts["r0"].body
    outcome = Outcome(200, Ending.COMPLETE, Usage(9, 6, reasoning=2), reported=True, ended_at=AT, response_model="m1")
    account, client = Account("ann", "ann", "free"), Client("192.0.2.1", headers="content-length,x-name,x-account")
    key = Keyed(b"k" * 32)
    assert found.store.observed == [observe("openai_chat", raw, chat.read(chat.routes[0], raw), account, client, outcome, AT, "r0", key)]
    assert found.store.observed[0].opening
    assert found.store.observed[0].sketch


@pytest.mark.parametrize(
    ("path", "raw"),
    [
        ("/v1/messages", body("anthropic_messages", PROMPT, model="m1", max_tokens=9)),
        ("/v1/responses", body("openai_responses", PROMPT, model="m1")),
        ("/v1/completions", body("openai_completions", PROMPT, model="m1")),
        ("/v1/chat/completions", body("openai_chat", PROMPT + " " * 40_000, model="m1")),
    ],
)
async def test_in_every_dialect_and_size(path: str, raw: bytes) -> None:
    found = house(body=raw, path=path)
    await ran(found)
    (seen,) = found.store.observed
    assert seen.opening
    assert seen.sketch
    assert seen.model == "m1"


async def test_without_risk_nothing_is_observed() -> None:
    found = house(policy())
    exchange = await ran(found)
    assert found.store.observed == []
    assert exchange._course.traits is None


@pytest.mark.parametrize(
    "parts",
    [
        {"status": 400}, {"status": 500}, {"unreachable": True}, {"silent": True}, {"account": ""}, {"body": b"no JSON"},
        {"path": "/v1/models"}, {"path": "/v1/embeddings"}, {"path": "/v1/nothing"},
    ],
    ids=str,
)  # fmt: skip
async def test_what_was_not_answered_and_what_is_no_generation_is_not(parts: dict[str, Any]) -> None:
    found = house(**parts)
    await ran(found)
    assert found.store.observed == []


async def test_what_a_quota_refuses_is_not() -> None:
    day = Window("calendar", "day", 86400)
    found = house(risky(tiers={"free": Tier("free", (Quota(Unit.TOKENS, 1, day, 1),))}))
    await ran(found)
    assert found.callers["r0"].status in {400, 429}
    assert found.store.observed == []


@pytest.mark.parametrize("parts", [{"leaves_at": 0}, {"leaves_at": 2}, {"breaks": True}])
async def test_an_answer_that_came_is_however_it_ended(parts: dict[str, Any]) -> None:
    """Who hangs up in the middle has read the half."""
    raw = body("openai_chat", PROMPT, model="m1", stream=True)
    found = house(body=raw, answer=STREAM, streamed=True, **parts)
    await ran(found)
    (seen,) = found.store.observed
    assert (seen.status, seen.output > 0) == (200, True)


async def test_the_text_is_gone_when_the_answer_begins() -> None:
    found = house()
    exchange = found.exchange("r0")
    begun: list[object] = []

    class Looking(MemoryCaller):
        async def start(self, status: int, headers: Any) -> None:
            begun.extend((exchange._course.reading.said, exchange._course.reading.plain, exchange._course.traits))
            await super().start(status, headers)

    exchange._caller = exchange._course.caller = Looking(found.scripts["r0"])
    await exchange.run()
    assert begun[:2] == [None, b""]
    assert PROMPT not in repr(begun[2])
    assert PROMPT not in repr(found.store.observed)


async def test_blocks_of_somebody_else_are_counted() -> None:
    found = House(risky(binding=Binding(on=True)), {})
    found.store.standings |= {"ann": "degraded", "bob": "degraded"}
    thinking = json.dumps(
        {"choices": [{"message": {"role": "assistant", "content": "Six.", "reasoning_content": "Two and two."}}], "usage": USED}
    )
    first = await asked(found, body("openai_chat", "Hello", model="m1"), thinking.encode(), "ann")
    said = json.loads(first.body)["choices"][0]["message"]
    for account in ("ann", "bob"):
        later = body("openai_chat", "Hello", after=[said, {"role": "user", "content": "And?"}], model="m1")
        await asked(found, later, ANSWER[0], account)
    assert [(seen.account, seen.foreign) for seen in found.store.observed] == [("ann", 0), ("ann", 0), ("bob", 1)]


async def asked(found: House, raw: bytes, answer: bytes, account: str) -> MemoryCaller:
    name = f"r{len(found.scripts)}"
    found.scripts[name] = Script(raw, (answer,), account=account)  # type: ignore[index]
    caller = found.callers[name] = MemoryCaller(found.scripts[name])
    await Exchange(found.rooms, found.arrival(name), MemoryBody(raw), caller).run()
    return caller


def test_a_block_that_was_never_issued_here_speaks_against_nobody() -> None:
    ann = Account("ann", "acme", "free")
    others = ((Finding.FOREIGN, "bob"), (Finding.FOREIGN, "eve"))
    assert foreign(others, ann) == 2
    assert foreign(((Finding.FOREIGN, ""), (Finding.FOREIGN, "ann"), (Finding.EXPIRED, "bob"), (Finding.LOST, "bob")), ann) == 0


def test_a_unix_socket_says_nothing() -> None:
    arrival = house().arrival("r0")
    fields = (("Host", "a"), ("User-Agent", "sdk/1"), ("Accept", "b"))
    assert client_of(replace(arrival, headers=fields)) == Client("192.0.2.1", "sdk/1", "", "Host,User-Agent,Accept")
    assert client_of(replace(arrival, client="203.0.113.7", tls="t13d")).address == "203.0.113.7", "behind a front that is trusted"
    assert client_of(replace(arrival, client="203.0.113.7", tls="t13d")).tls == "t13d"
    assert client_of(replace(arrival, peer="local", headers=(("a", "b"),) * 1000)) == Client("", headers=",".join("a" * 64))


@pytest.mark.parametrize("text", [False, True])
@pytest.mark.parametrize("risk", [False, True])
async def test_it_is_recorded_where_the_policy_says_so(text: bool, risk: bool) -> None:
    found = house(policy(recording=Recording("traces", text), risk=Risk(on=risk)))
    await ran(found)
    (recorded,) = found.recorder.recorded
    assert recorded.request == (found.scripts["r0"].body if text else b"")
    assert found.store.observed == ([recorded.seen] if risk else [])
    assert recorded.finished.client.address == "192.0.2.1"


async def test_of_what_is_too_large_only_the_sketch_is_recorded() -> None:
    found = house(policy(recording=Recording("traces", text=True)), body=body("openai_chat", PROMPT + " " * MOST_RECORDED, model="m1"))
    await ran(found)
    assert [recorded.request for recorded in found.recorder.recorded] == [b""]
    assert found.recorder.recorded[0].seen.sketch
