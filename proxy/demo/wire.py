"""What passes between the server and the dialects: `Asked` in, `Answer` out; and how an SSE frame is written."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, TypeVar

import msgspec

from proxy.errors import CallerError

Cap = Annotated[int, msgspec.Meta(ge=1)]
"""A cap on output tokens, as a request gives it."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request, read whole."""

    body: bytes
    """Decompressed."""
    id: str
    """24 hex digits that depend on the request only; part of the answer's id."""
    names: Mapping[str, str] = field(default_factory=dict)
    """Parts of the path: `{id}`."""
    query: Mapping[str, str] = field(default_factory=dict)
    tells_usage: bool = True
    """False under `x-demo-fault: no-usage`."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A piece of a stream, and how many tokens were generated for it; `data` may be empty where they stay hidden."""

    data: bytes
    tokens: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, whole (`body`) or as a stream (`frames`)."""

    body: object = None
    frames: Iterable[Frame] | None = None
    read: int = 0
    """Input tokens that the model read."""
    written: int = 0
    """Output tokens of a whole answer."""


Request = TypeVar("Request", bound=msgspec.Struct)


def parsed(asked: Asked, kind: type[Request]) -> Request:
    """The request's body as `kind`. Raises `CallerError` 400 that names the field at fault."""
    try:
        return msgspec.json.decode(asked.body, type=kind)
    except msgspec.ValidationError as error:
        raise CallerError(f"The request is not valid: {error}.") from None
    except msgspec.DecodeError:
        raise CallerError("The request's body is not valid JSON.") from None


def sse(data: Any, event: str = "") -> bytes:
    """One server-sent event (WHATWG HTML 9.2) with a JSON document as its data."""
    name = b"event: " + event.encode() + b"\n" if event else b""
    return name + b"data: " + msgspec.json.encode(data) + b"\n\n"
