"""The catalogue of links. A new one is one file here, one line below, and one line in `core.risk.LINKS`."""

from proxy.learning.links.base import Group, Link, View
from proxy.learning.links.coverage import Coverage
from proxy.learning.links.new_model import NewModel
from proxy.learning.links.shared_address import SharedAddress
from proxy.learning.links.shared_payment import SharedPayment
from proxy.learning.links.shared_software import SharedSoftware
from proxy.learning.links.shared_sweep import SharedSweep
from proxy.learning.links.shared_toolkits import SharedToolkits
from proxy.learning.links.succession import Succession
from proxy.learning.links.synchrony import Synchrony

LINKS: tuple[Link, ...] = (
    SharedPayment(), Coverage(), SharedToolkits(), SharedSweep(), Synchrony(), SharedSoftware(), SharedAddress(), Succession(), NewModel(),
)  # fmt: skip

__all__ = ["LINKS", "Group", "Link", "View"]
