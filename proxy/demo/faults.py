"""What a test can ask of an answer by request headers: slowness, breaks and other misbehaviour. Users never need them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from proxy.errors import CallerError


@dataclass(frozen=True, slots=True)
class Faults:
    """One request's wishes."""

    delay: float = 0.0
    """Seconds before the first byte (`x-demo-delay`)."""
    pace: float = 0.0
    """Seconds between tokens (`x-demo-pace`)."""
    break_after: int | None = None
    """Tokens after which the TCP connection is aborted; of a whole answer, half is sent."""
    silent_after: int | None = None
    """Tokens after which nothing more comes; of a whole answer, half is sent."""
    error: int | None = None
    """Status to fail with, in the dialect's error."""
    no_usage: bool = False
    malformed: bool = False
    """JSON that ends in its middle."""
    gzip: bool = False
    """A compressed answer (`x-demo-encoding: gzip`)."""

    @property
    def torn(self) -> bool:
        return self.break_after is not None or self.silent_after is not None


def faults(headers: Mapping[str, str]) -> Faults:
    """Reads the `x-demo-*` headers. Raises `CallerError` for one that it does not know."""
    encoding = headers.get("x-demo-encoding", "identity")
    if encoding not in {"identity", "gzip"}:
        raise _unknown("x-demo-encoding", encoding)
    slow = Faults(_seconds(headers, "x-demo-delay"), _seconds(headers, "x-demo-pace"), gzip=encoding == "gzip")
    return _with_fault(slow, headers.get("x-demo-fault", "").strip())


def _with_fault(plain: Faults, value: str) -> Faults:
    name, _, number = value.partition("=")
    match name, number.isdecimal():
        case "break-after", True:
            return replace(plain, break_after=int(number))
        case "silent-after", True:
            return replace(plain, silent_after=int(number))
        case "error", True if 400 <= int(number) <= 599:  # noqa: PLR2004
            return replace(plain, error=int(number))
        case (("no-usage" | "malformed"), _) if not number:
            return replace(plain, no_usage=name == "no-usage", malformed=name == "malformed")
        case _:
            if value:
                raise _unknown("x-demo-fault", value)
            return plain


def _seconds(headers: Mapping[str, str], name: str) -> float:
    value = headers.get(name, "0")
    try:
        return min(max(0.0, float(value)), 3600.0)
    except ValueError:
        raise _unknown(name, value) from None


def _unknown(name: str, value: str) -> CallerError:
    return CallerError(f"The demo model does not know {name}: {value[:60]}.")
