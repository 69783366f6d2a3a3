"""Who learns from which partition, and what becomes of a shift: over leases and stores in memory."""

import asyncio
import logging
from collections.abc import Mapping

import pytest

from proxy.analyst import rota as rotas
from proxy.analyst import shift as shifts
from proxy.analyst.ports import TakenError
from proxy.analyst.rota import Rota
from proxy.core.ladder import Rung, Steps
from proxy.errors import StoreError
from tests.support.analysts import CountingAnalysis, World, seen, watchful


class Register:
    """Leases of one partition each, shared by analysts of several names."""

    def __init__(self) -> None:
        self.owners: dict[int, str] = {}
        self.numbers: dict[int, int] = {}
        self.names: set[str] = set()
        self.away = False

    def of(self, name: str) -> "Leases":
        return Leases(self, name)


class Leases:
    def __init__(self, register: Register, name: str) -> None:
        self._register = register
        self._name = name

    def _there(self) -> Register:
        if self._register.away:
            raise StoreError("away")
        return self._register

    async def sign(self, says: Mapping[str, object]) -> int:
        register = self._there()
        register.names.add(self._name)
        return len(register.names)

    async def acquire(self, partition: int) -> int:
        register = self._there()
        if register.owners.setdefault(partition, self._name) != self._name:
            return 0
        register.numbers[partition] = register.numbers.get(partition, 0) + 1
        return register.numbers[partition]

    async def renew(self, partition: int, ownership: int) -> bool:
        register = self._there()
        return register.owners.get(partition) == self._name and register.numbers[partition] == ownership

    async def release(self, partition: int, ownership: int) -> None:
        register = self._there()
        if register.owners.get(partition) == self._name and register.numbers[partition] == ownership:
            del register.owners[partition]


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beats and pauses that a test can wait for."""
    for module, name in ((rotas, "BEAT"), (shifts, "BEAT"), (shifts, "LINGER"), (shifts, "LONGEST_PAUSE")):
        monkeypatch.setattr(module, name, 0.01)


def a_rota(register: Register, name: str, worlds: list[World]) -> Rota:
    return Rota(register.of(name), lambda partition, _: worlds[partition].ports(), CountingAnalysis.restored, lambda: 0.0, watchful())


async def until(condition: object) -> None:
    async with asyncio.timeout(10):
        while not condition():  # type: ignore[operator]
            await asyncio.sleep(0.005)


async def test_what_comes_is_learned_and_at_the_end_all_is_remembered_and_free() -> None:
    register, worlds, stopping = Register(), [World(), World()], asyncio.Event()
    rota = a_rota(register, "one", worlds)
    running = asyncio.ensure_future(rota.run(2, stopping, dict))
    worlds[0].add(*(seen(n) for n in range(5)))
    worlds[1].add(seen(1, "bert"))
    await until(lambda: set(rota.analysts) == {0, 1} and "anna" in worlds[0].standings and "bert" in worlds[1].scores)
    stopping.set()
    await running
    assert (worlds[0].memory.mark, worlds[1].memory.mark) == ("5-0", "1-0")
    assert (register.owners, rota.analysts) == ({}, {})


async def test_who_joins_finds_something_to_do() -> None:
    register, worlds, stopping = Register(), [World() for _ in range(5)], asyncio.Event()
    first, second = a_rota(register, "one", worlds), a_rota(register, "two", worlds)
    running = [asyncio.ensure_future(first.run(5, stopping, dict))]
    await until(lambda: len(first.analysts) == 5)
    running.append(asyncio.ensure_future(second.run(5, stopping, dict)))
    await until(lambda: sorted(register.owners.values()) == ["one"] * 3 + ["two"] * 2)
    await until(lambda: len(second.analysts) == 2)
    stopping.set()
    await asyncio.gather(*running)
    assert register.owners == {}


async def test_another_policy_holds_from_the_next_round_on_and_what_was_learned_stays() -> None:
    register, worlds, stopping = Register(), [World()], asyncio.Event()
    rota = a_rota(register, "one", worlds)
    running = asyncio.ensure_future(rota.run(1, stopping, dict))
    worlds[0].add(*(seen(n) for n in range(5)))
    await until(lambda: "anna" in worlds[0].standings)
    rota.policy = watchful(Steps({Rung.DEGRADED: 30}), digest="two")
    await until(lambda: worlds[0].standings["anna"].rung is Rung.DEGRADED)
    stopping.set()
    await running
    assert (worlds[0].memory.policy, worlds[0].counted["learned"]) == ("two", 5)


async def test_while_the_store_is_away_everything_waits_and_one_line_says_so(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    register, worlds, stopping = Register(), [World()], asyncio.Event()
    rota = a_rota(register, "one", worlds)
    running = asyncio.ensure_future(rota.run(1, stopping, dict))
    await until(lambda: rota.analysts)
    register.away = True
    for _ in range(3):
        worlds[0].failing = {"read": StoreError("away")}
        await until(lambda: not worlds[0].failing)
    register.away = False
    worlds[0].add(seen(1))
    await until(lambda: worlds[0].counted["learned"] == 1)
    stopping.set()
    await running
    lost = [message for message in caplog.messages if "waits for the store" in message]
    back = [message for message in caplog.messages if "answers the analyst again" in message]
    assert len(lost) == len(back) >= 1
    assert set(caplog.messages) == {*lost, *back}


async def test_who_was_replaced_begins_anew(caplog: pytest.LogCaptureFixture) -> None:
    register, worlds, stopping = Register(), [World()], asyncio.Event()
    rota = a_rota(register, "one", worlds)
    running = asyncio.ensure_future(rota.run(1, stopping, dict))
    await until(lambda: rota.analysts)
    worlds[0].failing = {"read": TakenError("another analyst is its owner now")}
    await until(lambda: register.numbers[0] == 2)
    worlds[0].add(seen(1))
    await until(lambda: worlds[0].counted["learned"] == 1)
    register.owners[0] = "two"
    await until(lambda: not rota.analysts)
    stopping.set()
    await running
    assert register.owners == {0: "two"}
    assert [message for message in caplog.messages if "another analyst is its owner now" in message]


async def test_a_store_that_does_not_come_back_does_not_keep_it_from_ending(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shifts, "FLUSH", 0.05)
    register, worlds, stopping = Register(), [World()], asyncio.Event()
    rota = a_rota(register, "one", worlds)
    running = asyncio.ensure_future(rota.run(1, stopping, dict))
    await until(lambda: rota.analysts)
    worlds[0].add(seen(1))
    await until(lambda: worlds[0].counted["learned"] == 1)
    register.away, worlds[0].failing = True, {"save": StoreError("away")}
    stopping.set()
    async with asyncio.timeout(5):
        await running
