"""The analyst's process: what it is made of, and that neither a bad policy nor a missing store keeps it from living and ending."""

import asyncio
import logging
from pathlib import Path

import aiohttp
import pytest

from proxy.app.analyst import AnalystProcess, Post, restored, store_that_runs
from proxy.config.settings import Settings
from proxy.core.risk import Risk
from proxy.errors import ConfigError
from tests.support.analysts import seen

RISK = "policy: learning\ntiers: {free: {}}\nrisk: {}\n"
NOWHERE = "redis://127.0.0.1:1/0"


def settings(folder: Path, policy: str = RISK) -> Settings:
    (folder / "policy.yaml").write_text(policy)
    return Settings(store=NOWHERE, state_dir=folder, policy=folder / "policy.yaml")


async def until(caplog: pytest.LogCaptureFixture, words: str) -> None:
    async with asyncio.timeout(10):
        while words not in caplog.text:
            await asyncio.sleep(0.02)


def test_an_analysis_comes_back_as_it_was() -> None:
    first = restored(Risk(on=True), b"", ())
    for number in range(5):
        first.learn(seen(number, f"a{number % 2}", opening=True, sketch=(1, 2, 3)))
    rest, profiles = first.changed()
    again = restored(Risk(on=True), rest, [(account, packed) for account, packed in profiles.items() if packed is not None])
    for each in (first, again):
        each.learn(seen(9, "a1", opening=True, sketch=(2, 3, 4)))
    assert first.changed() == again.changed()


def test_it_needs_a_store_that_runs(tmp_path: Path) -> None:
    assert store_that_runs(settings(tmp_path)) == NOWHERE
    with pytest.raises(ConfigError, match="no store: pass --store URL"):
        store_that_runs(Settings(state_dir=tmp_path))


async def test_a_bad_change_of_the_policy_is_not_used_and_a_missing_store_is_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    stopping, process = asyncio.Event(), AnalystProcess(settings(tmp_path), Post("one"))
    running = asyncio.ensure_future(process.run(stopping))
    await until(caplog, "the analyst waits for the store")
    (tmp_path / "policy.yaml").write_text("policy: learning\nrisc: {}\n")
    await until(caplog, "the policy was changed and is not used")
    (tmp_path / "policy.yaml").write_text(RISK + "mode: shadow\n")
    await until(caplog, "is in force (was")
    stopping.set()
    await running
    assert caplog.text.count("the analyst waits for the store") == 1


async def test_it_answers_its_supervisor(tmp_path: Path) -> None:
    stopping, answers = asyncio.Event(), tmp_path / "s"
    running = asyncio.ensure_future(
        AnalystProcess(settings(tmp_path, "policy: calm\ntiers: {free: {}}\n"), Post("one", answers)).run(stopping)
    )
    async with asyncio.timeout(10):
        while not answers.exists():
            await asyncio.sleep(0.01)
    async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(path=str(answers))) as session:
        async with session.get("http://worker/status") as answer:
            assert (await answer.json())["partitions"] == []
        async with session.get("http://worker/metrics") as answer:
            assert "stillgate_analyst_lag_seconds 0.0" in await answer.text()
    stopping.set()
    await running
    assert not answers.exists()
