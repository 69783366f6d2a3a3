"""What an identity source is, and what all sources share: their tools, their settings, what counts as a name.

A source is one file with one class, and one line in the catalogue (`identity/__init__.py`). It knows no other source.
"""

import math
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import ClassVar, Generic, Protocol, TypeVar

from proxy.core.enforcement import Reason
from proxy.core.facts import Account
from proxy.errors import CallerError, ConfigError
from proxy.gateway.ports import Arrival
from proxy.identity.records import Records

Settings = Mapping[str, object]
"""A source's own part of the policy, `identity: {<source>: …}`."""

LONGEST_NAME = 200
"""Characters of an account's or organization's name."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Tools:
    """What a source may work with."""

    records: Records
    fetch: Callable[[str], Awaitable[bytes]]
    """A small document by its URL. Raises `UpstreamError`."""
    secret: bytes
    """The operator's: keys the hashes of what must not be known."""
    clock: Callable[[], float]
    """Seconds; only differences count. A token's or key's own times are read against the arrival's."""


class Source(Protocol):
    """One way to know who asks."""

    wanted: ClassVar[str]
    """What a caller can send it, in words that follow "Send "."""

    def check(self, settings: Settings) -> None:
        """Raises `ConfigError` where `settings` cannot be used."""

    async def identify(self, arrival: Arrival, credential: str, settings: Settings) -> Account | None:
        """Who asks; None where there is nothing for this source. `credential` is "" where the request has none.

        Raises `CallerError` 401 for what is this source's and not valid, `StoreError` where it cannot be told.
        """


class Reading(Generic[T]):
    """A source's settings, read once per policy and not once per request."""

    def __init__(self, read: Callable[[Settings], T]) -> None:
        self._read = read
        self._last: tuple[Settings, T] | None = None

    def __call__(self, settings: Settings) -> T:
        """Raises `ConfigError`."""
        if self._last is None or self._last[0] is not settings:
            self._last = (settings, self._read(settings))
        return self._last[1]


def refusal(message: str) -> CallerError:
    """The one shape of a failed login. `message` never holds any part of a credential."""
    return CallerError(message, status=401, code=Reason.UNAUTHENTICATED.value)


def usable(name: str) -> bool:
    """May `name` name an account? A brace would end the hash tag that keeps an organization in one part of the store."""
    return 1 <= len(name) <= LONGEST_NAME and name.isprintable() and not {"{", "}"} & set(name)


def text(settings: Settings, source: str, name: str, default: str = "") -> str:
    """The setting `name`, a text. Raises `ConfigError`."""
    value = settings.get(name, default)
    if not isinstance(value, str):
        raise ConfigError(f"identity.{source}.{name} must be a text")
    return value


def texts(settings: Settings, source: str, name: str, default: tuple[str, ...] = ()) -> tuple[str, ...]:
    """The setting `name`, one text or a list of them. Raises `ConfigError`."""
    value = settings.get(name, default)
    many = [value] if isinstance(value, str) else value
    if not isinstance(many, list | tuple) or not all(isinstance(one, str) for one in many):
        raise ConfigError(f"identity.{source}.{name} must be a text or a list of texts")
    return tuple(many)


def moment(value: object) -> float | None:
    """Epoch seconds from a number, its digits or an ISO 8601 date; None for anything else."""
    try:
        seconds = float(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else math.nan
    except OverflowError:
        return None
    except ValueError:
        return _date(str(value))
    return seconds if math.isfinite(seconds) else None


def _date(value: str) -> float | None:
    try:
        date = datetime.fromisoformat(value)
        return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def truth(value: object) -> bool:
    """A yes, as a claim or a header says it."""
    return value is True or (isinstance(value, str) and value.strip().lower() in {"true", "yes", "1"})
