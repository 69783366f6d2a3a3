"""What all commands that look into the store share: its flags, a connection for one piece of work, and durations."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import click

from proxy.app.stores import connected
from proxy.config import settings
from proxy.config.measures import duration
from proxy.config.numbers import NUMBER
from proxy.errors import ConfigError
from proxy.stores.connect import Connection

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])


def store_options(command: F) -> F:
    """The flags that say which store."""
    for add in (
        click.option("--settings", "settings_file", metavar="FILE", help="The settings file, as given to serve."),
        click.option("--state-dir", metavar="DIR", help="The state directory, as given to serve."),
        click.option("--store", metavar="URL", help="The store, as given to serve. [the embedded one of --state-dir]"),
    ):
        command = add(command)
    return command


def given(flags: dict[str, Any]) -> dict[str, Any]:
    """Those that were given."""
    return {name: value for name, value in flags.items() if value is not None}


def with_store(flags: dict[str, Any], work: Callable[[Connection], Awaitable[T]]) -> T:
    """Does `work` on the store that the flags say."""

    async def run() -> T:
        async with connected(settings.load(flags)) as connection:
            return await work(connection)

    return asyncio.run(run())


def seconds_of(text: str) -> float:
    """`90d` and the like. A number alone is seconds in a policy; whoever types a command may mean days. Raises `ConfigError`."""
    if re.fullmatch(NUMBER, text.strip()):
        raise ConfigError(
            f"'{text.strip()}' says no unit of time; write {text.strip()}s, {text.strip()}m, {text.strip()}h or {text.strip()}d"
        )
    try:
        return duration(text)
    except ValueError as error:
        raise ConfigError(str(error)) from None
