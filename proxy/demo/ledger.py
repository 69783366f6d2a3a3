"""What the demo model truly did: the figures that tests and the bench hold the gateway's counting against."""

from dataclasses import asdict, dataclass, field, fields
from typing import Any


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

    def arrived(self, headers: dict[str, str], sha256: str) -> None:
        self.requests += 1
        self.last_headers = headers
        self.last_body_sha256 = sha256

    def reset(self) -> None:
        fresh = Ledger()
        for part in fields(self):
            setattr(self, part.name, getattr(fresh, part.name))

    def told(self) -> dict[str, Any]:
        return asdict(self)
