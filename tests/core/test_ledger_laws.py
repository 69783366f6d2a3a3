"""The laws of counting: whatever the interleaving, limits hold, refusals cost nothing, nothing leaks."""

import math
from copy import deepcopy
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.ledger import Ledger
from proxy.core.quota import Claim, Denial, Grant, Unit
from tests.support.claims import (
    ALL,
    ANNA,
    BERT,
    BIASED,
    BIASED_RATE,
    DAILY,
    IN_FLIGHT,
    MINUTE,
    REQUESTS,
    SINGLE,
    TOKENS,
    actual,
    biasing_steps,
    claims,
    ids,
    steps,
)  # fmt: skip

LEASE = 6.0
START = 1_900_000_000.0


@given(steps | biasing_steps)
def test_admitted_and_held_never_pass_a_limit(walk):
    """Settlements below the estimate only (above it, the excess is the stated estimation error).

    In flight, what had expired and runs all the same takes its place again, room or not: only then may the limit be passed."""
    ledger, at = Ledger(LEASE), START
    for verb, account, which, tokens, pause, step in walk:
        at += pause
        request, asked = f"{account.id}-{which}", claims(account, tokens)
        ledger.sweep(at)
        before = {name: ledger._filled(claims(each, 0, (IN_FLIGHT,))[0], at) for name, each in (("a:anna", ANNA), ("a:bert", BERT))}
        if verb == "reserve":
            ledger.reserve(request, asked, at)
        elif verb == "renew":
            ledger.renew(request, at)
        elif verb == "extend":
            ledger.extend(request, asked[1:4], step, at)
        elif verb == "settle" and (request in ledger._leases or which % 2):
            # what nobody asked for is charged, room or not: here, without what the request alone decides
            ledger.settle(request, asked if request in ledger._leases else asked[:5], actual(0), at)
        elif verb == "release":
            ledger.release(request, at)
        for claim in claims(ANNA, 0) + claims(BERT, 0):
            revived = verb in {"extend", "renew"} and claim.quota == IN_FLIGHT
            most = before[claim.subject] + revived if claim.quota == IN_FLIGHT else 0
            assert ledger._filled(claim, at) <= max(claim.limit, most) + 1e-6


@given(steps | biasing_steps, st.integers(0, 5000))
def test_a_refusal_changes_nothing(walk, tokens):
    ledger, at = Ledger(LEASE), START
    for verb, account, which, amount, pause, _ in walk:
        at += pause
        if verb == "reserve":
            ledger.reserve(f"{account.id}-{which}", claims(account, amount), at)
    ledger.sweep(at)
    before = {quota: ledger._filled(claims(ANNA, 0, (quota,))[0], at) for quota in ALL}
    known, met = deepcopy(ledger._leases), remembered(ledger)
    if isinstance(ledger.reserve("another", claims(ANNA, tokens), at), Denial):
        assert ledger._leases == known
        assert remembered(ledger) == met
        assert before == {quota: ledger._filled(claims(ANNA, 0, (quota,))[0], at) for quota in ALL}


def remembered(ledger):
    """Distinct things counted in windows that are not over."""
    found = {key: {m for m, when in c.met.items() if when > c.at - c.claim.stay} for key, c in ledger._counts.items()}
    return {key: members for key, members in found.items() if members}


@given(biasing_steps)
def test_a_distinct_thing_is_counted_once_in_a_window(walk):
    """In a day's budget: all that were used by what was admitted and not given back, and none that nobody used."""
    ledger, at, day, running, used, ever = Ledger(1e9), START, 0, {}, set(), set()
    for verb, account, which, tokens, pause, _ in walk:
        at += pause
        if int(at // 86400) != day:
            day, running, used, ever = int(at // 86400), {}, set(), set()
        request, asked = f"{account.id}-{which}-{day}", claims(account, tokens, (BIASED,))
        if verb == "reserve":
            new = request not in ledger._leases and request not in ledger._ended
            if isinstance(ledger.reserve(request, asked, at), Grant) and new:
                running[request] = {*ids(tokens)}
                ever |= {*ids(tokens)}
        elif request in running and verb == "release":
            ledger.release(request, at)
            running.pop(request)
        elif request in running:
            ledger.settle(request, asked, actual(tokens), at)
            used |= running.pop(request)
        filled = ledger._filled(claims(ANNA, 0, (BIASED,))[0], at)
        counted = remembered(ledger).get(("o:acme", BIASED.field), set())
        assert used.union(*running.values()) <= counted <= ever
        assert filled == len(counted) <= BIASED.burst


@given(st.lists(st.tuples(st.floats(0, 50), st.frozensets(st.integers(0, 30), min_size=1, max_size=4)), max_size=40))
def test_a_rate_of_distinct_things_admits_its_burst_and_its_rate(arrivals):
    """And whatever is used again within its seconds costs nothing."""
    ledger, at, new, last = Ledger(1e9), START, 0, {}
    for number, (pause, members) in enumerate(arrivals):
        at += pause
        fresh = [member for member in members if last.get(member, -math.inf) <= at - 60]
        claim = Claim(BIASED_RATE, "a:anna", len(members), tuple(sorted(members)))
        verdict = ledger.reserve(str(number), (claim,), at)
        if fresh:
            assert isinstance(verdict, Denial) or len(fresh) <= BIASED_RATE.burst
        else:
            assert isinstance(verdict, Grant)
        if isinstance(verdict, Grant):
            new += len(fresh)
            last |= dict.fromkeys(fresh, at)
    assert new <= BIASED_RATE.burst + BIASED_RATE.amount * (at - START) / 60 + 1e-6


@given(steps | biasing_steps)
def test_nothing_leaks_once_all_leases_are_over(walk):
    ledger, at = Ledger(LEASE), START
    for verb, account, which, tokens, pause, step in walk:
        at += pause
        request, asked = f"{account.id}-{which}", claims(account, tokens)
        match verb:
            case "reserve":
                ledger.reserve(request, asked, at)
            case "extend":
                ledger.extend(request, asked[1:4], step, at)
            case "settle":
                ledger.settle(request, asked, actual(tokens), at)
            case "release":
                ledger.release(request, at)
            case _:
                ledger.renew(request, at)
    at += LEASE
    ledger.sweep(at)
    assert ledger.in_flight() == 0
    assert all(count.held == 0 for count in ledger._counts.values())


@given(st.lists(st.tuples(st.floats(0, 20), st.integers(1, 300)), max_size=60))
def test_a_rate_admits_at_most_burst_and_its_rate(arrivals):
    ledger, at, admitted = Ledger(1e9), START, 0
    for number, (pause, tokens) in enumerate(arrivals):
        at += pause
        asked = claims(ANNA, tokens, (TOKENS,))
        if isinstance(ledger.reserve(str(number), asked, at), Grant):
            admitted += tokens
            ledger.settle(str(number), asked, actual(tokens), at)
    assert admitted <= TOKENS.burst + TOKENS.amount * (at - START) / 60 + 1e-6


def test_settling_twice_is_settling_once():
    ledger, asked = Ledger(LEASE), claims(ANNA, 50)
    ledger.reserve("r", asked, START)
    for _ in range(3):
        ledger.settle("r", asked, actual(80), START)
    assert ledger._filled(claims(ANNA, 0, (DAILY,))[0], START) == 80


def test_a_late_settlement_trues_up_what_expiry_charged():
    ledger, asked = Ledger(LEASE), claims(ANNA, 50)
    ledger.reserve("r", asked, START)
    ledger.sweep(START + 10)
    daily, flying = claims(ANNA, 0, (DAILY,))[0], claims(ANNA, 0, (IN_FLIGHT,))[0]
    assert (ledger._filled(daily, START + 10), ledger._filled(flying, START + 10)) == (50, 0)
    ledger.settle("r", asked, actual(70), START + 20)
    assert ledger._filled(daily, START + 20) == 70


def test_what_was_served_while_the_store_was_lost_is_charged_in_full():
    ledger = Ledger(LEASE)
    ledger.settle("unknown", claims(ANNA, 0), actual(70), START)
    assert ledger._filled(claims(ANNA, 0, (DAILY,))[0], START) == 70


SIXTY = replace(REQUESTS, amount=60, burst=60)
NEXT = claims(ANNA, 0, (SIXTY,))


@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("gateways", [1, 2, 7])
@pytest.mark.parametrize("outage", [290, 3600])
def test_what_was_served_while_the_store_was_lost_has_drained_since(first, gateways, outage):
    """Thirty a minute of sixty: whoever writes first, and whether or not somebody has asked before, nothing is left of it."""
    ledger = Ledger(LEASE)
    if first:
        ledger.reserve("first", NEXT, START)
    ends = range(outage, 3, -2)
    for gateway in range(gateways):
        for age in ends[gateway::gateways]:
            ledger.settle(f"r{age}", NEXT, actual(0), START, age)
    assert ledger._filled(NEXT[0], START) == pytest.approx(int(first))
    assert isinstance(ledger.reserve("next", NEXT, START), Grant)


def test_what_was_used_at_once_drains_once():
    """However many there were: each alone would have drained long ago, all together have not."""
    ledger = Ledger(LEASE)
    for number in range(100):
        ledger.settle(str(number), NEXT, actual(0), START, 10.0)
    assert ledger._filled(NEXT[0], START) == pytest.approx(90)


def test_what_was_used_in_a_budget_that_is_over_is_over():
    ledger = Ledger(LEASE)
    ledger.settle("yesterday", claims(ANNA, 0), actual(70), START, 86400)
    assert ledger._filled(claims(ANNA, 0, (DAILY,))[0], START) == 0


@given(st.lists(st.tuples(st.integers(0, 90), st.floats(0, 40), st.sampled_from([0.0, 0.0, 3.0, 40.0, 400.0])), max_size=60))
def test_no_order_of_settlements_mints_quota(walk):
    """Never less than a bucket that had been told of everything when it happened."""
    ledger, at, events = Ledger(LEASE), START, []
    for number, (amount, pause, age) in enumerate(walk):
        at += pause
        asked = claims(ANNA, amount, (replace(TOKENS, burst=10**9),))
        if age:
            ledger.settle(str(number), asked, actual(amount), at, age)
        else:
            ledger.reserve(str(number), asked, at)
            ledger.settle(str(number), asked, actual(amount), at)
        events.append((at - age, amount))
        assert ledger._filled(asked[0], at) >= drained_in_time(events, asked[0].refill, at) - 1e-4


def drained_in_time(events, refill, at):
    level, last = 0.0, 0.0
    for when, amount in sorted(events):
        level, last = max(0.0, level - (when - last) * refill) + amount, when
    return max(0.0, level - (at - last) * refill)


def test_an_exchange_that_outlived_its_lease_takes_its_place_in_flight_again():
    ledger, asked = Ledger(LEASE), claims(ANNA, 50, (replace(IN_FLIGHT, amount=1, burst=1), DAILY))
    ledger.reserve("r", asked, START)
    ledger.sweep(START + 10)
    assert isinstance(ledger.reserve("s", asked, START + 10), Grant)
    for _ in range(2):
        ledger.renew("r", START + 11)
    assert [ledger._filled(claim, START + 11) for claim in asked] == [2, 100]
    ledger.settle("s", asked, actual(50), START + 12)
    assert isinstance(ledger.reserve("t", asked, START + 12), Denial)
    ledger.settle("r", asked, actual(30), START + 12)
    assert [ledger._filled(claim, START + 12) for claim in asked] == [0, 80]
    ledger.renew("r", START + 13)
    assert ledger.in_flight() == 0


def test_so_does_a_stream_that_takes_more():
    ledger, asked = Ledger(LEASE), claims(ANNA, 50, (IN_FLIGHT, DAILY))
    ledger.reserve("r", asked, START)
    ledger.extend("r", asked[1:], 1, START + 10)
    assert [ledger._filled(claim, START + 10) for claim in asked] == [1, 100]


def test_leases_that_never_expire_are_not_looked_at_with_every_call():
    class Counted(dict):
        walks = 0

        def __iter__(self):
            Counted.walks += 1
            return super().__iter__()

        def items(self):
            Counted.walks += 1
            return super().items()

    ledger = Ledger(math.inf)
    ledger._leases = Counted()
    for number in range(1000):
        ledger.reserve(str(number), (), START + number)
    assert Counted.walks == 0
    assert ledger.in_flight() == 1000


def test_editing_a_limit_keeps_usage():
    ledger = Ledger(LEASE)
    ledger.reserve("r", claims(ANNA, 0, (REQUESTS,)), START)
    wider = type(REQUESTS)(Unit.REQUESTS, 60, MINUTE, 60)
    assert ledger._filled(claims(ANNA, 0, (wider,))[0], START) == 1


def test_what_never_fits_is_said_so():
    verdict = Ledger(LEASE).reserve("r", claims(ANNA, 301), START)
    assert isinstance(verdict, Denial)
    assert verdict.never
    assert verdict.binding.quota == TOKENS


def biasing(*members):
    return (Claim(BIASED, "o:acme", len(members), members), *claims(ANNA, 0, (SINGLE, REQUESTS)))


def left(ledger, at=START):
    return [ledger._filled(claim, at) for claim in biasing(1)]


def test_what_the_request_alone_decides_is_left_by_its_settlement():
    ledger = Ledger(LEASE)
    ledger.reserve("r", biasing(1, 2, 3), START)
    ledger.settle("r", biasing(1, 2, 3), actual(0), START)
    assert left(ledger) == [3, 1, 1]
    ledger.reserve("s", biasing(2, 3, 4), START)
    assert left(ledger) == [4, 2, 2]


def test_what_is_given_back_is_forgotten_unless_another_has_used_it():
    ledger = Ledger(LEASE)
    ledger.reserve("r", biasing(1, 2, 3), START)
    ledger.reserve("s", biasing(3, 4), START)
    ledger.release("r", START)
    assert left(ledger) == [2, 1, 1]
    ledger.reserve("t", biasing(1, 3), START)
    assert left(ledger) == [3, 2, 2]


def test_a_refusal_by_any_other_quota_counts_no_member():
    ledger, none = Ledger(LEASE), replace(REQUESTS, amount=1, burst=0)
    assert isinstance(ledger.reserve("r", (*biasing(1, 2), *claims(ANNA, 0, (none,))), START), Denial)
    assert left(ledger) == [0, 0, 0]


def test_more_members_than_a_window_holds_never_fit():
    verdict = Ledger(LEASE).reserve("r", biasing(*range(9)), START)
    assert isinstance(verdict, Denial)
    assert verdict.never
    assert (verdict.cost, verdict.binding.quota) == (9, BIASED)


def test_what_was_biased_while_the_store_was_lost_is_remembered_and_only_as_much_as_a_window_holds():
    ledger = Ledger(LEASE)
    for number in range(6):
        ledger.settle(str(number), biasing(*range(number * 4, number * 4 + 4)), actual(0), START)
    count = ledger._counts["o:acme", BIASED.field]
    assert (count.used, len(count.met)) == (24, 8)
    ledger.settle("again", biasing(*range(4)), actual(0), START)
    assert count.used == 24


def test_wider_budgets_keep_what_was_met():
    ledger = Ledger(LEASE)
    ledger.reserve("r", biasing(1, 2, 3), START)
    wider = Claim(replace(BIASED, amount=90, burst=90), "o:acme", 2, (3, 4))
    assert ledger.reserve("s", (wider,), START).meters[0].used == 4
