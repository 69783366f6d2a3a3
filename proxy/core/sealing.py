"""Reasoning blocks bound to whom they were issued to: what is kept in a token, and what can be found when one comes back.

A *token* is handed out in place of an opaque or hidden value (a signature, encrypted content, reasoning that is not shown). It is
the original under authenticated encryption, together with where it belongs; only this proxy can open it. The provider gets back
exactly what it made. (Blocks that can be replayed across users and models give the reasoning away: Panfilov et al., arXiv 2608.09867.)
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

MARK = "SGT1"
"""How every token begins: valid base64, for SDKs decode some of these fields as such."""


class Finding(StrEnum):
    """What a block that comes back turns out to be."""

    HOME = "home"
    FOREIGN = "foreign"
    """Issued to somebody else, or never by us."""
    ELSEWHERE = "elsewhere"
    """Issued in answer to something else than what it stands behind now."""
    OTHER_MODEL = "other_model"
    EXPIRED = "expired"
    FORGED = "forged"
    """Looks like a token of ours and is none, or was changed."""
    LOST = "lost"
    """Sealed with a key that is no longer here: nobody's fault."""


@dataclass(frozen=True, slots=True)
class Bound:
    """Where a block belongs."""

    holder: str
    """The organization, account or key that it was issued to, as the policy's scope says: `o:acme`."""
    model: str
    """The model that made it, "" where the policy does not bind to it."""
    anchor: str
    """Fingerprint of what it answers, "" where the policy does not bind to it."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A token, looked into."""

    finding: Finding
    original: bytes = b""
    """What was sealed, wherever it could be opened: what is done with a block that is not at home is the policy's to say."""
    issued_to: str = ""
    """The account it was issued to, where that can be known: evidence, if it is not the one who sent it."""


class Seal(Protocol):
    """Seals and opens. Deterministic: the same input gives the same token, so that a conversation sent again is the same bytes."""

    def wrap(self, original: bytes, bound: Bound, account: str, at: float) -> str:
        """A token: printable, valid base64, begins with `MARK`."""

    def unwrap(self, token: str, bound: Bound, at: float, lasts: float) -> Opened:
        """Never raises. `lasts`: seconds until a token expires. A part that is empty in `bound`, or was when it was sealed, is not
        compared: it is not bound to that."""
