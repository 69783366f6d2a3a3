"""Recorded exchanges, read one line at a time. A line is a JSON object in one of two forms:

  with text    time, account, account_facts, client, dialect, model, request (the body as it was sent), usage, status, id
  as a sketch  time, account, observation (`learning.codec` says how): no text

Rule 1: a line gives one record, whatever stands in it: an `Exchange`, or an `Unread` that says why not. Nothing here raises for a line.
Rule 2: members that are not known are left alone; members that are known must be what they should be.
Rule 3: a request keeps its bytes: it is cut out of the line, not written anew.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import msgspec

from proxy.core.facts import Account, Usage
from proxy.dialects import peek
from proxy.learning import codec
from proxy.learning.observation import Observation
from proxy.learning.observe import Client
from proxy.replay.lines import LONGEST, Lines

SAME = 1.0
"""Seconds by which a line's time and its observation's may differ: one may be written shorter."""

LATEST = 4_102_444_800.0
"""The year 2100, epoch seconds: a later time is in milliseconds, or nonsense."""

_ACCOUNT = re.compile(rb'"account"\s{0,8}:\s{0,8}"([^"\\\x00-\x1f]{1,200})"')
_HEAD = 2048


@dataclass(frozen=True, slots=True)
class Exchange:
    """One recorded exchange."""

    index: int
    """Of its line, from 0."""
    at: float
    """When the request came, epoch seconds."""
    account: Account
    client: Client
    dialect: str
    model: str
    request: bytes = b""
    """The body as it was sent; b"" where only a sketch was recorded."""
    usage: Usage = field(default_factory=Usage)
    status: int = 200
    reference: str = ""
    seen: Observation | None = None
    """What the gateway observed, where it recorded sketches instead of text."""


@dataclass(frozen=True, slots=True)
class Unread:
    """A line that is no exchange."""

    index: int
    account: str
    """As far as it can be told; ""."""
    why: str
    """In plain words, without anything of a request's text."""


class _Facts(msgspec.Struct):
    created: float | None = None
    tier: str | None = None
    organization: str | None = None
    payment: str | None = None
    verified: bool = False
    program: str | None = None


class _Client(msgspec.Struct):
    address: str = ""
    user_agent: str = ""
    tls: str = ""
    headers: str = ""


class _Usage(msgspec.Struct):
    input_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0


class _Line(msgspec.Struct):
    time: float
    account: str
    dialect: str = ""
    model: str = ""
    request: msgspec.Raw = msgspec.Raw()
    account_facts: _Facts = msgspec.field(default_factory=_Facts)
    client: _Client = msgspec.field(default_factory=_Client)
    usage: _Usage = msgspec.field(default_factory=_Usage)
    status: int = 200
    id: str = ""
    observation: str = ""


_line = msgspec.json.Decoder(_Line)


class Trace:
    """The exchanges of a file, in its order. Raises `ConfigError` where it cannot be opened."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lines = Lines(path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._lines.__exit__()

    @property
    def size(self) -> int:
        """Bytes of the file as it lies on disk."""
        return self._lines.size

    @property
    def read(self) -> int:
        """Bytes of it that are behind us."""
        return self._lines.read

    @property
    def broken(self) -> str:
        """Why the file ended before its end; "" where it did not."""
        return self._lines.broken

    def __iter__(self) -> Iterator[Exchange | Unread]:
        for index, line in enumerate(self._lines):
            yield parsed(index, line) if line is not None else Unread(index, "", f"is longer than {LONGEST >> 20} MiB")


def parsed(index: int, line: bytes) -> Exchange | Unread:
    """One line."""
    try:
        found = _line.decode(line)
        exchange = _exchange(index, found)
    except (*peek.BROKEN, ValueError) as error:
        return Unread(index, _named(line), _words(error))
    return exchange


def _exchange(index: int, found: _Line) -> Exchange:
    """Raises `ValueError`."""
    if not found.account:
        raise ValueError("names no account")
    if not 0 <= found.time < LATEST:
        raise ValueError("its time is not in seconds since the epoch")
    if found.observation:
        return _sketched(index, found)
    facts, client, usage = found.account_facts, found.client, found.usage
    account = Account(
        found.account, facts.organization or found.account, facts.tier or "", created=facts.created, verified=facts.verified,
        programme=facts.program or "", payment=facts.payment or "",
    )  # fmt: skip
    return Exchange(
        index, found.time, account, Client(client.address, client.user_agent, client.tls, client.headers), found.dialect, found.model,
        bytes(found.request), Usage(_count(usage.input_tokens), _count(usage.output_tokens), reasoning=_count(usage.reasoning_tokens)),
        found.status, found.id or str(index),
    )  # fmt: skip


def _sketched(index: int, found: _Line) -> Exchange:
    """From what the gateway observed. Raises `ValueError`."""
    try:
        seen = codec.read(found.observation)
    except ValueError:
        raise ValueError("has an observation that cannot be read") from None
    if seen.account != found.account or not abs(seen.at - found.time) < SAME:
        raise ValueError("has an observation of another exchange")
    account = Account(
        seen.account, seen.organization, seen.tier, created=seen.created, verified=seen.verified, programme=seen.programme
    )  # fmt: skip
    return Exchange(index, seen.at, account, Client(""), seen.dialect, seen.model, status=seen.status, reference=seen.request, seen=seen)


def _count(number: int) -> int:
    return min(max(0, number), peek.MOST)


def _named(line: bytes) -> str:
    """The account of a line that cannot be read, so that decisions can be laid beside lines."""
    match = _ACCOUNT.search(line[:_HEAD])
    return match[1].decode(errors="replace") if match else ""


def _words(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "is not UTF-8 text"
    if isinstance(error, msgspec.DecodeError) and not isinstance(error, msgspec.ValidationError):
        return "is not JSON"
    return str(error) if isinstance(error, ValueError) else "is nested too deeply"
