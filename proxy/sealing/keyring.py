"""The keys that seal: several at once, newest first. The first seals, all open.

Rule 1: AES-SIV (RFC 5297) with 512-bit keys. It is deterministic: the same text for the same purpose is the same bytes, and there
is no nonce that could be used twice.
Rule 2: what was sealed for one purpose opens for no other.
Rule 3: keys are derived from the operator's secrets (HKDF, RFC 5869), and so are their ids: nobody chooses an id, and what is
sealed says which key it needs. An id is public. It gives a guesser no more than anything sealed does, so secrets must be random.
"""

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES = 64
"""AES-SIV splits them: 256 bits to authenticate, 256 bits to encrypt."""

ID_BYTES = 4

SHORTEST = ID_BYTES + 16
"""Bytes of what is sealed when nothing is in it: the key's id and the synthetic IV."""


class ForgedError(Exception):
    """Was not sealed here for this purpose, or was changed since."""


class UnknownKeyError(Exception):
    """Says that it was sealed with a key that is not here. Nobody can tell whether that is true."""


class Keyring:
    """Seals and opens. The keys may be changed while it is in use."""

    def __init__(self, newest: bytes, *older: bytes) -> None:
        self.use(newest, *older)

    def use(self, newest: bytes, *older: bytes) -> None:
        """From now on, the keys of these secrets: whole or not at all."""
        keys = {key_id(secret): AESSIV(_derived(secret, "key", KEY_BYTES)) for secret in (newest, *older)}
        self._keys = keys
        self._newest = key_id(newest)

    @property
    def ids(self) -> tuple[str, ...]:
        """Newest first, in hex."""
        return tuple(name.hex() for name in self._keys)

    def seal(self, purpose: str, data: bytes) -> bytes:
        return self._newest + self._keys[self._newest].encrypt(data, [purpose.encode()])

    def open(self, purpose: str, sealed: bytes) -> bytes:
        """What was sealed. Raises `ForgedError` and `UnknownKeyError`."""
        if len(sealed) < SHORTEST:
            raise ForgedError
        if (key := self._keys.get(sealed[:ID_BYTES])) is None:
            raise UnknownKeyError
        try:
            return key.decrypt(memoryview(sealed)[ID_BYTES:], [purpose.encode()])
        except InvalidTag:
            raise ForgedError from None


def key_id(secret: bytes) -> bytes:
    """What the key of this secret is called, in everything that it seals."""
    return _derived(secret, "id", ID_BYTES)


def _derived(secret: bytes, what: str, length: int) -> bytes:
    return HKDF(SHA256(), length, salt=b"stillgate sealing 1", info=what.encode()).derive(secret)
