"""Reasoning tokens: `core.sealing.Seal` over a keyring.

A token is `MARK` and the standard base64, padding and all, of what the keyring sealed: as `MARK` is four characters itself,
the whole decodes, for SDKs that try.

Rule 1: there is one way to write a token. Base64 can spell the same bytes in several ways; any but ours is forged.
Rule 2: what is kept inside may grow at its end, with defaults: gateways of two versions read each other's tokens. Anything else
that changes needs another mark, or honest callers would be taken for forgers on the day of the change.
Rule 3: a part that the token was not bound to, or that is not asked for now, is not compared: a policy that begins to bind
harms nobody who is in the middle of a conversation.
"""

import base64
import hashlib

import msgspec

from proxy.core.sealing import MARK, Bound, Finding, Opened
from proxy.sealing.keyring import ForgedError, Keyring, UnknownKeyError

PURPOSE = "reasoning"

AHEAD = 300.0
"""Seconds that the clock of the gateway which issued a token may be ahead of ours."""

FINGERPRINT_BYTES = 8


class _Kept(msgspec.Struct, array_like=True, frozen=True):
    """What a token holds."""

    issued: int
    """Seconds since the epoch."""
    holder: bytes
    """This, the model and the anchor as fingerprints, empty where nothing was bound."""
    model: bytes
    anchor: bytes
    account: str
    original: bytes


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Kept).decode


class KeyedSeal:
    """Implements `core.sealing.Seal`."""

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring

    def wrap(self, original: bytes, bound: Bound, account: str, at: float) -> str:
        kept = _Kept(int(at), _fingerprint(bound.holder), _fingerprint(bound.model), _fingerprint(bound.anchor), account, original)
        return _spelled(self._keyring.seal(PURPOSE, _encode(kept)))

    def unwrap(self, token: str, bound: Bound, at: float, lasts: float) -> Opened:
        if not token.startswith(MARK):
            return Opened(Finding.FOREIGN)
        try:
            kept = self._open(token)
        except UnknownKeyError:
            return Opened(Finding.LOST)
        except (ForgedError, ValueError):  # msgspec's errors and base64's are ValueErrors
            return Opened(Finding.FORGED)
        finding = _found(kept, bound, at - kept.issued, lasts)
        return Opened(finding, kept.original, kept.account)

    def _open(self, token: str) -> _Kept:
        sealed = base64.b64decode(token[len(MARK) :])
        if _spelled(sealed) != token:
            raise ForgedError
        return _decode(self._keyring.open(PURPOSE, sealed))


def _spelled(sealed: bytes) -> str:
    return MARK + base64.b64encode(sealed).decode()


def _found(kept: _Kept, bound: Bound, age: float, lasts: float) -> Finding:
    if _differs(kept.holder, bound.holder):
        return Finding.FOREIGN
    if _differs(kept.model, bound.model):
        return Finding.OTHER_MODEL
    if _differs(kept.anchor, bound.anchor):
        return Finding.ELSEWHERE
    return Finding.HOME if -AHEAD <= age <= lasts else Finding.EXPIRED


def _differs(kept: bytes, now: str) -> bool:
    return bool(kept) and bool(now) and kept != _fingerprint(now)


def _fingerprint(text: str) -> bytes:
    """Any text has one, also what no encoding takes: a caller's JSON can hold half a surrogate pair."""
    return hashlib.sha256(text.encode(errors="surrogatepass")).digest()[:FINGERPRINT_BYTES] if text else b""
