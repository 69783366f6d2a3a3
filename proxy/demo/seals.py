"""What the strict models sign: signatures and ids that tell, without any state, whether this very model made them for this very text.

The key is fixed and public. It proves nothing to anybody; it makes a demo refuse what a provider would refuse.
"""

import base64
import binascii
import hashlib
import hmac
from enum import Enum

KEY = b"stillgate demo model, a key for show"

_HEAD = 28
"""Bytes before the tag: purpose 4, model 8, text 16."""


class Verdict(Enum):
    """What a token turned out to be."""

    MADE = 1
    ALTERED = 2
    """Made by this model, for another text."""
    FOREIGN = 3
    """Not made by this model for this purpose and place, or changed."""


def stamp(*parts: str) -> str:
    """16 hex digits that only this key gives for `parts`."""
    return hmac.new(KEY, "\0".join(parts).encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()[:16]


def sealed(purpose: bytes, model: str, text: str, bound: str = "") -> str:
    """A token for `text`; `purpose` has 4 bytes, `bound` is the place where alone it counts."""
    return _token(purpose + _digest(model)[:8] + _digest(text)[:16], bound)


def judged(token: object, purpose: bytes, model: str, text: str | None, bound: str = "") -> Verdict:
    """What `token` is; with no `text` any text of this model will do. Never raises."""
    head = _head(token)
    if head[:12] != purpose + _digest(model)[:8] or token != _token(head, bound):
        return Verdict.FOREIGN
    return Verdict.MADE if text is None or head[12:] == _digest(text)[:16] else Verdict.ALTERED


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def _token(head: bytes, bound: str) -> str:
    tag = hmac.new(KEY, head + bound.encode("utf-8", "surrogatepass"), hashlib.sha256).digest()
    return base64.b64encode(head + tag).decode()


def _head(token: object) -> bytes:
    try:
        return base64.b64decode(token, validate=True)[:_HEAD] if isinstance(token, str) else b""
    except (binascii.Error, ValueError):
        return b""
