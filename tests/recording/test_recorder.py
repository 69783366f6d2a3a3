"""Recordings: lines that a replay reads, whole or not at all, bounded, and never in anybody's way."""

import asyncio
import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest

from proxy.core.facts import Account, Ask, Ending, Operation, Outcome, Usage
from proxy.core.policy import Recording
from proxy.gateway.ports import Recorded
from proxy.learning.observe import Client, Finished, observe
from proxy.learning.sketch import Keyed
from proxy.recording import recorder as recording
from proxy.recording.recorder import FileRecorder, line
from proxy.replay.trace import Exchange, parsed
from tests.support.canaries import Canaries
from tests.support.meters import until
from tests.support.openings import body

KEY = Keyed(b"the operator's")
CLIENT = Client("203.0.113.7", "sdk/1", "t13d", "Host,Accept")
ANN = Account("ann", "acme", "free", created=5.0, verified=True, programme="research", payment="card-1")


def recorded(number: int = 1, *, text: bool = True, raw: bytes = b"", account: Account = ANN, client: Client = CLIENT) -> Recorded:
    raw = raw or body("openai_chat", "How many are\ntwo times three?", model="m1")
    ask = Ask(Operation.CHAT, "m1", output_cap=9)
    outcome = Outcome(200, Ending.COMPLETE, Usage(9, 6, reasoning=2), reported=True, ended_at=2.0)
    seen = observe("openai_chat", raw, ask, account, client, outcome, 1.0, f"r{number}", KEY)
    return Recorded(seen, Finished(1.0, f"r{number}", account, "openai_chat", ask, client, outcome), raw if text else b"")


def recorder(folder: Path, **parts: Any) -> FileRecorder:
    (folder / "policy.yaml").touch()
    return FileRecorder("gate-1", folder / "policy.yaml", Recording("traces", **({"text": True} | parts)))


def told(exchange: Recorded, *, text: bool = True) -> bytes:
    return line(exchange, text=text)


def lines(folder: Path) -> list[bytes]:
    return (folder / "traces" / "gate-1.jsonl").read_bytes().splitlines(keepends=True)


@pytest.mark.parametrize("indent", [None, 2])
def test_a_line_with_text_is_a_line_of_a_trace(indent: int | None) -> None:
    raw = json.dumps(json.loads(recorded().request), indent=indent).encode()
    found = parsed(7, told(recorded(raw=raw)))
    assert isinstance(found, Exchange)
    assert (found.account, found.client, found.at, found.reference) == (ANN, CLIENT, 1.0, "r1")
    assert (found.dialect, found.model, found.status) == ("openai_chat", "m1", 200)
    assert (found.usage, found.seen) == (Usage(9, 6, reasoning=2), None)
    assert json.loads(found.request) == json.loads(raw)
    assert told(recorded(raw=raw)).count(b"\n") == 1


def test_a_line_without_text_says_what_was_learned_and_nothing_else() -> None:
    canaries = Canaries()
    word = canaries.word
    account = Account("ann", "acme", "free", payment=word("payment"))
    client = Client(word("address"), word("user agent"), word("tls"), word("headers"))
    exchange = recorded(text=False, raw=body("openai_chat", word("prompt"), word("instructions")), account=account, client=client)
    written = told(exchange)
    assert canaries.found_in(written) == []
    found = parsed(7, written)
    assert isinstance(found, Exchange)
    assert (found.seen, found.request) == (exchange.seen, b"")
    assert (found.account.id, found.account.organization) == ("ann", "acme")
    said = json.loads(written)
    assert said["account_facts"]["payment"] == f"{exchange.seen.payment:016x}"
    assert said["client"] == {"address": f"{exchange.seen.address:016x}", "headers": f"{exchange.seen.software:016x}"}


def test_what_was_not_known_is_not_hashed() -> None:
    found = json.loads(told(recorded(text=False, account=Account("ann", "ann", ""), client=Client(""))))
    assert (found["client"], found["account_facts"]["payment"]) == ({"address": "", "headers": ""}, "")


async def test_the_loop_appends_to_a_file_of_its_own_that_nobody_else_may_read(tmp_path: Path) -> None:
    found = recorder(tmp_path)
    async with asyncio.TaskGroup() as group:
        loop = group.create_task(found.work())
        found.record(recorded(1))

        async def written() -> int:
            return len(lines(tmp_path)) if (tmp_path / "traces" / "gate-1.jsonl").exists() else 0

        await until(written, lambda count: count == 1)
        found.record(recorded(2))
        await until(written, lambda count: count == 2)
        loop.cancel()
    assert lines(tmp_path) == [told(recorded(1)), told(recorded(2))]
    assert (tmp_path / "traces" / "gate-1.jsonl").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "traces").stat().st_mode & 0o777 == 0o700


async def test_the_policy_moves_it_and_ends_it(tmp_path: Path) -> None:
    found = FileRecorder("gate-1", tmp_path, Recording(str(tmp_path / "traces"), text=True))
    found.record(recorded(1))
    await found.flush()
    found.use(Recording("other"))
    found.record(recorded(2))
    await found.flush()
    found.use(Recording())
    found.record(recorded(3))
    await found.flush()
    assert lines(tmp_path) == [told(recorded(1))]
    assert (tmp_path / "other" / "gate-1.jsonl").read_bytes() == told(recorded(2), text=False), "text is wanted no longer"
    assert found.take_dropped() == 0


async def test_a_full_disk_tears_no_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    found = recorder(tmp_path)
    found.record(recorded(1))
    await found.flush()
    room, write = 100, os.write

    def scarce(file: int, data: bytes) -> int:
        nonlocal room
        if not room:
            raise OSError(errno.ENOSPC, "No space left on device")
        some, room = min(room, len(data)), room - min(room, len(data))
        return write(file, data[:some])

    monkeypatch.setattr(recording.os, "write", scarce)
    for number in (2, 3):
        found.record(recorded(number))
        await found.flush()
    assert lines(tmp_path) == [told(recorded(1))]
    assert (found.take_dropped(), found.take_dropped()) == (2, 0)
    assert [record.getMessage() for record in caplog.records if "No space left" in record.getMessage()] == [
        f"exchanges cannot be recorded in {tmp_path / 'traces'}: No space left on device"
    ]
    room = 1 << 20
    found.record(recorded(4))
    await found.flush()
    assert lines(tmp_path) == [told(recorded(1)), told(recorded(4))]


async def test_a_place_that_cannot_be_is_said_and_counted(tmp_path: Path) -> None:
    (tmp_path / "traces").write_text("a file")
    found = recorder(tmp_path)
    found.record(recorded(1))
    await found.flush()
    assert found.take_dropped() == 1


async def test_what_waits_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording, "MOST_WAITING", 3)
    found = recorder(tmp_path)
    for number in range(5):
        found.record(recorded(number))
    assert found.take_dropped() == 2
    await found.flush()
    monkeypatch.setattr(recording, "MOST_BYTES", 2 * len(recorded().request))
    for number in (5, 6, 7):
        found.record(recorded(number))
    found.record(recorded(8, text=False))
    assert found.take_dropped() == 1
    await found.flush()
    assert [json.loads(each)["id"] for each in lines(tmp_path)] == ["r0", "r1", "r2", "r5", "r6", "r8"]
