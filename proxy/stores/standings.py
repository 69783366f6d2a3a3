"""Standings in the store: `sg:{organization}:s:<account>` holds one, and comes back with every reservation of that account.

Rule 1: a change replaces exactly what it was made from: two who change one standing at once do not undo each other.
Rule 2: an account of which there is nothing to say has no key.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from functools import partial
from typing import Any

from proxy.core.ladder import Standing
from proxy.core.quota import Scope
from proxy.stores.connect import Connection
from proxy.stores.keys import RedisKeys

ORGANIZATIONS = "sg:accounts"
"""Account → organization, of those that are not their own."""

MOST_AT_ONCE = 1000
PATIENCE = 2.0

SCAN = 30.0
"""Deadline for looking through all keys, seconds."""

UNLESS_CHANGED = """
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
if ARGV[2] == '' then redis.call('DEL', KEYS[1]) else redis.call('SET', KEYS[1], ARGV[2]) end
return 1
"""


class RedisStandings:
    """Reads and changes standings. Everything raises `StoreError`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def find(self, account: str, organization: str) -> Standing:
        return Standing.parse(await self._text(_name(organization, account)))

    async def change(self, account: str, organization: str, how: Callable[[Standing], Standing]) -> Standing:
        """Replaces a standing by `how(standing)`, which is asked again where another was quicker. What it raises changes nothing."""
        name = _name(organization, account)
        while True:
            old = await self._text(name)
            new = how(Standing.parse(old))
            text = new.text()
            if text == old or await self._connection.run(partial(_swap, name, old, text), PATIENCE, name):
                return new

    async def all(self) -> AsyncIterator[tuple[str, str, Standing]]:
        """Organization, account and standing, of all that have one."""
        names = sorted(await self._connection.run(_names, SCAN))
        for start in range(0, len(names), MOST_AT_ONCE):
            some = names[start : start + MOST_AT_ONCE]
            texts = await self._connection.together([partial(_get, name) for name in some], PATIENCE)
            for name, text in zip(some, texts, strict=True):
                if text:
                    organization, _, account = name.removeprefix("sg:{").partition("}:s:")
                    yield organization, account, Standing.parse(text)

    async def met(self, organizations: Mapping[str, str]) -> None:
        """Remembers the organization of each account that has one of another name."""
        if named := {account: organization for account, organization in organizations.items() if organization != account}:
            await self._connection.run(lambda client: client.hset(ORGANIZATIONS, mapping=named), PATIENCE, ORGANIZATIONS)

    async def organization_of(self, account: str) -> str:
        """As a gateway met it, or as a key says; else it is its own."""
        found: str | None = await self._connection.run(lambda client: client.hget(ORGANIZATIONS, account), PATIENCE, ORGANIZATIONS)
        if found:
            return found
        said = [record.organization async for record in RedisKeys(self._connection).all() if record.account == account]
        return next(filter(None, said), account)

    async def is_known(self, account: str, organization: str) -> bool:
        """Has a gateway met it? It has used something, or is of an organization of another name."""
        name = f"sg:{{{organization}}}:u:{Scope.ACCOUNT}:{account}"
        used: int = await self._connection.run(lambda client: client.exists(name), PATIENCE, name)
        return bool(used) or bool(
            await self._connection.run(lambda client: client.hexists(ORGANIZATIONS, account), PATIENCE, ORGANIZATIONS)
        )

    async def holders(self) -> set[str]:
        """The accounts that have a key."""
        return {record.account async for record in RedisKeys(self._connection).all()}

    async def _text(self, name: str) -> str:
        return await self._connection.run(partial(_get, name), PATIENCE, name) or ""


def _name(organization: str, account: str) -> str:
    return f"sg:{{{organization}}}:s:{account}"


def _get(name: str, client: Any) -> Any:
    return client.get(name)


def _swap(name: str, old: str, new: str, client: Any) -> Any:
    return client.eval(UNLESS_CHANGED, 1, name, old, new)


async def _names(client: Any) -> set[str]:
    """A scan may show a key twice; in a cluster it asks every master."""
    return {name async for name in client.scan_iter(match="sg:{*}:s:*", count=1000)}
