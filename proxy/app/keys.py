"""API keys, for the command line: create, list, revoke, rotate; and the demo's."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from proxy.app.stores import PATIENCE
from proxy.core.keys import KeyRecord
from proxy.errors import ConfigError
from proxy.identity.base import usable
from proxy.identity.keys import digest_of, mint
from proxy.stores.connect import Connection
from proxy.stores.keys import RedisKeys

DEMO_DAY = 86400.0
"""Seconds that a demo key is valid: the same state directory may serve a real upstream next."""


def now() -> float:
    return time.time()  # noqa: TID251 (a command's rim)


@dataclass(frozen=True, slots=True)
class Keys:
    """The operations behind `stillgate keys`. All raise `ConfigError` for what cannot be and `StoreError`."""

    table: RedisKeys

    async def create(self, wanted: KeyRecord) -> tuple[str, KeyRecord]:
        """A new key, shown once, and its record: `wanted` with an id and a digest."""
        for name in (wanted.account, wanted.organization or wanted.account):
            if not usable(name):
                raise ConfigError(f"'{name[:50]}' cannot name an account: 1 to 200 printable characters and no braces")
        key, digest, key_id = mint()
        record = replace(wanted, id=key_id, digest=digest, issued=now())
        await self.table.put(record)
        return key, record

    async def list(self) -> list[KeyRecord]:
        return sorted([record async for record in self.table.all()], key=lambda record: (record.account, record.issued))

    async def revoke(self, key_id: str) -> KeyRecord:
        """At once; every gateway hears of it within a second or two."""
        return await self._change(key_id, lambda record: replace(record, revoked=True))

    async def rotate(self, key_id: str, grace: float) -> tuple[str, KeyRecord]:
        """A new key for the same holder; the old one is valid for `grace` seconds more. An end date holds for both."""
        old = await self.table.by_id(key_id)
        if old is None:
            raise _no_such(key_id)
        if old.replaced_by:
            raise ConfigError(f"{key_id} was rotated before; its heir is {old.replaced_by}, rotate that one")
        if not old.valid(now()):
            raise ConfigError(f"{key_id} is no longer valid; create a new key instead")
        key, record = await self.create(old)
        ends = now() + grace
        await self._change(
            key_id, lambda old: replace(old, expires=ends if old.expires is None else min(ends, old.expires), replaced_by=record.id)
        )
        return key, record

    async def _change(self, key_id: str, how: Callable[[KeyRecord], KeyRecord]) -> KeyRecord:
        if (record := await self.table.change(key_id, how)) is None:
            raise _no_such(key_id)
        return record


def _no_such(key_id: str) -> ConfigError:
    return ConfigError(f"there is no key {key_id}; `stillgate keys list` shows them")


async def demo_key(store_url: str, state_dir: Path) -> str:
    """A key for trying it, the same at every start with one state directory."""
    path = state_dir / "demo-key"
    key = await asyncio.to_thread(lambda: path.read_text().strip() if path.exists() else "")
    connection = Connection(store_url, PATIENCE)
    try:
        table = RedisKeys(connection)
        known = await table.find(digest_of(key)) if key else None
        if known is not None and known.valid(now()):
            return key
        key, _ = await Keys(table).create(KeyRecord(id="", digest="", account="demo", name="made by --demo", expires=now() + DEMO_DAY))
        await asyncio.to_thread(_keep, path, key)
        return key
    finally:
        await connection.close()


def _keep(path: Path, key: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.touch(mode=0o600)
    path.write_text(key + "\n")
