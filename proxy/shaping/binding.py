"""Tokens for one exchange: what its answer hands out, and what its request brought back.

A token holds the members that it stands for as a JSON object (`{"signature": …, "thinking": …}`): opaque values that are bound to
their holder, and text that was hidden. The text may stand in the store instead; the token then says under which name.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import islice

import msgspec

from proxy.core.rules import Binding
from proxy.core.sealing import MARK, Bound, Finding, Opened, Seal
from proxy.core.shaping import Knobs
from proxy.shaping import halves
from proxy.shaping.edit import BROKEN

KEPT = "$kept"
"""Member of a token that names what the store keeps."""

ANYWHERE = Bound("", "", "")

OPAQUE = frozenset({"signature", "data", "encrypted_content", "thought_signature"})
"""Members that say nothing to whoever reads them."""

SHORTEST = 24
"""Characters behind the mark of any token: what is shorter need not be looked into."""

MOST_WANTED = 10_000
"""Tokens of one request that are looked into for what the store must give, as many as are judged."""

Members = Mapping[str, msgspec.Raw]
"""Members of a block, values as the provider wrote them."""

_token = re.compile(
    rb"%b(?:(?!%b)(?:[A-Za-z0-9+/=]|\\/|\\u00(?:2[bfBF]|3[dD]))){%d,}" % (re.escape(MARK.encode()), re.escape(MARK.encode()), SHORTEST)
)
"""A token, however a caller's JSON escapes it. What follows another at once is one of its own."""
_escapes = re.compile(rb"\\u00([0-9a-fA-F]{2})")
_names = msgspec.json.Decoder(dict[str, msgspec.Raw])


@dataclass(slots=True)
class Binder:
    """Bound to one exchange: its account, its model, its time."""

    seal: Seal
    rules: Binding
    holder: str
    """By the policy's scope: `o:acme`."""
    account: str
    model: str
    """The one that answers."""
    at: float
    kept: dict[str, bytes] = field(default_factory=dict)
    """Hidden text by name: read from the store before a request is restored; to be written there as an answer is shaped."""
    knobs: Knobs = field(default_factory=Knobs)
    """What that model knows: where a block must be dropped, thinking may have to be switched off."""
    revealed: bool = False
    """Was a token of hidden text opened? Then the request holds what its sender was not shown."""

    @property
    def binds(self) -> bool:
        """Are opaque values replaced by tokens?"""
        return self.rules.on

    @property
    def restores(self) -> bool:
        """Must hidden text find its way back?"""
        return self.rules.restore != "never"

    def token(self, opaque: Members, hidden: Members, anchor: str) -> str:
        """What stands for `opaque` values and `hidden` text together."""
        members = dict(opaque)
        if hidden and self.rules.restore == "sealed":
            members |= hidden
        elif hidden and self.rules.restore == "store":
            members[KEPT] = self._keep(msgspec.json.encode(hidden))
        return self.seal.wrap(msgspec.json.encode(members), self._bound(anchor), self.account, self.at)

    def opened(self, token: str, anchor: str) -> tuple[Opened, dict[str, msgspec.Raw]]:
        """What a token turns out to be, and the members it stands for: {} where it cannot be opened, or the store has forgotten them."""
        found = self.seal.unwrap(token, self._bound(anchor), self.at, self.rules.lasts)
        members = _members(found.original)
        if KEPT in members:
            text = self.kept.get(msgspec.json.decode(members.pop(KEPT), type=str))
            if text is None:
                return replace(found, finding=Finding.LOST if found.finding is Finding.HOME else found.finding), {}
            members |= _members(text)
        self.revealed = self.revealed or bool(members.keys() - OPAQUE)
        return found, members

    def wanted(self, body: bytes) -> list[str]:
        """Names of what the store must give before `body` can be restored."""
        names = []
        for match in islice(_token.finditer(body), MOST_WANTED) if MARK.encode() in body else ():
            token = _escapes.sub(lambda hexed: bytes([int(hexed[1], 16)]), match[0].replace(b"\\/", b"/")).decode()
            found = self.seal.unwrap(token, ANYWHERE, self.at, self.rules.lasts)
            members = _members(found.original)
            if KEPT in members:
                names.append(msgspec.json.decode(members[KEPT], type=str))
        return list(dict.fromkeys(names))

    def _keep(self, text: bytes) -> msgspec.Raw:
        name = hashlib.sha256(self.holder.encode() + b"\0" + text).hexdigest()[:32]
        self.kept[name] = text
        return msgspec.Raw(msgspec.json.encode(name))

    def _bound(self, anchor: str) -> Bound:
        rules = self.rules
        return Bound(self.holder, self.model if rules.model else "", anchor if rules.conversation else "")


def _members(original: bytes) -> dict[str, msgspec.Raw]:
    """Text that a provider cut within a sign (half a surrogate pair) comes back as it was."""
    try:
        return _names.decode(original) if original else {}
    except BROKEN:
        spelled = halves.spelled(original)
    try:
        return {name: msgspec.Raw(halves.back(bytes(value))) for name, value in _names.decode(spelled or b"").items()}
    except BROKEN:
        return {}
