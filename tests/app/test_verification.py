"""The pages as a gateway serves them: on the admin port, with links that the command makes, before its own store."""

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from proxy.app.verification import Wanted, link_for
from proxy.config.settings import Settings
from proxy.errors import ConfigError
from proxy.sealing.keyfile import load
from proxy.sealing.keyring import Keyring, key_id
from proxy.sealing.links import Link, Links
from tests.support.gateway import Running, gateway, stillgate
from tests.verification.test_webhook import signature

SECRET = "a secret for messages"


def settings(folder: Path) -> Path:
    path = folder / "settings.yaml"
    path.write_text(f"verification: {{webhook_secrets: {SECRET}}}\n")
    return path


async def link(gate: Running, *flags: str) -> str:
    """As the command prints it: the gateway says which port was free."""
    page = (await stillgate("accounts", *gate.store, "link", "anna", *flags)).strip()
    assert page.startswith(f"{gate.admin}/verify/")
    return page


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
        body, stamp = json.dumps({"account": "anna", "link": page, "result": "verified"}).encode(), str(int(time.time()))
        signed = {"webhook-id": "msg_1", "webhook-timestamp": stamp, "webhook-signature": signature(SECRET.encode(), "msg_1", stamp, body)}
        async with http.post(f"{gate.admin}/verify/webhook", data=body, headers=signed) as answer:
            assert (answer.status, (await answer.json())["cleared"]) == (200, True)
        assert "is clear; verified (webhook)" in await stillgate("accounts", *gate.store, "show", "anna")
        async with http.get(f"{gate.admin}/health/live") as answer:
            assert answer.status == 200
        async with http.get(f"{gate.admin}/metrics") as answer:
            text = await answer.text()
        assert 'stillgate_verifications_total{way="webhook",result="cleared"} 1' in text.splitlines()
        assert len([family for family in text_string_to_metric_families(text) if family.name == "stillgate_verifications"]) == 1
        await gate.says('"way":"webhook","result":"cleared","account":"anna"')
        assert page.rsplit("/", 1)[1] not in gate.logged()


async def test_links_of_a_new_seal_key_are_read_without_a_restart(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    await stillgate("seal", "rotate", str(keys))
    env = {"STILLGATE_SEAL_KEYS": str(keys)}
    async with gateway("--upstream", "http://127.0.0.1:9", env=env) as gate, aiohttp.ClientSession() as http:
        await stillgate("seal", "rotate", str(keys))
        await link(gate, "--seal-keys", str(keys))
        page = f"{gate.admin}/verify/{Links(Keyring(load(keys)[0])).make('anna', 'anna', time.time())}"

        async def code() -> str:
            async with http.get(page) as answer:
                return str((await answer.json(content_type=None))["code"])

        async with asyncio.timeout(30):
            while await code() != "nothing_to_verify":
                await asyncio.sleep(0.05)


async def test_a_link_that_the_gateway_could_not_read_is_not_printed(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    await stillgate("seal", "rotate", str(keys))
    env = {"STILLGATE_SEAL_KEYS": str(keys)}
    async with gateway("--upstream", "http://127.0.0.1:9", env=env) as gate, aiohttp.ClientSession() as http:
        assert await stillgate("accounts", *gate.store, "link", "anna", code=2) == ""
        async with http.get(await link(gate, "--seal-keys", str(keys))) as answer:
            assert (await answer.json(content_type=None))["code"] == "nothing_to_verify"


OLD, NEW, OTHER = b"o" * 32, b"n" * 32, b"x" * 32
ANNA = Wanted("anna", "acme", 1_900_000_000.0)


@pytest.fixture
def own(tmp_path: Path) -> Settings:
    (tmp_path / "keys").write_bytes(b"\n".join((NEW, OLD)))
    return Settings(admin="127.0.0.1:1", seal_keys=tmp_path / "keys")


def gate_with(port: int, *secrets: bytes) -> dict[str, Any]:
    return {"id": str(port), "pages": f"http://127.0.0.1:{port}", "seal_keys": [key_id(secret).hex() for secret in secrets]}


@pytest.mark.parametrize(
    ("gateways", "port", "sealed_with"),
    [
        ([], 1, NEW), ([{"id": "of an older version"}], 1, NEW), ([gate_with(2, NEW, OLD)], 2, NEW), ([gate_with(2, OLD)], 2, OLD),
        ([gate_with(2, OLD), gate_with(3, OLD, NEW)], 2, OLD), ([gate_with(2, OTHER), gate_with(3, NEW)], 3, NEW),
    ],
)  # fmt: skip
def test_a_link_is_made_for_the_gateways_that_run(own: Settings, gateways: list[dict[str, Any]], port: int, sealed_with: bytes) -> None:
    base, _, token = link_for(own, gateways, ANNA).partition("/verify/")
    assert base == f"http://127.0.0.1:{port}"
    assert isinstance(Links(Keyring(sealed_with)).read(token, ANNA.at), Link)


def test_a_key_that_no_gateway_has_is_refused_by_its_id(own: Settings) -> None:
    with pytest.raises(
        ConfigError, match=rf"seal keys are {key_id(OTHER).hex()}, and this command has {key_id(NEW).hex()}.*--seal-keys FILE"
    ):
        link_for(own, [gate_with(2, OTHER)], ANNA)
