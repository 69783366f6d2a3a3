"""When a token stands for opaque values and hidden text, and when they stay as they are."""

from proxy.core.sealing import MARK
from proxy.core.shaping import Plan
from proxy.shaping import halves
from proxy.shaping.binding import Binder, Members
from proxy.shaping.edit import EMPTY, NULL, Raw, closed, maybe_text

NOTHING = frozenset({bytes(EMPTY), bytes(NULL), b""})
"""Values that say nothing: there is nothing to bind."""


class Issuer:
    """One answer's. A token that is there already stays: whoever shapes twice shapes once."""

    __slots__ = ("_anchor", "_binder", "binds", "restores")

    def __init__(self, plan: Plan, binder: Binder | None, anchor: str) -> None:
        self._binder = binder
        self._anchor = anchor
        self.binds = binder is not None and binder.binds and plan.bind
        self.restores = binder is not None and binder.restores

    def token(self, opaque: Members, hidden: Members) -> Raw | None:
        """What stands in their place; None where they stay. It stands for `opaque` whether or not it is to be bound: there is one place."""
        if self._binder is None or any(is_token(value) for value in opaque.values()):
            return None
        binds = self.binds and any(bytes(value) not in NOTHING for value in opaque.values())
        if not binds and not (hidden and self.restores):
            return None
        text = {name: Raw(halves.back(bytes(value))) for name, value in hidden.items()}
        return closed(self._binder.token(opaque, text, self._anchor))


def is_token(raw: Raw | None) -> bool:
    return (maybe_text(raw) or "").startswith(MARK)
