"""Worlds of the open benchmark: the same seed gives the same bytes, the format is the one that is promised, and labels fit the events."""

import gzip
import hashlib
import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.campaigns.families import FAMILIES
from bench.campaigns.files import LABELS, TRACE, write
from bench.campaigns.groups import GROUPS
from bench.campaigns.honest import KINDS
from bench.campaigns.stock import NEW
from bench.campaigns.world import SMALLEST, Plan, make, shares
from proxy.dialects import CATALOGUE
from proxy.dialects.base import Route

ROOT = Path(__file__).parents[2]
PATHS = {"openai_chat": "/chat/completions", "anthropic_messages": "/messages", "openai_responses": "/responses"}
SMALL = Plan(seed=3, accounts=260, days=4, prevalence=0.3)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """A world's trace and labels, from disk."""
    out = tmp_path_factory.mktemp("world")
    write(make(SMALL), out)
    with gzip.open(out / TRACE) as file:
        return [json.loads(line) for line in file], json.loads((out / LABELS).read_text())


def test_the_same_seed_gives_the_same_bytes_in_any_process(tmp_path: Path) -> None:
    """Also where strings hash otherwise: no set and no dictionary of strings decides an order."""
    digests = set()
    for hashing in ("1", "2"):
        out = tmp_path / hashing
        make_one = [sys.executable, "-m", "bench.campaigns", "make", str(out), "--seed", "5", "--accounts", "80", "--days", "2"]
        subprocess.run(make_one, check=True, cwd=ROOT, env={**os.environ, "PYTHONHASHSEED": hashing}, capture_output=True)
        digests.add(hashlib.sha256((out / TRACE).read_bytes() + (out / LABELS).read_bytes()).hexdigest())
    assert len(digests) == 1


def test_making_and_scoring_load_the_standard_library_only() -> None:
    code = "import sys, bench.campaigns.__main__; print([m for m in ('proxy', 'numpy', 'scipy', 'msgspec', 'click') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT).stdout.strip() == "[]"


def test_another_seed_gives_another_world(tmp_path: Path) -> None:
    traces = []
    for seed in (1, 2):
        write(make(Plan(seed=seed, accounts=40, days=1)), tmp_path / str(seed))
        traces.append((tmp_path / str(seed) / TRACE).read_bytes())
    assert traces[0] != traces[1]


def test_a_line_has_the_promised_members_in_order(made: tuple[list[dict[str, Any]], dict[str, Any]]) -> None:
    lines, _ = made
    for line in lines:
        assert list(line) == ["time", "account", "account_facts", "client", "dialect", "model", "request", "usage", "status"]
        assert list(line["account_facts"]) == ["created", "tier", "organization", "payment", "verified", "program"]
        assert list(line["client"]) == ["address", "asn", "user_agent", "tls", "headers"]
        assert list(line["usage"]) == ["input_tokens", "output_tokens", "reasoning_tokens"]
        assert line["request"]["model"] == line["model"]
        assert line["usage"]["reasoning_tokens"] <= line["usage"]["output_tokens"]
        assert line["account_facts"]["tier"] in {"free", "build", "scale", "enterprise"}


def test_time_goes_forward_and_accounts_exist_before_they_ask(made: tuple[list[dict[str, Any]], dict[str, Any]]) -> None:
    lines, _ = made
    assert [line["time"] for line in lines] == sorted(line["time"] for line in lines)
    assert all(line["account_facts"]["created"] <= line["time"] for line in lines)
    assert lines[-1]["time"] - lines[0]["time"] < SMALL.days * 86_400


def test_an_account_keeps_its_facts(made: tuple[list[dict[str, Any]], dict[str, Any]]) -> None:
    lines, _ = made
    facts: dict[str, Any] = {}
    for line in lines:
        assert facts.setdefault(line["account"], line["account_facts"]) == line["account_facts"]


def test_our_own_dialects_read_every_body(made: tuple[list[dict[str, Any]], dict[str, Any]]) -> None:
    lines, _ = made
    dialects = {dialect.name: dialect for dialect in CATALOGUE}
    routes = {name: next(route for route in dialects[name].routes if route.path == path) for name, path in PATHS.items()}
    for line in lines:
        route: Route = routes[line["dialect"]]
        ask = dialects[line["dialect"]].read(route, json.dumps(line["request"]).encode())
        assert ask.model == line["model"]


def test_labels_fit_the_events(made: tuple[list[dict[str, Any]], dict[str, Any]]) -> None:
    lines, labels = made
    accounts, extract = labels["accounts"], labels["events_extract"]
    assert {line["account"] for line in lines} == set(accounts)
    assert extract == sorted(set(extract))
    assert extract
    for place in extract:
        assert accounts[lines[place]["account"]]["label"] != "benign"
    extracting = Counter(lines[place]["account"] for place in extract)
    for account, asked in Counter(line["account"] for line in lines).items():
        label = accounts[account]
        assert label["label"] != "campaign" or extracting[account] == asked, "what is no extraction makes an account mixed"
        assert (label["campaign"] is None) == (label["label"] == "benign")
        assert label["kind"] in (FAMILIES if label["campaign"] else {**KINDS, **GROUPS})


def test_campaigns_hold_their_accounts_and_say_what_they_do(made: tuple[list[dict[str, Any]], dict[str, Any]]) -> None:
    lines, labels = made
    assert {each["family"] for each in labels["campaigns"].values()} == set(FAMILIES)
    for name, campaign in labels["campaigns"].items():
        told = {account for account, label in labels["accounts"].items() if label["campaign"] == name}
        assert set(campaign["accounts"]) == told
        # A conversation may take several exchanges, and the window cuts some off.
        served = sum(lines[place]["account"] in told for place in labels["events_extract"])
        assert 0.5 * campaign["planned_exchanges"] <= served <= 4 * campaign["planned_exchanges"]


def test_every_honest_kind_is_there_in_a_usual_world() -> None:
    world = make(Plan(accounts=2000))
    kinds = Counter(actor.kind for actor in world.actors if actor.campaign is None)
    assert set(kinds) == {*KINDS, *GROUPS}
    assert abs(len(world.actors) - 2000) <= 20
    assert abs(sum(actor.campaign is not None for actor in world.actors) - 100) <= 20


def test_families_can_be_chosen_or_left_out() -> None:
    none = make(Plan(accounts=50, days=1, families=()))
    assert {actor.campaign for actor in none.actors} == {None}
    some = make(Plan(accounts=200, days=2, prevalence=0.2, families=("logits", "hydra")))
    assert {campaign.family.name for campaign in some.campaigns} == {"logits", "hydra"}


@pytest.mark.parametrize("accounts", [20, 60, 100, 300])
def test_where_accounts_are_few_fewer_families_have_enough(accounts: int) -> None:
    world = make(Plan(accounts=accounts, days=2, prevalence=0.1))
    assert all(campaign.size >= SMALLEST for campaign in world.campaigns)
    assert bool(world.campaigns) == (accounts * 0.1 >= SMALLEST)


def test_campaigns_share_some_of_their_infrastructure_and_not_all() -> None:
    world = make(Plan(accounts=1000, prevalence=0.2, families=("harvest",)))
    for campaign in world.campaigns:
        members = [actor.person for actor in world.actors if actor.campaign == campaign.name]
        payments = Counter(person.payment for person in members if person.payment)
        assert 1 < max(payments.values()) < len(members)
        assert len({person.software for person in members}) > 1
        assert len({person.organization for person in members}) == len(members)


def test_some_strangers_among_the_honest_share_a_payment_and_a_rare_template() -> None:
    world = make(Plan(accounts=1500, prevalence=0.0, families=()))
    solo = [actor.person for actor in world.actors if actor.kind in KINDS]
    assert any(count > 1 for payment, count in Counter(person.payment for person in solo).items() if payment)
    recipes: dict[str, set[str]] = {}
    for actor in world.actors:
        if actor.kind in ("grader", "recipe", "datagen"):
            for begun in actor.plan:
                recipes.setdefault(begun.voice.template.instructions, set()).add(actor.person.organization)
                break
    assert any(2 <= len(strangers) <= 12 for strangers in recipes.values())


def test_low_and_slow_never_asks_more_than_twenty_a_day(tmp_path: Path) -> None:
    world = make(Plan(accounts=60, days=3, prevalence=0.5, families=("low_slow",), pace=10))
    daily = Counter((each.person.account, each.at // 86_400) for each in world.exchanges() if each.extract)
    assert max(daily.values()) == 20


def test_a_pivoting_campaign_moves_half_within_a_day_of_the_release() -> None:
    world = make(Plan(accounts=200, days=6, prevalence=0.5, families=("pivot",), pace=2))
    release, extract = world.stock.release, [each for each in world.exchanges() if each.extract]
    assert {each.model for each in extract if each.at < release} & {NEW} == set()
    after = [each.model == NEW for each in extract if each.at > release + 86_400]
    assert 0.4 < sum(after) / len(after) < 0.6


def test_accounts_of_a_hydra_are_replaced_half_way_and_their_list_goes_on() -> None:
    world = make(Plan(accounts=300, days=6, prevalence=0.5, families=("hydra",), pace=3))
    seen: dict[str, list[float]] = {}
    for each in world.exchanges():
        if each.extract:
            seen.setdefault(each.person.account, []).append(each.at)
    middle = world.stock.window.part(0, 0.56).end
    early = [times for times in seen.values() if times[0] < middle]
    late = [account for account, times in seen.items() if times[0] >= middle]
    created = {actor.person.account: actor.person.created for actor in world.actors}
    assert sum(times[-1] < middle for times in early) > len(early) / 2
    assert sum(created[account] > world.stock.window.start for account in late) > len(early) / 3
    covers = [actor for actor in world.actors if actor.campaign]
    assert all(actor.mixed for actor in covers)


def test_a_list_is_dealt_out_over_the_accounts() -> None:
    """Hardly an item is asked by two accounts of a campaign, and hardly one twice by the same."""
    world = make(Plan(accounts=300, days=5, prevalence=0.3, families=("harvest",)))
    asked: dict[str, set[str]] = {}
    for each in world.exchanges():
        if each.extract:
            asked.setdefault(each.prompt.messages[0].text.rpartition("\n")[2], set()).add(each.person.account)
    several = sum(len(accounts) > 1 for accounts in asked.values())
    assert several < 0.2 * len(asked)


@given(st.dictionaries(st.text(min_size=1, max_size=4), st.floats(0.1, 50), min_size=1, max_size=8), st.integers(0, 500))
def test_shares_add_up_and_are_fair(weights: dict[str, float], count: int) -> None:
    found = shares(weights, count)
    assert sum(found.values()) == count
    total = sum(weights.values())
    assert all(abs(found[name] - count * weight / total) < 1 for name, weight in weights.items())
