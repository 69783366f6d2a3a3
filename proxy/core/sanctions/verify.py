"""Ask the account's owner to verify who they are."""

from dataclasses import dataclass
from typing import ClassVar, Self

from proxy.core.sanctions.base import Words, parts, whole
from proxy.core.terms import Grace, Terms

_EXAMPLE = "verify: {grace: 72h}, or verify: {grace: 1h, exchanges: 200}"


@dataclass(frozen=True, slots=True)
class Verify:
    """`verify`, or `verify: {grace: 72h, exchanges: 200}`: for so long, and so many requests (one more per worker), only announced."""

    name: ClassVar[str] = "verify"
    shape: ClassVar[dict[str, object]] = {
        "anyOf": [
            {"const": True},
            {"type": "object", "properties": {"grace": {"type": ["string", "number"]}, "exchanges": {"type": "integer", "minimum": 1}},
             "additionalProperties": False},
        ]
    }  # fmt: skip
    example: ClassVar[object] = {"grace": "72h"}

    grace: float = 0.0
    """Seconds."""
    exchanges: int | None = None

    @classmethod
    def read(cls, value: object, words: Words) -> Self:
        if value is True:
            return cls()
        found = parts(value, frozenset({"grace", "exchanges"}), _EXAMPLE)
        exchanges = None if "exchanges" not in found else whole(found["exchanges"], 1, 10_000_000, _EXAMPLE)
        if exchanges is not None and "grace" not in found:
            raise ValueError(f"'exchanges' needs 'grace', the time in which they are served: {_EXAMPLE}")
        return cls(words.duration(found["grace"]) if "grace" in found else 0.0, exchanges)

    def terms(self) -> Terms:
        return Terms(verify=Grace(self.grace, self.exchanges))

    def measure(self) -> str:
        return "the account's owner is asked to verify"
