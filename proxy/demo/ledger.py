"""What the demo model truly did: the figures that tests and the bench hold the gateway's counting against."""

import zlib
from collections import deque
from dataclasses import dataclass, field, fields
from typing import Any

import msgspec

REMEMBERED = 32
"""Requests whose bodies are told."""

MOST_TOLD = 256 * 1024
"""Bytes of the longest body that is told, as it was sent and unpacked."""

_PACKED = {"gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}


@dataclass(frozen=True, slots=True)
class Arrival:
    """One request as it was sent. It is decoded only if somebody looks, so that the bench does not pay for it."""

    method: str
    path: str
    """With its query."""
    raw: bytes
    """Empty where it was too long to be kept."""
    encoding: str

    def told(self) -> dict[str, Any]:
        return {"method": self.method, "path": self.path, "body": self._body()}

    def _body(self) -> object:
        """The decoded JSON; None where there is none, or where it is too long."""
        try:
            data = self._unpacked()
            return msgspec.json.decode(data) if len(data) <= MOST_TOLD else None
        except (zlib.error, msgspec.DecodeError, RecursionError):
            return None

    def _unpacked(self) -> bytes:
        if self.encoding in {"", "identity"}:
            return self.raw
        return zlib.decompressobj(_PACKED[self.encoding]).decompress(self.raw, MOST_TOLD + 1) if self.encoding in _PACKED else b""


def arrival(method: str, path: str, raw: bytes, encoding: str) -> Arrival:
    return Arrival(method, path, raw if len(raw) <= MOST_TOLD else b"", encoding.lower())


@dataclass(slots=True)
class Ledger:
    """Sums since the start, or since `DELETE /demo/ledger`."""

    requests: int = 0
    """Requests under `/v1`."""
    input_tokens: int = 0
    """Read by the model; counted when it begins to answer."""
    output_tokens: int = 0
    """Generated; counted one by one as they are written."""
    cancelled: int = 0
    """Callers who hung up in the middle of an answer."""
    last_headers: dict[str, str] = field(default_factory=dict)
    """Of the last request; names in lower case, several fields of one name joined by commas (RFC 9110, 5.3)."""
    last_body_sha256: str = ""
    """Of the last request's body as it was sent, in hex."""

    arrivals: deque[Arrival] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    """The last requests, oldest first; told as `last_requests`."""

    def arrived(self, arrival: Arrival, headers: dict[str, str], sha256: str) -> None:
        self.requests += 1
        self.arrivals.append(arrival)
        self.last_headers = headers
        self.last_body_sha256 = sha256

    def reset(self) -> None:
        fresh = Ledger()
        for part in fields(self):
            setattr(self, part.name, getattr(fresh, part.name))

    def told(self) -> dict[str, Any]:
        sums = {part.name: getattr(self, part.name) for part in fields(self) if part.name != "arrivals"}
        return sums | {"last_requests": [arrival.told() for arrival in self.arrivals]}
