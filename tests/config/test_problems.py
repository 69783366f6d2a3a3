"""Whatever is wrong in a policy is told with file, line and column; and nothing but `PolicyProblems` ever comes out."""

import re
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from proxy.config.policy import compile_policy, compile_text
from proxy.config.problems import SHOWN, PolicyProblems
from proxy.core.policy import Policy
from proxy.errors import ConfigError

DEFAULT = (Path(__file__).parents[2] / "policies" / "default.yaml").read_text()
GOOD = "tiers: {free: {requests: 20/minute}}\n"
PLACED = re.compile(r"p\.yaml:\d+:\d+: ")


def problems(text: str, *, every: bool = True) -> str:
    with pytest.raises(PolicyProblems) as error:
        compile_text(text, "p.yaml")
    assert not every or all(PLACED.match(line) for line in str(error.value).splitlines())
    return str(error.value)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        # the YAML itself
        ("tiers: [", "p.yaml:1:9: not YAML: the file ends within a { or [ that is not closed"),
        (
            "tiers: {free: {requests: 20/minute}\nmode: enforce",
            "p.yaml:1:8: not YAML: the { that opens here is not closed, or a comma is missing, by line 2, column 1",
        ),
        ("tiers: {a: [1, 2}", "p.yaml:1:12: not YAML: the [ that opens here is not closed, or a comma is missing, by line 1, column 17"),
        ("tiers:\n\tfree: {}", "p.yaml:2:1: not YAML: a tab stands here; indent with spaces"),
        ("a: 1\n b: 2", "p.yaml:2:3: not YAML: mapping values are not allowed"),
        ("- tiers", "p.yaml:1:1: a mapping (key: value) is expected at the top"),
        (GOOD + "mode: enforce\nmode: shadow", "p.yaml:3:1: mode: stands here twice, first in line 2"),
        (GOOD + "---\n" + GOOD, "p.yaml:2:1: a second document begins here"),
        ("%YAML 1.1\n---\n" + GOOD, "only YAML 1.2"),
        (GOOD + "mode:", "p.yaml:2:6: mode: has no value"),
        (GOOD + "mode: !!python/name:os.system x", "p.yaml:2:7: mode: a tag (!) is not taken here"),
        (GOOD + "mode: *nowhere", "p.yaml:2:7: mode: this alias (*) has no anchor"),
        (GOOD + "<<: {mode: shadow}", "p.yaml:2:1: a key must be a plain text; merge keys"),
        (GOOD + "? [a, b]\n: c", "p.yaml:2:3: a key must be a plain text"),
        (GOOD + 'contact: "\\ud800"', "p.yaml:2:10: contact: holds half a character"),
        (GOOD + "mode: " + "[" * 40 + "]" * 40, "nested too deeply"),
        (
            "a: &a [1,1,1,1,1,1,1,1,1,1]\n" + "".join(f"b{i}: &b{i} [{', '.join([f'*b{i - 1}' if i else '*a'] * 10)}]\n" for i in range(9)),
            "aliases",
        ),
        # keys and kinds
        ("tiers: {free: {requets: 20/minute}}", "p.yaml:1:16: tiers.free.requets: unknown key 'requets'; did you mean 'requests'?"),
        ("verification: {url: x}\n" + GOOD, "p.yaml:1:1: verification: belongs in the settings file (--settings FILE), not in a policy"),
        ("frobnicate: x\n" + GOOD, "unknown key 'frobnicate'; known are accounting, accounts, "),
        ("polcy: x\n" + GOOD, "p.yaml:1:1: polcy: unknown key 'polcy'; did you mean 'policy'?"),
        ("tiers: {t: {models: {'l-*': {tokns: 1/day}}}}", "tiers.t.models.l-*.tokns: unknown key 'tokns'; did you mean 'tokens'?"),
        ("tiers: {t: {tokens: {imput: 1/day}}}", "p.yaml:1:22: tiers.t.tokens.imput: unknown key 'imput'; did you mean 'input'?"),
        (GOOD + "identity: {form: [keys]}", "identity.form: unknown key 'form'; did you mean 'from'?"),
        (GOOD + "ladder: {watch: {att: 3}}", "unknown key 'att'; did you mean 'at'?"),
        ("mode: shadow", "p.yaml:1:1: 'tiers' is missing"),
        ("", "p.yaml:1:1: 'tiers' is missing"),
        (GOOD + "routes: [{path: /x}]", "p.yaml:2:10: routes[0]: 'allow' is missing"),
        ("tiers: {}", "p.yaml:1:8: tiers: at least one is needed"),
        ("tiers: {free: 20}", "p.yaml:1:15: tiers.free: a mapping (key: value) is expected"),
        ("tiers: {free: {in_flight: yes}}", "in_flight: a whole number is expected"),
        ("tiers: {free: {in_flight: true}}", "in_flight: a whole number is expected"),
        ("tiers: {free: {in_flight: 0}}", "in_flight: must be at least 1"),
        (GOOD + "policy: 7", "p.yaml:2:9: policy: a text is expected; put quotes around it"),
        (GOOD + "routes: {}", "p.yaml:2:9: routes: a list is expected"),
        (GOOD + "accounting: {weights: {cached_input: .inf}}", "cached_input: a number is expected"),
        (GOOD + "accounting: {include_usage: 1}", "true or false is expected"),
        # words
        (
            "tiers: {free: {requests: 20/minut}}",
            "p.yaml:1:26: tiers.free.requests: 'minut' is no unit of time here; did you mean '20/minute'?",
        ),
        ("tiers: {free: {tokens: [40k/minute, 5]}}", "p.yaml:1:37: tiers.free.tokens[1]: '5' says no window; did you mean '5/minute'?"),
        (GOOD + "mode: enforced", "p.yaml:2:7: mode: 'enforced' is not one of enforce, shadow; did you mean 'enforce'?"),
        (
            GOOD + "identity: {from: [key]}",
            "p.yaml:2:19: identity.from[0]: 'key' is not one of keys, jwt, header, upstream; did you mean 'keys'?",
        ),
        (GOOD + "timeouts: {idle: 5 minuts}", "did you mean '5 minute'?"),
        (GOOD + "routes: [{path: v1/x, allow: tunnel}]", "routes[0].path: 'v1/x' is not a path"),
        (GOOD + "routes: [{path: /v1/../x, allow: tunnel}]", "is not a path"),
        (GOOD + 'contact: "a\\r\\nSet-Cookie: x"', "contact: 'a??Set-Cookie: x' is not one line"),
        ("tiers: {'a b': {}}", "tiers.a b: 'a b' is not a name"),
        (GOOD + "accounts: {tiers: {'a{b': free}}", "is not an account"),
        (GOOD + "identity: {from: header, header: {trusted_peers: [10.0.0.1/8]}}", "trusted_peers[0]: '10.0.0.1/8' is neither a network"),
        (GOOD + "identity: {from: jwt, jwt: {issuer: i, audience: a, jwks_url: 'ftp://x'}}", "jwks_url: 'ftp://x' is not an http"),
        (
            GOOD + "identity: {from: jwt, jwt: {issuer: i, audience: a, jwks_url: 'https://x', algorithms: [HS256]}}",
            "did you mean 'RS256'?",
        ),
        # parts against each other
        (GOOD + "accounts: {default_tier: fre}", "p.yaml:2:26: accounts.default_tier: there is no tier 'fre'; did you mean 'free'?"),
        (GOOD + "accounts: {tiers: {ann: fee}}", "p.yaml:2:25: accounts.tiers.ann: there is no tier 'fee'; did you mean 'free'?"),
        (
            GOOD + "identity: {from: upstream, upstream: {tier: tree}}",
            "identity.upstream.tier: there is no tier 'tree'; did you mean 'free'?",
        ),
        ("tiers: {a: {}, b: {}}", "'default_tier' is missing"),
        (GOOD + "identity: {from: [keys, jwt]}", "p.yaml:2:18: identity.from: the source 'jwt' needs its settings"),
        (GOOD + "identity: {from: [keys, keys]}", "p.yaml:2:25: identity.from[1]: 'keys' stands here twice"),
        (GOOD + "identity: {from: jwt, jwt: {issuer: i, audience: a, jwks_url: 'https://x', leeway: 1h}}", "at most 10m"),
        (
            "tiers: {t: {requests: [1/minute, 2/60 seconds]}}",
            "p.yaml:1:34: tiers.t.requests[1]: two limits of requests over the same window",
        ),
        ("tiers: {t: {spend: 1 usd/day}}", "p.yaml:1:20: tiers.t.spend: a limit of spend needs accounting.prices"),
        ("tiers: {t: {models: {'a b': {}}}}", "'a b' is not a pattern of model names"),
        (GOOD + "capacity: {queue: {for: 2s, seconds: 2}}", "'for' and 'seconds' say the same"),
        (GOOD + "ladder: {watch: {at: 60}, blocked: {at: 50}}", "'blocked' must be reached later than 'watch'"),
        (GOOD + "ladder: {blocked: {at: 50, sanctions: [blok]}}", "unknown key 'blok'; did you mean 'block'?"),
        (
            GOOD + "accounts: {lists: {trusted: nowhere.txt}}",
            "p.yaml:2:29: accounts.lists.trusted: nowhere.txt: cannot be read: No such file",
        ),
    ],
)
def test_every_kind_of_problem_says_where_and_what(text: str, line: str) -> None:
    assert line in problems(text)


def test_all_problems_are_told_at_once_in_order_and_at_most_twenty() -> None:
    text = "tiers:\n  free:\n" + "".join(f"    key{number}: 1\n" for number in range(30))
    lines = problems(text, every=False).splitlines()
    assert lines[0].startswith("p.yaml:3:5: tiers.free.key0")
    assert len(lines) == SHOWN + 1
    assert lines[-1] == "… and 10 more"


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    bad = tmp_path / "p.yaml"
    for path, said in ((bad, "cannot be read: No such file"), (tmp_path, "holds no *.yaml"), (Path("/dev/null"), "is not a file")):
        with pytest.raises(ConfigError, match=re.escape(said)):
            compile_policy(path)
    bad.write_bytes(b"tiers: {}\nmode: \xff")
    with pytest.raises(ConfigError, match=r"p\.yaml:2:7: is not UTF-8"):
        compile_policy(bad)
    bad.write_text(GOOD + "#" * (1 << 20))
    with pytest.raises(ConfigError, match="larger than 1 MiB"):
        compile_policy(bad)


def test_a_bad_line_of_a_list_is_told_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "watch.txt").write_text("ann\nbob smith\n")
    (tmp_path / "p.yaml").write_text(GOOD + "accounts: {lists: {watch: watch.txt}}")
    with pytest.raises(PolicyProblems, match=r"watch\.txt:2:1: 'bob smith' is not an account"):
        compile_policy(tmp_path / "p.yaml")


PIECES = sorted(
    {*re.findall(r"[\w/%.*]+|[{}\[\]:,&*!|>'\"#-]|\n +", DEFAULT), "<<", "&a", "*a", "~", "1e999", "\t", "\x00", "%YAML 1.1\n---\n"}
)


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """The default policy with a few pieces put in, taken out or replaced."""
    text = DEFAULT
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(text)))
        end = draw(st.integers(at, min(len(text), at + 30)))
        text = text[:at] + draw(st.one_of(st.sampled_from(PIECES), st.text(max_size=5))) + text[end:]
    return text


@settings(max_examples=300, deadline=None)
@given(mutated())
def test_a_mutated_policy_is_a_policy_or_a_config_error(text: str) -> None:
    try:
        assert isinstance(compile_text(text), Policy)
    except ConfigError as error:
        assert str(error)


values = st.recursive(
    st.one_of(st.text(max_size=8), st.sampled_from(PIECES), st.integers(), st.floats(), st.booleans()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(PIECES) | st.text(max_size=5), inner, max_size=3)),
    max_leaves=12,
)


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.text(), values.map(repr)))
@example("&a {*a : *a}")
@example("'\\UFFFFFFFF'")
@example('"\\UFFFFFFFF"')
@example("!<tag:yaml.org,2002:str> {}")
@example("? \n? ")
def test_any_text_is_a_policy_or_a_config_error(text: str) -> None:
    try:
        assert isinstance(compile_text(text), Policy)
    except ConfigError as error:
        assert str(error)
