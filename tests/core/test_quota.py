"""Laws of quotas: what counts, what it costs, and that a limit's amount is never part of its key."""

from hypothesis import given
from hypothesis import strategies as st

from proxy.core.facts import Account, Ask, LogitAsk, Operation, Usage
from proxy.core.quota import (
    ASKED,
    HELD,
    Accounting,
    Claim,
    Meter,
    Price,
    Quota,
    Scope,
    Unit,
    Window,
    amount_words,
    applies,
    charges,
    claimed,
    subject,
    tightest,
)  # fmt: skip

MINUTE = Window("rate", "minute", 60)
ANN = Account("ann", "acme", "free", key="key_1")
counts = st.integers(0, 10_000_000)
usages = st.builds(Usage, counts, counts, counts, counts, counts)


@given(st.integers(1, 10**9), st.integers(1, 10**9))
def test_usage_is_keyed_by_unit_window_and_model_never_by_the_amount(before: int, after: int) -> None:
    assert Quota(Unit.TOKENS, before, MINUTE, before).field == Quota(Unit.TOKENS, after, MINUTE, after).field
    assert Quota(Unit.TOKENS, before, MINUTE, before, model="large-*").field == "tokens/minute/large-*"


@given(usages)
def test_charges_are_never_negative_and_add_up(usage: Usage) -> None:
    costs = charges(usage, "m", Accounting(cached_input=0.1, reasoning=0.5))
    assert costs.keys() == {*Unit}
    assert all(cost >= 0 for cost in costs.values())
    assert costs[Unit.TOKENS] == costs[Unit.INPUT] + costs[Unit.OUTPUT]
    assert costs[Unit.INPUT] <= usage.input
    assert costs[Unit.OUTPUT] <= usage.output


@given(usages)
def test_without_weights_what_is_charged_is_what_was_used(usage: Usage) -> None:
    costs = charges(usage, "m", Accounting())
    assert (costs[Unit.INPUT], costs[Unit.OUTPUT]) == (usage.input, usage.output)


def test_spend_is_rounded_up_and_cached_tokens_have_their_own_price() -> None:
    price = Price(input=3_000_000, output=15_000_000, cached_input=300_000, cache_write=3_750_000)
    accounting = Accounting(prices=(("large-*", price),))
    usage = Usage(input=1000, output=10, cached_input=600, cache_write=100)
    assert charges(usage, "large-1", accounting)[Unit.SPEND] == 300 * 3 + 600 * 0.3 + 100 * 3.75 + 10 * 15
    assert charges(Usage(input=1), "large-1", Accounting(prices=(("*", Price(1, 1, 1, 1)),)))[Unit.SPEND] == 1
    assert charges(usage, "small", accounting)[Unit.SPEND] == 0


def test_a_quota_counts_only_what_costs_its_unit() -> None:
    chat, models = Ask(Operation.CHAT, "large-1"), Ask(Operation.LIST_MODELS)
    embed = Ask(Operation.EMBEDDINGS, "large-1")
    tokens, output = Quota(Unit.TOKENS, 9, MINUTE, 9), Quota(Unit.OUTPUT, 9, MINUTE, 9)
    assert applies(tokens, chat, ANN)
    assert applies(tokens, embed, ANN)
    assert not applies(tokens, models, ANN)
    assert not applies(output, embed, ANN)
    assert applies(Quota(Unit.REQUESTS, 9, MINUTE, 9), models, ANN)
    assert not applies(Quota(Unit.TOKENS, 9, MINUTE, 9, model="small-*"), chat, ANN)
    assert applies(Quota(Unit.TOKENS, 9, MINUTE, 9, model="large-*"), chat, ANN)


BIASED, SINGLE = Quota(Unit.BIASED, 9, MINUTE, 9, Scope.ORGANIZATION), Quota(Unit.SINGLE, 9, MINUTE, 9)


@given(usages, st.frozensets(st.integers(0, 99), max_size=5), st.booleans(), st.integers(1, 4))
def test_of_what_the_request_alone_decides_usage_says_nothing(usage: Usage, ids: frozenset[int], single: bool, choices: int) -> None:
    ask = Ask(Operation.CHAT, "m", choices=choices, logits=LogitAsk(tuple(sorted(ids)), single=single))
    costs = charges(usage, "m", Accounting())
    assert all(costs[unit] == 0 for unit in ASKED)
    assert claimed(BIASED, ask, ANN, costs) == Claim(BIASED, "o:acme", len(ids), tuple(sorted(ids)))
    assert claimed(SINGLE, ask, ANN, costs).cost == (choices if single else 0)
    assert (applies(BIASED, ask, ANN), applies(SINGLE, ask, ANN)) == (bool(ids), single)
    tokens = Quota(Unit.TOKENS, 9, MINUTE, 9)
    assert claimed(tokens, ask, ANN, costs) == Claim(tokens, "a:ann", costs[Unit.TOKENS])


def test_most_requests_ask_nothing_of_single_tokens() -> None:
    assert not any(applies(quota, Ask(Operation.CHAT, "m"), ANN) for quota in (BIASED, SINGLE))


def test_a_key_quota_needs_a_key() -> None:
    quota = Quota(Unit.REQUESTS, 9, MINUTE, 9, scope=Scope.KEY)
    assert applies(quota, Ask(Operation.CHAT, "m"), ANN)
    assert not applies(quota, Ask(Operation.CHAT, "m"), Account("bob", "bob", ""))


def test_subjects_name_whose_usage_it_is() -> None:
    assert [subject(scope, ANN) for scope in Scope] == ["k:key_1", "a:ann", "o:acme"]


def test_the_tightest_meter_is_the_one_with_the_smallest_share_left() -> None:
    wide = Meter(Quota(Unit.TOKENS, 1000, MINUTE, 1000), 500, 30)
    narrow = Meter(Quota(Unit.TOKENS, 10, Window("calendar", "day", 86400), 10), 9, 30)
    assert tightest((wide, narrow), [Unit.TOKENS]) is narrow
    assert tightest((wide, narrow), [Unit.REQUESTS]) is None


def test_quotas_read_aloud() -> None:
    assert Quota(Unit.TOKENS, 40_000, MINUTE, 40_000, model="large-*").words() == (
        "40000 tokens per minute of models large-*, counted per account"
    )
    assert BIASED.words() == "9 biased token ids per minute, counted per organization"
    assert SINGLE.words() == "9 single-token completions per minute, counted per account"
    assert Quota(Unit.IN_FLIGHT, 2, HELD, 2).words() == "2 requests in flight, counted per account"
    assert Quota(Unit.SPEND, 200_000_000, Window("calendar", "day", 86400), 1).words().startswith("$200.00 per day")
    assert Quota(Unit.REQUESTS, 1, Window("rate", "5minutes", 300), 1, Scope.KEY).words() == "1 request per 5 minutes, counted per API key"
    assert [amount_words(Unit.SPEND, micro) for micro in (0, 400, 1000, 12_500_000)] == ["$0.00", "$0.0004", "$0.001", "$12.50"]
