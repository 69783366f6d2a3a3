"""The file of seal keys: what may stand in it, what is said of what may not, and that it is followed without a restart."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import ConfigError
from proxy.sealing import keyfile
from proxy.sealing.keyfile import LARGEST, KeyFile, load, parse
from proxy.sealing.keyring import Keyring, key_id

ONE, TWO, THREE = (f"{name} secret of at least 32 characters" for name in ("the first", "the second", "the third"))
CANARY = "canary"
EVERY = 0.005

SECRETS = st.lists(st.text(st.characters(categories=["L", "N", "P", "S"], exclude_characters="#"), min_size=32, max_size=40), unique=True)
NOISE = st.sampled_from(["", "  ", "# a comment", "  # one more", "\r"])


@given(SECRETS.filter(bool), st.lists(NOISE, max_size=4), st.sampled_from(["\n", "\r\n"]))
def test_what_stands_in_the_file_is_taken_in_its_order(secrets: list[str], noise: list[str], ending: str) -> None:
    lines = [*noise, *(f"  {secret}\t" for secret in secrets), *noise]
    assert parse(ending.join(lines), "keys") == tuple(secret.encode() for secret in secrets)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"# one\n{CANARY}\n", "keys:2: must have at least 32 characters"),
        (f"{ONE}\n\n{CANARY} \0 and enough characters to be long\n", "keys:3: holds a control character"),
        (f"{ONE}\n{TWO}\n {ONE}\n", "keys:3: has the same key as line 1"),
        ("", "keys: holds no seal key; `stillgate seal rotate` puts one in"),
        ("# canary canary canary canary canary canary\n", "keys: holds no seal key"),
    ],
)
def test_what_is_wrong_is_told_with_its_line_and_without_its_content(text: str, said: str) -> None:
    with pytest.raises(ConfigError) as error:
        parse(text, "keys")
    assert said in str(error.value)
    assert CANARY not in str(error.value)
    assert "secret" not in str(error.value)


def test_files_that_cannot_be_used(tmp_path: Path) -> None:
    """Where there is no such file, a secret may stand in its place: its name is not shown."""
    (tmp_path / "large").write_bytes(b"#" * (LARGEST + 1))
    (tmp_path / "torn").write_bytes(ONE.encode() + b"\n\xff" + CANARY.encode())
    os.mkfifo(tmp_path / "pipe")
    for name, said in {
        f"no-{CANARY}": "the file of the seal keys cannot be read: No such file or directory",
        f"{CANARY}\0": "the file of the seal keys cannot be read: its name is none",
        "": "the file of the seal keys is not a file",
        "pipe": "the file of the seal keys is not a file",
        "large": "large: is larger than 16 KiB",
        "torn": "torn:2: is not UTF-8 text",
    }.items():
        with pytest.raises(ConfigError) as error:
            load(tmp_path / name)
        assert said in str(error.value)
        assert CANARY not in str(error.value)


def ids(*secrets: str) -> tuple[str, ...]:
    return tuple(key_id(secret.encode()).hex() for secret in secrets)


@asynccontextmanager
async def following(path: Path, every: float = EVERY) -> AsyncIterator[Keyring]:
    """A keyring that follows a file."""
    ring = Keyring(*load(path))
    async with asyncio.TaskGroup() as group:
        loop = group.create_task(KeyFile(path, ring, every).follow())
        yield ring
        loop.cancel()


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not true():
            await asyncio.sleep(EVERY)


def replaced(path: Path, text: str) -> None:
    fresh = path.with_suffix(".new")
    fresh.write_text(text)
    fresh.replace(path)


async def test_a_change_is_in_force_without_a_restart(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    path = tmp_path / "keys"
    path.write_text(ONE)
    async with following(path) as ring:
        replaced(path, f"{TWO}\n{ONE}\n")
        await until(lambda: ring.ids == ids(TWO, ONE))
        path.write_text(f"# written in place\n{THREE}\n{TWO}\n")
        await until(lambda: ring.ids == ids(THREE, TWO))
    assert len(caplog.messages) == 2
    assert ids(THREE)[0] in caplog.text
    assert "secret" not in caplog.text


@pytest.mark.slow
async def test_a_change_is_in_force_within_two_seconds(tmp_path: Path) -> None:
    """A change counts once two looks have seen it."""
    path = tmp_path / "keys"
    path.write_text(ONE)
    async with following(path, keyfile.EVERY) as ring:
        await asyncio.sleep(0)
        replaced(path, TWO)
        await until(lambda: ring.ids == ids(TWO))
    assert 3 * keyfile.EVERY < 2.0


async def test_the_link_that_kubernetes_swaps_is_followed(tmp_path: Path) -> None:
    for number, text in enumerate((ONE, f"{TWO}\n{ONE}")):
        (tmp_path / f"..{number}").mkdir()
        (tmp_path / f"..{number}" / "keys").write_text(text)
    (tmp_path / "..data").symlink_to("..0")
    (tmp_path / "keys").symlink_to("..data/keys")
    async with following(tmp_path / "keys") as ring:
        (tmp_path / "..fresh").symlink_to("..1")
        (tmp_path / "..fresh").replace(tmp_path / "..data")
        await until(lambda: ring.ids == ids(TWO, ONE))


async def test_a_bad_file_keeps_the_last_good_keys_and_is_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    path = tmp_path / "keys"
    path.write_text(ONE)
    async with following(path) as ring:
        replaced(path, f"{ONE}\n{CANARY}")
        await until(lambda: len(caplog.messages) == 1)
        assert f"those from before stay in force: {path}:2: must have at least 32 characters" in caplog.text
        path.unlink()
        await until(lambda: len(caplog.messages) == 2)
        assert "cannot be read" in caplog.messages[1]
        assert ring.ids == ids(ONE)
        path.write_text(ONE)
        await until(lambda: len(caplog.messages) == 3)
        assert "can be used again" in caplog.messages[2]
        replaced(path, TWO)
        await until(lambda: ring.ids == ids(TWO))
    assert CANARY not in caplog.text
    assert len(caplog.messages) == 4


def test_what_is_seen_once_is_not_taken() -> None:
    """As when somebody writes in place, and the look falls between two writes."""
    ring = Keyring(ONE.encode())
    file = KeyFile(Path("keys"), ring)
    for found in ((TWO.encode(),), "keys: holds no seal key", (ONE.encode(), TWO.encode())):
        file._take(found)
        assert ring.ids == ids(ONE)
    file._take((ONE.encode(), TWO.encode()))
    assert ring.ids == ids(ONE, TWO)


def test_what_is_wrong_again_is_told_again_and_in_between_only_once(caplog: pytest.LogCaptureFixture) -> None:
    file = KeyFile(Path("keys"), Keyring(ONE.encode()))
    for found in ["wrong"] * 5 + ["otherwise"] * 5 + [(TWO.encode(),)] * 3 + ["wrong"] * 5:
        file._take(found)
    assert [message.rpartition(": ")[2] for message in caplog.messages] == ["wrong", "otherwise", "wrong"]
