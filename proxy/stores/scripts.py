"""The Lua scripts, loaded once and called by digest. Files under `lua/`; `common.lua` stands in front of each."""

import hashlib
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from redis.exceptions import NoScriptError

from proxy.errors import StoreError
from proxy.stores.connect import Connection

NAMES = ("reserve", "extend", "settle", "release", "renew", "inspect", "sign", "append")


class Script:
    """One script's text and its digest (what `EVALSHA` takes)."""

    def __init__(self, name: str) -> None:
        folder = files("proxy.stores") / "lua"
        self.name = name
        self.text = (folder / "common.lua").read_text() + (folder / f"{name}.lua").read_text()
        self.digest = hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()


@cache
def script(name: str) -> Script:
    return Script(name)


class Call:
    """One call of a script, which can be made on a client or on a pipeline."""

    def __init__(self, name: str, keys: Sequence[str], args: Sequence[object]) -> None:
        self.script = script(name)
        self.key = keys[0]
        self._arguments = (len(keys), *keys, *args)

    def by_digest(self, client: Any) -> Any:
        return client.evalsha(self.script.digest, *self._arguments)

    def by_text(self, client: Any) -> Any:
        """Loads it as it runs: after a restart, a failover or SCRIPT FLUSH."""
        return client.eval(self.script.text, *self._arguments)


async def run(connection: Connection, call: Call, deadline: float | None = None) -> Any:
    """One round trip; two, once, on a server that has never seen the script. Raises `StoreError`."""
    try:
        return await connection.run(call.by_digest, deadline, call.key)
    except StoreError as error:
        if not isinstance(error.__cause__, NoScriptError):
            raise
        return await connection.run(call.by_text, deadline, call.key)


async def run_all(connection: Connection, calls: Sequence[Call], deadline: float) -> list[Any]:
    """Several in one trip. What failed is an exception in its place. Raises `StoreError` where none arrived."""
    results = await connection.each([call.by_digest for call in calls], deadline, [call.key for call in calls])
    again = [index for index, result in enumerate(results) if isinstance(result, NoScriptError)]
    if again:
        keys = [calls[index].key for index in again]
        for index, result in zip(again, await connection.each([calls[index].by_text for index in again], deadline, keys), strict=True):
            results[index] = result
    return results
