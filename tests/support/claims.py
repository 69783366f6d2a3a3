"""Quotas and claims for tests."""

from hypothesis import strategies as st

from proxy.core.facts import Account
from proxy.core.quota import HELD, Claim, Quota, Scope, Unit, Window, subject

MINUTE = Window("rate", "minute", 60)
DAY = Window("calendar", "day", 86400)
MONTH = Window("calendar", "month", 31 * 86400)

ANNA = Account("anna", "acme", "free", key="key_1")
BERT = Account("bert", "acme", "free", key="key_2")

REQUESTS = Quota(Unit.REQUESTS, 6, MINUTE, 6)
TOKENS = Quota(Unit.TOKENS, 600, MINUTE, 300)
DAILY = Quota(Unit.TOKENS, 2000, DAY, 2000, Scope.ORGANIZATION)
MONTHLY = Quota(Unit.SPEND, 9000, MONTH, 9000, Scope.KEY)
IN_FLIGHT = Quota(Unit.IN_FLIGHT, 3, HELD, 3)
ALL = (REQUESTS, TOKENS, DAILY, MONTHLY, IN_FLIGHT)


def claims(account: Account, tokens: int, quotas: tuple[Quota, ...] = ALL) -> tuple[Claim, ...]:
    costs = {Unit.REQUESTS: 1, Unit.TOKENS: tokens, Unit.SPEND: tokens * 3, Unit.IN_FLIGHT: 1, Unit.OUTPUT: tokens, Unit.INPUT: tokens}
    return tuple(Claim(quota, subject(quota.scope, account), costs[quota.unit]) for quota in quotas)


def actual(tokens: int) -> dict[Unit, int]:
    return {Unit.REQUESTS: 1, Unit.TOKENS: tokens, Unit.SPEND: tokens * 3, Unit.IN_FLIGHT: 1, Unit.OUTPUT: tokens, Unit.INPUT: tokens}


steps = st.lists(
    st.tuples(
        st.sampled_from(["reserve", "extend", "settle", "release", "renew"]),
        st.sampled_from([ANNA, BERT]),
        st.integers(0, 7),  # which request
        st.integers(0, 400),  # tokens
        st.sampled_from([0.0, 0.3, 2.0, 7.0, 40.0, 700.0, 90000.0]),  # seconds since the last step
        st.integers(1, 4),  # step of an extension
    ),
    max_size=40,
)
"""Any interleaving of what exchanges do, with clock jumps over leases, windows and memory."""
