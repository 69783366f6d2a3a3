"""Quotas and claims for tests."""

from hypothesis import strategies as st

from proxy.core.facts import Account, Ask, LogitAsk, Operation
from proxy.core.quota import HELD, Claim, Quota, Scope, Unit, Window, claimed

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
SINGLE = Quota(Unit.SINGLE, 5, DAY, 5, Scope.ORGANIZATION)
BIASED = Quota(Unit.BIASED, 8, DAY, 8, Scope.ORGANIZATION)
BIASED_RATE = Quota(Unit.BIASED, 6, MINUTE, 5)
ALL = (REQUESTS, TOKENS, DAILY, MONTHLY, IN_FLIGHT, SINGLE, BIASED, BIASED_RATE)


def claims(account: Account, tokens: int, quotas: tuple[Quota, ...] = ALL) -> tuple[Claim, ...]:
    """What an exchange of `tokens` tokens claims. Where they are even it biases `ids(tokens)` and allows a single token."""
    biased = ids(tokens)
    ask = Ask(Operation.CHAT, logits=LogitAsk(biased, single=True) if biased else None)
    return tuple(claimed(quota, ask, account, actual(tokens)) for quota in quotas)


def ids(tokens: int) -> tuple[int, ...]:
    """A few token ids, of which other amounts of tokens name some again; none for an odd one."""
    return () if tokens % 2 else tuple(sorted({tokens % 5, 3 + tokens % 7, 6 + tokens % 11}))


def actual(tokens: int) -> dict[Unit, int]:
    """What is used in the end. Of what the request alone decides it says nothing true: it must not be believed."""
    costs = {Unit.REQUESTS: 1, Unit.TOKENS: tokens, Unit.SPEND: tokens * 3, Unit.IN_FLIGHT: 1, Unit.OUTPUT: tokens, Unit.INPUT: tokens}
    return costs | {Unit.BIASED: 0, Unit.SINGLE: 0}


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

biasing_steps = st.lists(
    st.tuples(
        st.sampled_from(["reserve", "reserve", "reserve", "settle", "release", "release"]),
        st.sampled_from([ANNA, BERT]),
        st.integers(0, 3),
        st.sampled_from(range(0, 24, 2)),  # small and even: every one names token ids
        st.sampled_from([0.0, 0.3, 8.0, 61.0, 90000.0]),
        st.integers(1, 4),
    ),
    min_size=4,
    max_size=30,
)
"""The same where every exchange biases tokens, and many of them the same ones."""
