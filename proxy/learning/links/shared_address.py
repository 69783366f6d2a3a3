"""One address over several strangers. Weak: cloud networks, offices, schools and travellers share them too."""

from typing import ClassVar

from proxy.learning.links.base import Group, repeats

EACH = 0.3
"""Nats of a meeting beyond the first."""


class SharedAddress:
    """Strangers behind one address that is neither a place nor a front."""

    name: ClassVar[str] = "shared_address"
    weight: ClassVar[float] = 3.0
    shadow: ClassVar[bool] = False
    sufficient: ClassVar[bool] = False

    def measure(self, group: Group) -> tuple[float, str]:
        met = repeats(group.addresses().values())
        return EACH * max(0, met - 1), f"strangers among them met {met} times at one address"
