"""The same move to a new model within a day, beyond what everybody does. Look-alikes: eager users, routers, default aliases: very many."""

from typing import ClassVar

from proxy.learning.census import SOON
from proxy.learning.chance import surprise
from proxy.learning.links.base import Group


class NewModel:
    """Strangers who move to a new model at once."""

    name: ClassVar[str] = "new_model"
    weight: ClassVar[float] = 2.0
    shadow: ClassVar[bool] = True
    sufficient: ClassVar[bool] = False

    def measure(self, group: Group) -> tuple[float, str]:
        census, best, seen, which = group.census, 0.0, 0, ""
        for model, (released, usual) in census.moves.items():
            moved = {party for profile, party in zip(group.members, group.party, strict=True) if profile.moved(model, released, SOON)}
            if (nats := surprise(len(moved), group.parties, usual)) > best:
                best, seen, which = nats, len(moved), model
        return best, f"{seen} of {group.parties} strangers moved to {which} within a day of its first use"
