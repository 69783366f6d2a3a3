"""A real store with what an analyst has published on it, and the commands that read it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import click
from click.testing import CliRunner, Result

from proxy.analyst.records import Moment
from proxy.core.ladder import Rung, Standing
from proxy.stores.board import RedisBoard
from proxy.stores.connect import Connection
from proxy.stores.standings import RedisStandings
from tests.support.campaigns import AT, RECORD, campaign

T = TypeVar("T")

THROTTLED = Standing(Rung.THROTTLED, AT + 86400, 69.0, AT + 86400, RECORD.score.because)


class Shell:
    """A command as it is typed, on one store."""

    def __init__(self, command: click.Command, store: str, state: str) -> None:
        self.command = command
        self.store = store
        self.flags = ["--store", store, "--state-dir", state]

    def __call__(self, *words: str) -> Result:
        """The flags stand first where the command has commands of its own."""
        given = [*self.flags, *words] if isinstance(self.command, click.Group) else [*words, *self.flags]
        return CliRunner().invoke(self.command, given, catch_exceptions=False)

    def on(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        """Does it on the store."""

        async def run() -> T:
            connection = Connection(self.store, 5.0)
            try:
                return await work(connection)
            finally:
                await connection.close()

        return asyncio.run(run())


async def publish(connection: Connection) -> Any:
    """Two campaigns, a member's score and standing, and one of its requests."""
    board = RedisBoard(connection)
    await board.put_campaigns([campaign(), campaign("c4", 30)])
    await board.put_scores({"account-2": RECORD})
    await board.put_requests([Moment("sg_then", "account-2", "house-2", AT + 90_000), Moment("sg_before", "account-2", "house-2", AT)])
    standings = RedisStandings(connection)
    await standings.met({"account-2": "house-2"})
    await standings.change("account-2", "house-2", lambda _: THROTTLED)
