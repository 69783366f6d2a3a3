"""Secrets and prompts appear nowhere: canaries are planted in all of them, and looked for in everything that is kept or shown."""

import gzip
import json
import subprocess
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from redis.asyncio import Redis

from tests.support.canaries import Canaries, dump, escaped, files
from tests.support.demo import demo_model
from tests.support.gateway import Running, gateway, new_key
from tests.support.meters import until
from tests.support.otlp import Received, collector
from tests.support.provider import Provider, provider
from tests.support.servers import free_port, server

CHAT = "/v1/chat/completions"
CLAUDE = "/v1/messages"
JSON = {"Content-Type": "application/json"}

pytestmark = pytest.mark.asyncio(loop_scope="module")

SERVED = (
    "chat", "chat, streamed", "chat, escaped", "chat, tools", "chat, compressed", "completion", "embeddings", "response", "claude",
    "claude, streamed", "claude, escaped", "claude, counted", "headers", "query", "form", "good token",
)  # fmt: skip
"""Calls that must have gone through, or nothing was looked for."""

SHOWN = {
    "log": b'"account":"two"', "collector": b"stillgate.decision", "store": b"a laptop", "/metrics": b"stillgate_decisions_total",
    "command lines": b"proxy worker", "/status": b'"ready": true', "state directory and the store's files": b"a laptop",
}  # fmt: skip
"""What each place must show, or it was not looked at."""


@dataclass
class Scene:
    """A gateway with everything switched on, and all that its callers were told when something went wrong."""

    gate: Running
    model: str
    store: str
    folders: tuple[Path, ...]
    received: Received
    provider: Provider
    http: aiohttp.ClientSession
    canaries: Canaries
    told: list[str] = field(default_factory=list)
    bodies: list[str] = field(default_factory=list)
    statuses: dict[str, int] = field(default_factory=dict)

    async def send(self, name: str, path: str, key: str = "", body: Any = None, **options: Any) -> aiohttp.ClientResponse:
        """One call; headers always count as told, bodies where they are ours and not the model's."""
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        data = json.dumps(body) if isinstance(body, dict) else body
        method = options.pop("method", "POST")
        headers |= JSON | options.pop("headers", {})
        async with self.http.request(method, self.gate.url + path, data=data, headers=headers, **options) as answer:
            try:
                text = await answer.text()
            except aiohttp.ClientError as error:
                text = str(error)
        self.told.append(f"{name}: {answer.status} {answer.headers!r} {text if answer.status >= 400 else ''}")
        self.statuses[name] = answer.status
        self.bodies.append(text)
        return answer

    async def ledger(self) -> dict[str, Any]:
        async with self.http.get(f"{self.model}/demo/ledger") as answer:
            return await answer.json()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scene(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    canaries, folder = Canaries(), tmp_path_factory.mktemp("scene")
    async with AsyncExitStack() as stack:
        valkey = stack.enter_context(server("valkey"))
        password = canaries.word("the store's password")
        async with Redis.from_url(valkey.url) as client:
            await client.config_set("requirepass", password)
        store = valkey.url.replace("redis://", f"redis://:{password}@")
        model = await stack.enter_async_context(demo_model())
        signer = await stack.enter_async_context(provider())
        received = await stack.enter_async_context(collector())
        policy, settings, state = folder / "policy.yaml", folder / "settings.yaml", folder / "state"
        policy.write_text(json.dumps(policy_of(signer)))
        settings.write_text(json.dumps(settings_of(canaries, store, model)))
        flags = ("--settings", str(settings), "--policy", str(policy), "--state-dir", str(state), "--otlp-endpoint", received.url)
        gate = await stack.enter_async_context(gateway(*flags, "--log-level", "DEBUG", "--workers", "2"))
        http = await stack.enter_async_context(aiohttp.ClientSession())
        by_settings = replace(gate, store=("--settings", str(settings)))
        yield Scene(by_settings, model, store, (state, valkey.folder), received, signer, http, canaries)


def policy_of(signer: Provider) -> dict[str, Any]:
    return {
        "policy": "secrets", "mode": "enforce", "identity": {"from": ["keys", "jwt"], "jwt": signer.settings()},
        "routes": [{"path": path, "allow": "tunnel", "cost": {"requests": 1}} for path in ("/v1/files", "/v1/realtime")],
        "tiers": {"open": {"requests": "10k/minute"}, "two": {"requests": "2/hour"}, "small": {"models": {"only": ["demo-small"]}}},
        "accounts": {"default_tier": "open"},
    }  # fmt: skip


def settings_of(canaries: Canaries, store: str, model: str) -> dict[str, Any]:
    nobody = f"http://127.0.0.1:{free_port()}"
    return {
        "store": store,
        "secret": canaries.word("the hashing secret"),
        "otlp_headers": {"x-token": canaries.word("the collector's credential")},
        "upstreams": [
            {"url": nobody, "models": ["nobody-*"], "api_key": canaries.word("an unreachable upstream's credential")},
            {"url": model, "api_key": canaries.word("the upstream's credential"), "headers": {"x-also": canaries.word("its extra header")}},
        ],
    }


def chat(prompt: str, **parts: Any) -> dict[str, Any]:
    return {"model": "demo-small", "messages": [{"role": "user", "content": prompt}], **parts}


def claude(prompt: str, **parts: Any) -> dict[str, Any]:
    return {"max_tokens": 20, **chat(prompt), **parts}


async def prompts(scene: Scene, key: str) -> None:
    """Everything in which a caller's text can come, and is served."""
    word, send = scene.canaries.word, scene.send
    call = {"id": "call_1", "type": "function", "function": {"name": "look_up", "arguments": json.dumps({"q": word("tool arguments")})}}
    turns = [{"role": "assistant", "tool_calls": [call]}, {"role": "tool", "tool_call_id": "call_1", "content": word("a tool's result")}]
    tool = {"type": "function", "function": {"name": "look_up", "description": word("a tool's description"), "parameters": {}}}
    await send("chat", CHAT, key, chat(word("a prompt"), user=word("a user"), metadata={"note": word("metadata")}))
    await send("chat, streamed", CHAT, key, chat(word("a streamed prompt"), stream=True))
    await send("chat, escaped", CHAT, key, json.dumps(chat("@", stream=True)).replace("@", escaped(word("an escaped prompt"))))
    await send("chat, tools", CHAT, key, {"model": "demo-small", "messages": turns, "tools": [tool]})
    await send(
        "chat, compressed", CHAT, key, gzip.compress(json.dumps(chat(word("zipped"))).encode()), headers={"Content-Encoding": "gzip"}
    )
    await send("completion", "/v1/completions", key, {"model": "demo-small", "prompt": word("a completion's prompt")})
    await send("embeddings", "/v1/embeddings", key, {"model": "demo-small", "input": [word("what is embedded")]})
    await send("response", "/v1/responses", key, {"model": "demo-small", "input": word("input"), "instructions": word("instructions")})
    await send("claude", CLAUDE, key, claude(word("Claude's prompt"), system=word("a system prompt")))
    await send("claude, streamed", CLAUDE, key, claude(word("Claude's streamed prompt"), stream=True))
    await send("claude, escaped", CLAUDE, key, json.dumps(claude("@")).replace("@", escaped(word("Claude's escaped prompt"))))
    await send("claude, counted", f"{CLAUDE}/count_tokens", key, chat(word("a counted prompt")))


async def around_prompts(scene: Scene, key: str) -> None:
    """Headers, the query, and routes that only pass."""
    word, send = scene.canaries.word, scene.send
    fields = {name: word(f"header {name}") for name in ("cookie", "x-secret", "x-forwarded-for", "x-account-id", "referer", "baggage")}
    await send("headers", CHAT, key, chat("Hello."), headers=fields | {"baggage": f"who={fields['baggage']}"})
    await send("query", f"{CHAT}?note={word('the query')}", key, chat("Hello."))
    form = aiohttp.FormData({"note": word("a form's field")})
    form.add_field("file", word("a file"), filename=word("a file's name"))
    async with scene.http.post(f"{scene.gate.url}/v1/files", data=form, headers={"Authorization": f"Bearer {key}"}) as answer:
        scene.statuses["form"] = answer.status
    async with scene.http.ws_connect(f"{scene.gate.url}/v1/realtime", headers={"Authorization": f"Bearer {key}"}) as socket:
        await socket.send_str(said := word("a message"))
        assert await socket.receive_str() == said


async def refused(scene: Scene, key: str) -> None:
    """Bad input, limits and failures: what is said then must not repeat what was sent."""
    word, send = scene.canaries.word, scene.send
    for kind, path in (("chat", CHAT), ("claude", CLAUDE)):
        await send(f"{kind}, malformed", path, key, json.dumps(chat(word(f"malformed {kind}")))[:-2])
        await send(f"{kind}, no object", path, key, json.dumps([word(f"a {kind} list")]))
        await send(f"{kind}, not UTF-8", path, key, json.dumps(chat(word(f"torn {kind}"))).encode() + b"\xff")
        await send(f"{kind}, wrong cap", path, key, chat("Hello.", max_tokens=word(f"a {kind} cap")))
        await send(f"{kind}, wrong stream", path, key, chat("Hello.", stream={word(f"a {kind} flag"): 1}, max_tokens=3))
        await send(f"{kind}, twice", path, key, f'{{"model": "{word(f"a {kind} model")}", "model": "{word(f"another {kind} model")}"}}')
        await send(f"{kind}, badly zipped", path, key, word(f"not zipped {kind}"), headers={"Content-Encoding": "gzip"})
        await send(f"{kind}, coded", path, key, word(f"coded {kind}"), headers={"Content-Encoding": "aes"})
        await send(f"{kind}, upstream's error", path, key, claude(word(f"failed {kind}")), headers={"x-demo-fault": "error=500"})
        await send(f"{kind}, unreachable", path, key, claude(word(f"unheard {kind}"), model="nobody-here"))
        for streamed in (False, True):
            torn = claude(word(f"broken {kind} {streamed}"), stream=streamed)
            await send(f"{kind}, broken {streamed}", path, key, torn, headers={"x-demo-fault": "break-after=3"})
    await send("no route", f"/v1/none?note={word('the query of no route')}", key, word("the body for no route"))
    await send("bad header", CHAT, key, chat("Hello."), headers={"x-secret": word("a header that is not UTF-8") + "\udcff"})
    small = await new_key(scene.gate, "small", "--tier", "small")
    await send("model refused", CHAT, small, chat(word("a prompt for another model"), model="demo-large"))
    two = await new_key(scene.gate, "two", "--tier", "two")
    for nth in range(3):
        await send(f"over quota {nth}", CHAT, two, chat(word(f"an over-quota prompt {nth}")))
        await send(f"claude over quota {nth}", CLAUDE, two, claude(word(f"Claude's over-quota prompt {nth}")))


async def strangers(scene: Scene) -> None:
    """Credentials that are wrong in every way. None of what they hold may be repeated."""
    word, send = scene.canaries.word, scene.send
    body = chat("Hello.")
    await send("unknown key", CHAT, "sg-" + (word("an unknown key") * 2)[:43], body)
    await send("torn key", CHAT, "sg-" + word("a torn key"), body)
    await send("another's key", CHAT, "sk-" + word("a provider's key"), body)
    await send("no kind of key", CHAT, word("a bare word"), body)
    await send("two keys", CHAT, "sg-" + word("one of two keys"), body, headers={"x-api-key": "sg-" + word("the other of two keys")})
    await send("key in query", f"{CHAT}?key={word('a key in the query')}", "", body)
    await send("key field", CLAUDE, "", body, headers={"x-api-key": word("a key's field"), "anthropic-version": "2023-06-01"})
    basic = aiohttp.encode_basic_auth(word("a login name"), word("a login's password"))
    await send("login", CHAT, "", body, headers={"Authorization": basic})
    await send("old token", CHAT, scene.provider.sign(exp=1, note=word("an expired token's claim")), body)
    token = scene.provider.sign(note=word("a forged token's claim"))
    await send("forged token", CHAT, token[:-8] + "AAAAAAAA", body)
    scene.canaries.planted["a forged token"] = token.split(".")[1]
    offered = ["realtime", "openai-insecure-api-key." + word("a key as subprotocol")]
    try:
        async with scene.http.ws_connect(f"{scene.gate.url}/v1/realtime", protocols=offered):
            raise AssertionError("a stranger's WebSocket was opened")
    except aiohttp.WSServerHandshakeError as error:
        scene.told.append(f"{error.status} {error.headers!r}")


async def signed_in(scene: Scene) -> None:
    """A good token: only the claims that say who asks are for us."""
    token = scene.provider.sign(sub="ann", email=scene.canaries.word("a good token's claim"))
    scene.canaries.planted |= {"a good token's payload": token.split(".")[1], "its signature": token.split(".")[2]}
    await scene.send("good token", CHAT, token, chat(scene.canaries.word("a prompt with a token")))


async def shown(scene: Scene) -> dict[str, str | bytes]:
    """Everything that is kept or shown, by place."""
    places: dict[str, str | bytes] = {"answers": "\n".join(scene.told)}
    for path in ("/metrics", "/status", "/health/ready"):
        async with scene.http.get(scene.gate.admin + path) as answer:
            places[path] = f"{answer.headers!r} {await answer.text()}"
    places["command lines"] = subprocess.run(["ps", "-eo", "args"], capture_output=True, check=True).stdout
    places["store"] = await dump(scene.store)
    scene.gate.process.terminate()  # … with which the last logs, spans and metrics go out

    async def ended() -> int | None:
        return scene.gate.process.poll()

    assert await until(ended, lambda code: code is not None) == 0
    places["log"] = scene.gate.logged()
    places["collector"] = scene.received.text()
    places["state directory and the store's files"] = files(*scene.folders)
    return places


async def test_the_upstream_s_credential_reaches_it_and_never_the_caller(scene: Scene) -> None:
    key = await new_key(scene.gate, "bert")
    credential = scene.canaries.planted["the upstream's credential"]
    answer = await scene.send("first chat", CHAT, key, chat("Hello."))
    assert (await scene.ledger())["last_headers"]["authorization"] == f"Bearer {credential}"
    claudes = await scene.send("first claude", CLAUDE, key, claude("Hello."))
    seen = (await scene.ledger())["last_headers"]
    assert seen["x-api-key"] == credential
    assert "authorization" not in seen
    assert seen["x-also"] == scene.canaries.planted["its extra header"]
    assert key not in repr(seen)
    assert scene.canaries.found_in(repr((answer.headers, claudes.headers, scene.bodies))) == []


async def test_no_secret_and_no_prompt_is_kept_or_shown(scene: Scene) -> None:
    key = await new_key(scene.gate, "anna", "--name", "a laptop")
    scene.canaries.planted["a valid key"] = key.removeprefix("sg-")
    await prompts(scene, key)
    await around_prompts(scene, key)
    await refused(scene, key)
    await strangers(scene)
    await signed_in(scene)
    places = await shown(scene)

    assert {place: found for place, text in places.items() if (found := scene.canaries.found_in(text))} == {}
    _everything_was_looked_at(scene, places)


def _everything_was_looked_at(scene: Scene, places: dict[str, str | bytes]) -> None:
    """The search itself is tried: each place shows what it should, and each call ended as meant."""
    assert {name: status for name, status in scene.statuses.items() if status == 500} == {
        "chat, upstream's error": 500, "claude, upstream's error": 500,
    }  # fmt: skip
    served = {name: scene.statuses[name] for name in SERVED}
    assert served == dict.fromkeys(SERVED, 200)
    assert {scene.statuses[name] for name in ("unknown key", "torn key", "two keys", "login", "old token", "forged token")} == {401}
    assert scene.statuses["over quota 2"] == scene.statuses["claude over quota 2"] == 429
    assert scene.statuses["chat, unreachable"] == scene.statuses["claude, unreachable"] == 502
    for place, text in SHOWN.items():
        found = places[place]
        assert text in (found.encode() if isinstance(found, str) else found), place
    assert len(scene.received.spans()) > 60
    assert scene.received.records()
    assert scene.received.metrics
