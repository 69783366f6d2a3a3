"""Hashes keyed with the operator's secret, and the sketch of a text that two texts which share a piece have in common.

Rule 1: nothing leaves here but hashes. Another secret gives others, so that nothing old is found again under it.
Rule 2: a sketch depends on the text alone: not on the dialect, the account, or what was sketched before.
Rule 3: a sketch's mixing is fast and no seal: whoever holds the store and can have texts of his own sketched may come to test guesses of
        24 bytes. Everything else is hashed with BLAKE2.
"""

import hashlib
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from proxy.learning.observation import SKETCH

MOST_READ = 8192
"""Bytes of a text that are sketched."""

WINDOW = 24
"""Bytes of a piece: four or five words."""

WORD = 8
"""Bytes that are mixed at once."""

SAMPLED = 60
"""Bits below which a piece's first mix must stay to be sampled: of 64, so one piece in sixteen."""

REMEMBERED = 4096
"""Hashes of short values that are kept."""

SHORT = 512
"""Characters of a value whose hash is kept."""

AGAIN = frozenset({"address", "payment", "software", "parameters", "toolkit"})
"""Kinds of value that come again and again. None of them is a text that somebody wrote: that is not to stay in memory."""

_SHIFT, _HALF = np.uint64(29), np.uint64(32)
_LIMIT = np.uint64(1 << SAMPLED)


class Keyed:
    """Hashing with the operator's secret."""

    def __init__(self, secret: bytes) -> None:
        self._key = hashlib.blake2b(secret, digest_size=32, person=b"observations").digest()
        self._short = lru_cache(REMEMBERED)(self._hashed)
        drawn = hashlib.blake2b(b"mixing", digest_size=4 * WORD, key=self._key).digest()
        self.mixing: tuple[np.uint64, ...] = tuple(np.frombuffer(drawn, "<u8").astype(np.uint64) | np.uint64(1))
        """Four odd multipliers."""

    def hash(self, kind: str, value: str | bytes) -> int:
        """64 bits, never 0; 0 for an empty value. The same value of another kind (up to 16 letters) is another hash."""
        if not value:
            return 0
        return self._short(kind, value) if kind in AGAIN and len(value) <= SHORT else self._hashed(kind, value)

    def _hashed(self, kind: str, value: str | bytes) -> int:
        raw = value if isinstance(value, bytes) else value.encode("utf-8", "surrogatepass")
        digest = hashlib.blake2b(raw, digest_size=8, key=self._key, person=kind.encode()).digest()
        return int.from_bytes(digest, "little") or 1


def grams(raw: bytes, key: Keyed) -> tuple[int, ...]:
    """The smallest hashes among one in sixteen of its 24-byte pieces, sampled by value: up to 16, distinct and in order, 32 bits each."""
    raw = raw[:MOST_READ]
    if len(raw) <= WINDOW:
        return (key.hash("gram", raw) & 0xFFFFFFFF,) if raw else ()
    first = _first_mix(raw, key)
    sampled = first.compress(first < _LIMIT)
    if not len(sampled):
        sampled = first[first.argmin()][None]
    found = _last_mix(sampled, key)
    found.sort()
    few = tuple(found[:SKETCH].tolist())
    return few if len({*few}) == len(few) else tuple(np.unique(found)[:SKETCH].tolist())


def _first_mix(raw: bytes, key: Keyed) -> NDArray[np.uint64]:
    """Of every piece. A multiplication carries every byte up to the bits that sample."""
    words: NDArray[np.uint64] = np.ndarray((len(raw) - WORD + 1,), "<u8", raw, 0, (1,)).astype(np.uint64)
    pieces = len(raw) - WINDOW + 1
    one, two, three, _ = key.mixing
    mixed = words[:pieces] * one
    mixed += words[WORD : WORD + pieces] * two
    mixed += words[2 * WORD :] * three
    return mixed


def _last_mix(sampled: NDArray[np.uint64], key: Keyed) -> NDArray[np.uint32]:
    """Every bit of the first mix counts in each of the 32 that are kept."""
    last = key.mixing[3]
    mixed = sampled * last
    mixed ^= mixed >> _SHIFT
    mixed *= last
    return (mixed >> _HALF).astype(np.uint32)
