"""Verification links: the part of a URL that says, sealed, whose account is to be verified, and when that was asked.

Rule 1: a link is letters and digits only (base32 in small letters, no padding): what finds links in mails and logs stops at
punctuation, and what quotes mails rewrites `=`.
Rule 2: links of one account made within one hour are the same: a program that is refused a thousand times shows one. But a link that
was made before the account was last cleared is spent, so one that is made after is dated after.
Rule 3: a link proves nothing about who holds it, and can be used until it expires. Whoever clears an account by it sees to the rest.
"""

import base64
import math
from dataclasses import dataclass

import msgspec

from proxy.core.sealing import Finding
from proxy.sealing.keyring import ForgedError, Keyring, UnknownKeyError

PURPOSE = "verification link"

LASTS = 7 * 86400.0
"""Seconds that a link can be used, from the hour in which it was made."""

HOUR = 3600

AHEAD = 300.0
"""Seconds that the clock of the gateway which made a link may be ahead of ours."""

LONGEST = 4096
"""Characters. Base32 is slow on what is longer, and the longest names give less."""


@dataclass(frozen=True, slots=True)
class Link:
    """A link that is good."""

    account: str
    organization: str
    issued: float
    """Seconds since the epoch: the hour in which it was made, or when links were last spent."""


class _Kept(msgspec.Struct, array_like=True, frozen=True):
    """What a link holds."""

    issued: int
    """Seconds since the epoch."""
    account: str
    organization: str
    """"" where the account is its own."""


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Kept).decode


class Links:
    """Makes and reads links."""

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring

    def make(self, account: str, organization: str, at: float, spent: float = 0.0) -> str:
        """`spent`: links made before that are of no use."""
        issued = max(int(at // HOUR) * HOUR, math.ceil(spent))
        kept = _Kept(issued, account, "" if organization == account else organization)
        return _spelled(self._keyring.seal(PURPOSE, _encode(kept)))

    def read(self, token: str, at: float) -> Link | Finding:
        """The link, or why it is none: FORGED, EXPIRED, or LOST with the key that made it. Never raises."""
        try:
            kept = self._open(token)
        except UnknownKeyError:
            return Finding.LOST
        except (ForgedError, ValueError):  # msgspec's errors and base64's are ValueErrors
            return Finding.FORGED
        issued = float(kept.issued)
        if not -AHEAD <= at - issued <= LASTS:
            return Finding.EXPIRED
        return Link(kept.account, kept.organization or kept.account, issued)

    def _open(self, token: str) -> _Kept:
        """There is one way to write a link, as with tokens."""
        if len(token) > LONGEST:
            raise ForgedError
        sealed = base64.b32decode(token.upper() + "=" * (-len(token) % 8))
        if _spelled(sealed) != token:
            raise ForgedError
        return _decode(self._keyring.open(PURPOSE, sealed))


def _spelled(sealed: bytes) -> str:
    return base64.b32encode(sealed).decode().rstrip("=").lower()
