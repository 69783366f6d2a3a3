"""The pages as a gateway serves them: on the admin port, with links that the command makes, before its own store."""

import asyncio
import json
import time
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp

from tests.support.gateway import Running, gateway, stillgate
from tests.verification.test_webhook import signature

SECRET = "a secret for messages"


def settings(folder: Path) -> Path:
    path = folder / "settings.yaml"
    path.write_text(f"verification: {{webhook_secrets: {SECRET}}}\n")
    return path


async def link(gate: Running, *flags: str) -> str:
    """As the admin port serves it: the command does not know which port was free."""
    return gate.admin + urlsplit((await stillgate("accounts", *gate.store, *flags, "link", "anna")).strip()).path


async def test_a_gateway_serves_the_page_and_takes_messages(tmp_path: Path) -> None:
    given = settings(tmp_path)
    async with gateway("--upstream", "http://127.0.0.1:9", "--settings", str(given)) as gate, aiohttp.ClientSession() as http:
        page = await link(gate)
        async with http.get(page) as answer:
            assert (answer.status, (await answer.json(content_type=None))["code"]) == (409, "nothing_to_verify")
        assert "is challenged" in await stillgate("accounts", *gate.store, "set-rung", "anna", "challenged", "--because", "a trial")
        async with http.get(page, headers={"Accept": "text/html"}) as answer:
            assert answer.status == 200
            assert "Verify your account" in await answer.text()
        body, stamp = json.dumps({"account": "anna", "link": page.rsplit("/", 1)[1], "result": "verified"}).encode(), str(int(time.time()))
        signed = {"webhook-id": "msg_1", "webhook-timestamp": stamp, "webhook-signature": signature(SECRET.encode(), "msg_1", stamp, body)}
        async with http.post(f"{gate.admin}/verify/webhook", data=body, headers=signed) as answer:
            assert (answer.status, (await answer.json())["cleared"]) == (200, True)
        assert "is clear; verified (webhook)" in await stillgate("accounts", *gate.store, "show", "anna")
        async with http.get(f"{gate.admin}/health/live") as answer:
            assert answer.status == 200
        assert page.rsplit("/", 1)[1] not in gate.logged()


async def test_links_of_a_new_seal_key_are_read_without_a_restart(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    await stillgate("seal", "rotate", str(keys))
    env = {"STILLGATE_SEAL_KEYS": str(keys)}
    async with gateway("--upstream", "http://127.0.0.1:9", env=env) as gate, aiohttp.ClientSession() as http:
        flags = ("--settings", str(tmp_path / "settings.yaml"))
        (tmp_path / "settings.yaml").write_text(f"seal_keys: {keys}\n")
        await stillgate("seal", "rotate", str(keys))
        page = await link(gate, *flags)

        async def code() -> str:
            async with http.get(page) as answer:
                return str((await answer.json(content_type=None))["code"])

        async with asyncio.timeout(5):
            while await code() != "nothing_to_verify":
                await asyncio.sleep(0.05)
