"""A seal for tests: deterministic, needs no key file, and as honest about what it finds as the real one (`proxy/sealing/seal.py`)."""

import base64
import hashlib
import hmac
import json

from proxy.core.rules import Binding
from proxy.core.sealing import MARK, Bound, Finding, Opened
from proxy.shaping.binding import Binder

TAG = 16


class FakeSeal:
    """A token shows what is in it; only its tag is secret. `old`: keys that still open; `lost`: keys known to be gone."""

    def __init__(self, key: bytes = b"key", *, old: tuple[bytes, ...] = (), lost: tuple[bytes, ...] = ()) -> None:
        self._keys = (key, *old)
        self._lost = lost

    def wrap(self, original: bytes, bound: Bound, account: str, at: float) -> str:
        held = [original.hex(), bound.holder, bound.model, bound.anchor, account, int(at)]
        return _spelled(self._keys[0], json.dumps(held).encode())

    def unwrap(self, token: str, bound: Bound, at: float, lasts: float) -> Opened:
        if not token.startswith(MARK):
            return Opened(Finding.FOREIGN)
        try:
            sealed = base64.b64decode(token[len(MARK) :], validate=True)
        except ValueError:
            return Opened(Finding.FORGED)
        kept = sealed[TAG:]
        if any(_spelled(key, kept) == token for key in self._lost):
            return Opened(Finding.LOST)
        if not any(_spelled(key, kept) == token for key in self._keys):
            return Opened(Finding.FORGED)
        original, holder, model, anchor, account, issued = json.loads(kept)
        finding = _found((holder, model, anchor), bound, at - issued, lasts)
        return Opened(finding, bytes.fromhex(original), account)


def a_binder(seal: FakeSeal | None = None, rules: Binding | None = None, **changes: object) -> Binder:
    """Of account `ann` in organization `acme`; `changes` to any field."""
    fields = {"holder": "o:acme", "account": "ann", "model": "m", "at": 1_700_000_000.0} | changes
    return Binder(seal or FakeSeal(), rules or Binding(on=True), **fields)  # type: ignore[arg-type]


def _spelled(key: bytes, kept: bytes) -> str:
    return MARK + base64.b64encode(hmac.new(key, kept, hashlib.sha256).digest()[:TAG] + kept).decode()


def _found(kept: tuple[str, str, str], bound: Bound, age: float, lasts: float) -> Finding:
    pairs = zip(kept, (bound.holder, bound.model, bound.anchor), (Finding.FOREIGN, Finding.OTHER_MODEL, Finding.ELSEWHERE), strict=True)
    for was, now, finding in pairs:
        if was and now and was != now:
            return finding
    return Finding.HOME if age <= lasts else Finding.EXPIRED
