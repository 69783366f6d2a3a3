"""One means of payment over several strangers who ask the same things, several times over.

Honest look-alikes: a company's key pool (one organization, or one address: one party), a reseller (its users ask nothing alike, so they
are no group). A shared template alone is not enough, so it counts where accounts are close in what they ask, not in what recurs.
"""

import math
from typing import ClassVar

from proxy.learning.links.base import Group, View, repeats

LEAST = 2
"""Meetings; one may be a family."""

EACH = 0.8
"""Of the nats that a meeting is worth by chance, for payments are also shared for reasons that nobody sees."""

USUAL = 0.05
"""Meetings per party from which it counts in full."""


class SharedPayment:
    """Strangers who pay with one means."""

    name: ClassVar[str] = "shared_payment"
    weight: ClassVar[float] = 12.0
    shadow: ClassVar[bool] = False
    sufficient: ClassVar[bool] = True

    def measure(self, group: Group) -> tuple[float, str]:
        payments = group.payments()
        met = repeats(payments.values())
        if met < LEAST or group.view is not View.ITEMS:
            return 0.0, ""
        chance = math.log(max(2.0, len(group.census) / len(group.members)))
        nats = EACH * met * chance * min(1.0, met / group.parties / USUAL)
        shared = sum(len(parties) > 1 for parties in payments.values())
        return nats, f"{met + shared} accounts that are strangers to each other pay with {shared} shared means of payment"
