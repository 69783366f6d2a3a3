"""Single flight: several who want the same thing at once wait for one look-up."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from proxy.errors import StillgateError

T = TypeVar("T")


class Flights(Generic[T]):
    """Look-ups under way, by name."""

    def __init__(self) -> None:
        self._flying: dict[str, asyncio.Future[T]] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._flying

    async def fly(self, name: str, work: Callable[[], Awaitable[T]]) -> T:
        """What `work` gives, shared with all who ask meanwhile; so is an error of ours that it raises.

        A leader that is cancelled does not take the others down: the next of them leads.
        """
        while (ahead := self._flying.get(name)) is not None:
            await asyncio.wait({ahead})
            if not ahead.cancelled():
                return ahead.result()
        mine = self._flying[name] = asyncio.get_running_loop().create_future()
        try:
            result = await work()
        except StillgateError as error:
            mine.set_exception(error)
            mine.exception()  # marks it as seen: perhaps nobody else waits
            raise
        else:
            mine.set_result(result)
            return result
        finally:
            del self._flying[name]
            mine.cancel()  # changes nothing once there is a result
