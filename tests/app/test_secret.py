"""Where the keys that seal come from: a file that is followed, or the secret."""

import asyncio
from pathlib import Path

import pytest

from proxy.app import secret
from proxy.config.settings import Settings
from proxy.errors import ConfigError
from proxy.sealing.rotation import rotate, shown


def test_without_a_file_the_key_is_the_secrets_own(tmp_path: Path) -> None:
    made, again = (secret.keyring(Settings(state_dir=tmp_path / "one")) for _ in range(2))
    other = secret.keyring(Settings(state_dir=tmp_path / "two"))
    assert made.ids == again.ids != other.ids
    one, two = (secret.keyring(Settings(state_dir=tmp_path / name, secret="sixteen characters")) for name in ("one", "two"))  # type: ignore[arg-type]
    assert one.ids == two.ids != made.ids


def test_the_file_outranks_the_secret(tmp_path: Path) -> None:
    rotate(tmp_path / "keys")
    settings = Settings(seal_keys=tmp_path / "keys", secret="sixteen characters", state_dir=tmp_path / "state")  # type: ignore[arg-type]
    assert secret.keyring(settings).ids == shown(tmp_path / "keys")
    assert not (tmp_path / "state").exists()
    with pytest.raises(ConfigError, match="cannot be read"):
        secret.keyring(Settings(seal_keys=tmp_path / "nowhere"))


def test_other_gateways_can_have_keys_that_are_configured(tmp_path: Path) -> None:
    assert not secret.shared(Settings(state_dir=tmp_path))
    assert secret.shared(Settings(secret="sixteen characters"))  # type: ignore[arg-type]
    assert secret.shared(Settings(seal_keys=tmp_path / "keys"))


async def test_the_file_is_followed_where_there_is_one(tmp_path: Path) -> None:
    without = Settings(state_dir=tmp_path)
    await secret.follow(without, secret.keyring(without))
    path = tmp_path / "keys"
    rotate(path)
    settings = Settings(seal_keys=path)
    ring = secret.keyring(settings)
    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        loop = group.create_task(secret.follow(settings, ring))
        rotate(path)
        while ring.ids != shown(path):
            await asyncio.sleep(0.01)
        loop.cancel()


def test_who_hashes_alike_says_the_same_name(tmp_path: Path) -> None:
    one, two = (secret.hashing_id(Settings(state_dir=tmp_path / name, secret="sixteen characters")) for name in ("one", "two"))  # type: ignore[arg-type]
    made, again, other = (secret.hashing_id(Settings(state_dir=tmp_path / name)) for name in ("one", "one", "two"))
    assert one == two
    assert made == again
    assert len({one, made, other}) == 3
