"""What a dialect is: a provider's wire format, read and written without I/O.

A dialect is one file with one class, and one line in the catalogue (`dialects/__init__.py`). It never changes what it
does not have to: bodies are peeked at, not rebuilt.
"""

from dataclasses import dataclass
from typing import ClassVar, Protocol

from proxy.core.enforcement import Fault
from proxy.core.facts import Ask, Operation, Usage
from proxy.core.quota import Meter

Headers = tuple[tuple[str, str], ...]
"""Header fields in order, names as sent."""


@dataclass(frozen=True, slots=True)
class Route:
    """One route of a dialect. `path` is a template after the optional `/v1`: `/responses/{id}`."""

    method: str
    path: str
    operation: Operation


@dataclass(slots=True)
class Tally:
    """What has been read of an answer so far."""

    usage: Usage | None = None
    """The provider's own totals, as last reported; None while it has said nothing."""
    generated_bytes: int = 0
    """Bytes of generated text, reasoning and tool arguments seen in a stream: what the estimate of its tokens rests on."""
    model: str = ""
    response_id: str = ""
    finish_reasons: tuple[str, ...] = ()
    finished: bool = False
    """The dialect's own end was seen (`[DONE]`, `message_stop`, `response.completed`); a stream without it broke off."""


class Unchanged:
    """For dialects without streams, or whose streams tell usage unasked."""

    def ask_for_usage(self, body: bytes) -> bytes:
        return body

    def without_usage(self, frame: bytes) -> bytes:
        return frame

    def read_event(self, tally: Tally, frame: bytes) -> None:
        """Nothing streams here."""


class Dialect(Protocol):
    """A provider's wire format. Methods are pure; `body` is always the decompressed copy."""

    name: ClassVar[str]
    provider: ClassVar[str]
    """`gen_ai.provider.name`: openai | anthropic."""
    routes: ClassVar[tuple[Route, ...]]

    def read(self, route: Route, body: bytes) -> Ask:
        """The facts of a request. Raises `CallerError` for a body that the dialect cannot read without guessing."""

    def ask_for_usage(self, body: bytes) -> bytes:
        """`body`, changed only so that a stream reports its usage. Only called where `Ask.reports_usage` is False."""

    def read_whole(self, body: bytes) -> Tally:
        """What an unstreamed answer tells; never raises."""

    def read_event(self, tally: Tally, frame: bytes) -> None:
        """Adds what one whole SSE frame tells to `tally`; never raises, ignores what it does not understand."""

    def without_usage(self, frame: bytes) -> bytes:
        """`frame` as a caller who did not ask for usage would have had it from the provider; b"" hides it whole."""

    def error(self, fault: Fault) -> tuple[Headers, bytes]:
        """`fault` as this dialect's error and an RFC 9457 problem in one JSON document."""

    def error_event(self, fault: Fault) -> bytes:
        """`fault` as the SSE event that this dialect's SDKs raise in mid-stream."""

    def limit_headers(self, meters: tuple[Meter, ...], at: float) -> Headers:
        """The dialect's own rate-limit headers, for answers served and refused alike."""
