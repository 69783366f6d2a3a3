"""The laws of counting: whatever the interleaving, limits hold, refusals cost nothing, nothing leaks."""

from copy import deepcopy

from hypothesis import given
from hypothesis import strategies as st

from proxy.core.ledger import Ledger
from proxy.core.quota import Denial, Grant, Unit
from tests.support.claims import ALL, ANNA, BERT, DAILY, IN_FLIGHT, MINUTE, REQUESTS, TOKENS, actual, claims, steps

LEASE = 6.0
START = 1_900_000_000.0


@given(steps)
def test_admitted_and_held_never_pass_a_limit(walk):
    """Settlements below the estimate only (above it, the excess is the stated estimation error)."""
    ledger, at = Ledger(LEASE), START
    for verb, account, which, tokens, pause, step in walk:
        at += pause
        request, asked = f"{account.id}-{which}", claims(account, tokens)
        if verb == "reserve":
            ledger.reserve(request, asked, at)
        elif verb == "extend":
            ledger.extend(request, asked[1:4], step, at)
        elif verb == "settle":
            ledger.settle(request, asked, actual(0), at)
        elif verb == "release":
            ledger.release(request, at)
        for claim in claims(ANNA, 0) + claims(BERT, 0):
            assert ledger._filled(claim, at) <= claim.limit + 1e-6


@given(steps, st.integers(0, 5000))
def test_a_refusal_changes_nothing(walk, tokens):
    ledger, at = Ledger(LEASE), START
    for verb, account, which, amount, pause, _ in walk:
        at += pause
        if verb == "reserve":
            ledger.reserve(f"{account.id}-{which}", claims(account, amount), at)
    ledger.sweep(at)
    before = {quota: ledger._filled(claims(ANNA, 0, (quota,))[0], at) for quota in ALL}
    known = deepcopy(ledger._leases)
    if isinstance(ledger.reserve("another", claims(ANNA, tokens), at), Denial):
        assert ledger._leases == known
        assert before == {quota: ledger._filled(claims(ANNA, 0, (quota,))[0], at) for quota in ALL}


@given(steps)
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


def test_what_was_served_while_the_store_was_lost_has_drained_since():
    """60 a minute, and somebody who asks for 30: an outage of five minutes leaves nothing to wait for."""
    per_minute = type(REQUESTS)(Unit.REQUESTS, 60, MINUTE, 60)
    ledger, asked = Ledger(LEASE), claims(ANNA, 0, (per_minute,))
    for number in range(145):
        ledger.settle(str(number), asked, actual(0), START, age=290 - 2 * number)
    assert isinstance(ledger.reserve("next", asked, START), Grant)


def test_an_exchange_that_outlived_its_lease_takes_its_place_again():
    ledger, one = Ledger(LEASE), (type(IN_FLIGHT)(Unit.IN_FLIGHT, 1, IN_FLIGHT.window, 1),)
    ledger.reserve("r", claims(ANNA, 0, one), START)
    ledger.sweep(START + 10)
    ledger.renew("r", START + 11)
    assert isinstance(ledger.reserve("s", claims(ANNA, 0, one), START + 12), Denial)
    ledger.settle("r", claims(ANNA, 0, one), actual(0), START + 13)
    assert isinstance(ledger.reserve("s", claims(ANNA, 0, one), START + 14), Grant)


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
