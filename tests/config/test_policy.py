"""What a policy file becomes: the shipped ones, every part of the grammar, folders, lists, the digest."""

from pathlib import Path

import pytest

from proxy.config.policy import compile_policy, compile_text
from proxy.config.problems import PolicyProblems
from proxy.core.policy import Policy
from proxy.core.quota import HELD, Price, Quota, Scope, Unit, Window
from proxy.identity import header, jwt_settings

POLICIES = Path(__file__).parents[2] / "policies"
SHIPPED = [POLICIES, *sorted(POLICIES.rglob("*.yaml"))]
SMALL = "tiers: {free: {requests: 20/minute}}\n"


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_what_is_shipped_compiles_and_its_identity_settings_are_taken(path: Path) -> None:
    policy = compile_policy(path)
    assert policy.notes == ()
    assert policy.enforce
    for name, read in (("jwt", jwt_settings.read), ("header", header.read)):
        if name in policy.identity:
            read(policy.identity_settings[name])


def test_three_worked_examples_are_shipped_each_with_its_schema_line() -> None:
    examples = [path for path in SHIPPED if path.suffix == ".yaml"]
    assert len(examples) == 4
    for path in examples:
        first = path.read_text().splitlines()[0]
        schema = first.removeprefix("# yaml-language-server: $schema=")
        assert (path.parent / schema).resolve() == POLICIES / "policy.schema.json"


def quotas(text: str) -> tuple[Quota, ...]:
    return compile_text(f"tiers: {{t: {{{text}}}}}\naccounting: {{prices: {{'*': {{input: 3, output: 15}}}}}}").tiers["t"].quotas


def test_every_kind_of_limit_becomes_a_quota() -> None:
    minute, day = Window("rate", "minute", 60), Window("calendar", "day", 86400)
    assert quotas("requests: 600/minute burst 50") == (Quota(Unit.REQUESTS, 600, minute, 50),)
    assert quotas("tokens: [40k/minute, 500k/day]") == (
        Quota(Unit.TOKENS, 40_000, minute, 40_000),
        Quota(Unit.TOKENS, 500_000, day, 500_000),
    )
    assert [quota.unit for quota in quotas("tokens: {input: 1/day, output: [2/day], total: 3/day}")] == [
        Unit.INPUT,
        Unit.OUTPUT,
        Unit.TOKENS,
    ]
    assert quotas("spend: 200 usd/day") == (Quota(Unit.SPEND, 200_000_000, day, 200_000_000),)
    assert quotas("in_flight: 2") == (Quota(Unit.IN_FLIGHT, 2, HELD, 2),)


def test_scopes_and_models() -> None:
    policy = compile_text("""
tiers:
  t:
    models: {only: ["large-*", small-1], "large-*": {tokens: 150k/minute, in_flight: 3}}
    per: {key: {requests: 5/minute}, organization: {tokens: 1m/day}}
    priority: 4
""")
    tier = policy.tiers["t"]
    assert tier.models == ("large-*", "small-1")
    assert tier.priority == 4
    assert [(quota.scope, quota.unit, quota.model) for quota in tier.quotas] == [
        (Scope.KEY, Unit.REQUESTS, ""),
        (Scope.ORGANIZATION, Unit.TOKENS, ""),
        (Scope.ACCOUNT, Unit.TOKENS, "large-*"),
        (Scope.ACCOUNT, Unit.IN_FLIGHT, "large-*"),
    ]


def test_a_models_limit_restricts_nothing_by_itself() -> None:
    assert compile_text("tiers: {t: {models: {'large-*': {tokens: 1k/day}}}}").tiers["t"].models == ()


def test_the_smallest_policy_has_sensible_defaults() -> None:
    policy = compile_text(SMALL, "front.yaml")
    assert (policy.name, policy.enforce, policy.default_tier, policy.identity) == ("front", True, "free", ("keys",))
    assert (policy.store_lost.serve_locally, policy.store_lost.seconds, policy.store_lost.then_refuse) == (0.5, 300.0, True)
    assert (policy.stream_over_quota, policy.capacity.in_flight, policy.risk.on) == ("slow", 0, False)


def test_every_other_part() -> None:
    policy = compile_text(f"""{SMALL}
mode: shadow
contact: help@example.com
routes: [{{path: "/v1/files/**", methods: POST, allow: tunnel, cost: {{requests: 2, tokens: 9}}}}]
accounts: {{tiers: {{ann: free, 42: free}}}}
accounting:
  weights: {{cached_input: 0.1, reasoning: 2}}
  prices: {{"big": {{input: 3 usd/1m, output: 15, cached_input: 0.3}}}}
  slice: 512
capacity: {{in_flight: 9, queue: {{seconds: 3, length: 4}}}}
failure: {{store_lost: {{serve_locally: 10%, for: 1m, then: serve}}, stream_over_quota: stop}}
timeouts: {{idle: 90s}}
""")
    assert not policy.enforce
    assert policy.routes[0].methods == ("POST",)
    assert (policy.routes[0].requests, policy.routes[0].tokens, policy.routes[0].unshaped) == (2, 9, False)
    assert policy.account_tiers == {"ann": "free", "42": "free"}
    assert policy.accounting.price("big") == Price(3_000_000, 15_000_000, 300_000, 3_000_000)
    assert (policy.accounting.cached_input, policy.accounting.reasoning, policy.accounting.slice) == (0.1, 2, 512)
    assert (policy.capacity.in_flight, policy.capacity.queue_seconds, policy.capacity.queue_length) == (9, 3.0, 4)
    assert not policy.store_lost.then_refuse
    assert (policy.idle_seconds, policy.contact) == (90.0, "help@example.com")


def test_the_digest_is_of_the_meaning() -> None:
    digest = compile_text(SMALL).digest
    assert len(digest) == 12
    assert compile_text(f"# a comment\n{SMALL}").digest == digest
    assert compile_text("tiers: {free: {requests: 20 rpm}}").digest == digest
    assert compile_text("tiers: {free: {requests: 21/minute}}").digest != digest


def test_lists_are_read_beside_the_policy_and_count_for_the_digest(tmp_path: Path) -> None:
    (tmp_path / "trusted.txt").write_text("ann  # a customer\n\n# nobody\nbob\n")
    (tmp_path / "p.yaml").write_text(SMALL + "accounts: {lists: {trusted: trusted.txt}}")
    first = compile_policy(tmp_path / "p.yaml")
    assert first.trusted == {"ann", "bob"}
    (tmp_path / "trusted.txt").write_text("ann\n")
    assert compile_policy(tmp_path / "p.yaml").digest != first.digest


def test_a_folder_is_one_policy(tmp_path: Path) -> None:
    (tmp_path / "10-main.yaml").write_text("tiers: {free: {requests: 1/minute}}\naccounts: {default_tier: free, tiers: {ann: team}}")
    (tmp_path / "20-team.yaml").write_text("tiers: {team: {requests: 9/minute}}\naccounts: {tiers: {bob: team}}\nmode: shadow")
    (tmp_path / "notes.txt").write_text("not a policy")
    policy = compile_policy(tmp_path)
    assert list(policy.tiers) == ["free", "team"]
    assert policy.account_tiers == {"ann": "team", "bob": "team"}
    assert policy.name == tmp_path.name
    assert not policy.enforce


@pytest.mark.parametrize("more", ["mode: shadow", "tiers: {free: {}}", "accounts: {tiers: {ann: free}}"])
def test_a_key_in_two_files_of_a_folder_names_both(tmp_path: Path, more: str) -> None:
    (tmp_path / "a.yaml").write_text("mode: enforce\ntiers: {free: {}}\naccounts: {tiers: {ann: free}}\n")
    (tmp_path / "b.yaml").write_text(more)
    with pytest.raises(PolicyProblems, match=r"b\.yaml:1:\d+: .*stands in two files; the other one is .*a\.yaml:\d:\d"):
        compile_policy(tmp_path)


def test_anchors_may_be_used() -> None:
    policy = compile_text("tiers:\n  a: &a {requests: 2/minute}\n  b: *a\naccounts: {default_tier: a}")
    assert policy.tiers["a"].quotas == policy.tiers["b"].quotas


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("mode: shadow\n" + SMALL, "mode: shadow"),
        ("tiers: {t: {}}", "no limits at all"),
        ("tiers: {t: {spend: 1 usd/day}}\naccounting: {prices: {big: {input: 1, output: 1}}}", "a last price for '*'"),
        ("tiers: {t: {models: {only: [small-*], 'large-*': {requests: 1/day}}}}", "'only' allows no such model"),
        ("tiers: {t: {models: {only: [small-*], large-1: {requests: 1/day}}}}", "'only' allows no such model"),
        (SMALL + "accounting: {prices: {'*': {input: 1, output: 1}, big: {input: 1, output: 1}}}", "accounting.prices.big: never used"),
        (SMALL + "routes: [{path: /a/**, allow: tunnel}, {path: /a/b, allow: tunnel}]", "'/a/b' is never used"),
        (SMALL + "identity: {upstream: {tier: free}}", "identity.upstream: not used"),
        (SMALL + "identity: {from: [jwt], jwt: {issuer: i, audience: a, jwks_url: 'http://x/y'}}", "a key of their own"),
        (SMALL + "identity: {from: header, header: {trusted_peers: [0.0.0.0/0]}}", "any caller can name any account"),
        ("tiers: {t: {per: {key: {requests: 1/day}}}}\nidentity: {from: upstream}", "'keys' is not an identity source"),
    ],
)
def test_what_is_probably_not_meant_is_noted(text: str, note: str) -> None:
    assert any(note in said for said in compile_text(text).notes)


@pytest.mark.parametrize(
    "text",
    [
        "tiers: {t: {models: {only: ['*-large', 'small-*'], 'small-1*': {requests: 1/day}, 'x*large': {requests: 2/day}}}}",
        SMALL + "accounting: {prices: {'a?': {input: 1, output: 1}, 'a*': {input: 2, output: 2}}}",
        SMALL + "routes: [{path: /a/**, methods: GET, allow: tunnel}, {path: /a/b, allow: tunnel}]",
    ],
)
def test_what_may_be_meant_is_not_noted(text: str) -> None:
    assert compile_text(text).notes == ()


def test_a_policy_is_whole(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_bytes(b"\xef\xbb\xbf" + SMALL.encode())
    assert isinstance(compile_policy(tmp_path / "p.yaml"), Policy)
