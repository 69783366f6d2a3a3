"""New accounts take up where a blocked one left off: they ask what it asked, and came after it.

Honest look-alike: a customer that opens a second organization. In a population that grows, whoever joins a group late came after its
first block, honest or not: counted, it lifted honest accounts of a mixed group to the top. So it ships in shadow.
"""

from typing import ClassVar

from proxy.learning.chance import surprise
from proxy.learning.links.base import Group


class Succession:
    """Strangers who came after a member was blocked."""

    name: ClassVar[str] = "succession"
    weight: ClassVar[float] = 3.0
    shadow: ClassVar[bool] = True
    sufficient: ClassVar[bool] = False

    def measure(self, group: Group) -> tuple[float, str]:
        census = group.census
        ends = [at for profile in group.members if (at := census.blocked.get(profile.account)) is not None]
        if not ends:
            return 0.0, ""
        since = min(ends)
        came = {party for profile, party in zip(group.members, group.party, strict=True) if profile.first > since}
        usual = sum(profile.first > since for profile in census.profiles) / len(census.profiles)
        return surprise(len(came), group.parties, usual), (
            f"{len(came)} of {group.parties} strangers came after one of them was blocked, and ask the same"
        )
