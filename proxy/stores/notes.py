"""Short notes with an end, left for the gateways that serve an account's next requests: `sg:{organization}:n:<name>`.

They are not counted with, and nothing waits for them but who must: a note that is lost is treated as one that has ended.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import islice
from typing import Any

from proxy.core.facts import Account
from proxy.errors import StoreError
from proxy.stores.connect import Connection

log = logging.getLogger(__name__)

BATCH = 256
"""Notes in one trip."""

MOST_WAITING = 20_000
"""Notes that wait to be written; past it the oldest is dropped."""

PATIENCE = 1.0
"""Deadline of a trip, seconds."""


def note_key(organization: str, name: str) -> str:
    """Beside the organization's other keys, so that a reservation may read it."""
    return f"sg:{{{organization}}}:n:{name}"


class RedisNotes:
    """The notes of the `Store` port. `work` is a loop that a task group runs beside it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._waiting: OrderedDict[str, tuple[str, float]] = OrderedDict()
        self._more = asyncio.Event()

    def note(self, account: Account, name: str, text: str, seconds: float) -> None:
        """Written soon, where none of that name is there: what a conversation began as does not change."""
        self._waiting.setdefault(note_key(account.organization, name), (text, seconds))
        if len(self._waiting) > MOST_WAITING:
            self._waiting.popitem(last=False)
        self._more.set()

    async def work(self) -> None:
        """Writes notes as they come, for ever; what the store does not take is given up."""
        while True:
            await self._more.wait()
            self._more.clear()
            while self._waiting:
                batch = dict(islice(self._waiting.items(), BATCH))
                for key in batch:
                    del self._waiting[key]
                await self._write(batch, first=True)

    async def remember(self, account: Account, notes: Mapping[str, str], seconds: float) -> None:
        """Written when it returns, if the store answers; in place of what was there, and lasting from now."""
        found = {note_key(account.organization, name): (text, seconds) for name, text in notes.items()}
        await self._write(found, first=False)

    async def recall(self, account: Account, names: Sequence[str]) -> list[str | None]:
        """None for each that is not there, or where the store does not answer."""
        keys = [note_key(account.organization, name) for name in names]
        try:
            found: list[str | None] = await self._connection.run(lambda client: client.mget(keys), PATIENCE, keys[0])
        except StoreError:
            return [None] * len(names)
        return found

    async def _write(self, notes: Mapping[str, tuple[str, float]], *, first: bool) -> None:
        calls = [partial(_set, key, text, seconds, first) for key, (text, seconds) in notes.items()]
        try:
            await self._connection.each(calls, PATIENCE, list(notes))
        except StoreError as error:
            log.debug("%d notes were not written: %s", len(notes), error)


def _set(key: str, text: str, seconds: float, first: bool, client: Any) -> Any:  # noqa: FBT001  # `partial` fills it
    return client.set(key, text, px=max(1, round(seconds * 1000)), nx=first)
