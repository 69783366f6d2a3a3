"""What one worker makes of its policy: at the start and at each change."""

import asyncio
import logging
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from proxy.app import secret
from proxy.app.worker import Gateway, Place
from proxy.config.policy import compile_text
from proxy.config.settings import Settings, Upstream
from proxy.errors import ConfigError
from proxy.stores.door import RedisDoor
from tests.support.gateway import stillgate
from tests.support.policies import policy

STORE = "redis://127.0.0.1:1/0"
SHADOW = "policy: quiet\nmode: shadow\ntiers: {free: {}}\nrisk: {}\n"
OWN = policy(identity=("keys", "upstream"))


def settings(folder: Path, **parts: str) -> Settings:
    (folder / "policy.yaml").write_text(SHADOW)
    return Settings(store=STORE, state_dir=folder, policy=folder / "policy.yaml", upstreams=(Upstream(url="http://model"),), **parts)


@pytest.fixture
def door() -> Iterator[socket.socket]:
    with socket.socket() as sock:
        yield sock


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    found = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    caplog.clear()
    return found


async def test_the_first_worker_says_what_of_the_policy_is_not_in_force(
    tmp_path: Path, door: socket.socket, caplog: pytest.LogCaptureFixture
) -> None:
    said = compile_text(SHADOW)
    assert said.notes
    wanted = [f"policy quiet: {words}" for words in said.notes]
    first, second = (Gateway(settings(tmp_path), Place(index, door, tmp_path / "answers", with_store=True)) for index in (0, 1))
    assert warnings(caplog) == wanted, "once, at the start"
    first._use(compile_text(SHADOW))
    assert warnings(caplog) == wanted, "and once more with each change"
    second._use(compile_text(SHADOW))
    assert warnings(caplog) == []


def test_gateways_that_may_share_a_store_need_one_secret(tmp_path: Path) -> None:
    secret.check(settings(tmp_path), policy(), embedded=False)
    secret.check(settings(tmp_path), OWN, embedded=True)
    secret.check(settings(tmp_path, secret="sixteen characters"), OWN, embedded=False)
    with pytest.raises(ConfigError, match="set STILLGATE_SECRET to the same text on every gateway"):
        secret.check(settings(tmp_path), OWN, embedded=False)


async def test_a_change_of_the_policy_that_would_need_a_secret_is_not_used(tmp_path: Path, door: socket.socket) -> None:
    with pytest.raises(ConfigError, match="STILLGATE_SECRET"):
        Gateway(settings(tmp_path), Place(0, door, tmp_path / "answers"))._check(OWN)


@pytest.mark.slow
async def test_serve_does_not_start_without_it(tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text("mode: enforce\nidentity: {from: [upstream]}\ntiers: {free: {}}\n")
    await stillgate(
        "serve", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--state-dir", str(tmp_path), "--upstream", "http://127.0.0.1:1",
        "--store", STORE, "--policy", str(tmp_path / "policy.yaml"), code=2,
    )  # fmt: skip


async def test_workers_share_from_the_start(tmp_path: Path, door: socket.socket) -> None:
    store = Gateway(settings(tmp_path).model_copy(update={"workers": 3}), Place(1, door, tmp_path / "answers"))._store
    assert (store.gateways, store.index) == (3, 1)


async def test_a_worker_that_goes_closes_its_door(tmp_path: Path, door: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[RedisDoor] = []

    async def close(self: RedisDoor) -> None:
        closed.append(self)
        await self._connection.close()

    monkeypatch.setattr(RedisDoor, "close", close)
    door.bind(("127.0.0.1", 0))
    door.listen()
    gateway, stopping = Gateway(settings(tmp_path), Place(0, door, tmp_path / "answers")), asyncio.Event()
    stopping.set()
    await gateway.run(stopping)
    assert closed == [gateway._door]
