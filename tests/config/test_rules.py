"""The ladder, the guards and the models table: what they become, what is wrong in them and where, and what of them is read aloud."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.cli.check import summary
from proxy.config.policy import compile_policy, compile_text
from proxy.config.problems import PolicyProblems
from proxy.config.schema import policy_schema
from proxy.core.ladder import Rung, Steps
from proxy.core.logits import LogitGuard
from proxy.core.policy import Policy, Rewrite
from proxy.core.quota import Quota, Scope, Unit, Window
from proxy.core.rules import Binding, Ladder, Rule
from proxy.core.sanctions import CATALOGUE, Block, Delay, Logprobs, Reasoning, Throttle, Verify
from proxy.core.shaping import NO_LOGPROBS, Knobs, Show
from proxy.core.shaping import Logprobs as Shown
from proxy.core.shaping import Reasoning as Wanted
from proxy.shaping.requests.knobs import KNOBS

POLICIES = Path(__file__).parents[2] / "policies"
SHIPPED = sorted(POLICIES.rglob("*.yaml"))
GOOD = "tiers: {free: {requests: 20/minute}}\n"
HOUR, DAY = 3600.0, 86400.0
WHOLE = (
    GOOD
    + """
models:
  "claude-*": {knobs: [display, effort, budget]}
  "qwen*": {knobs: enable_thinking, inline: think, preopened: true}
  "deepseek-*": {inline: none}
ladder:
  watch: {at: 40, quiet: true}
  throttled: {at: 60, sanctions: [{throttle: {share: 50%, pace: 20}}, {delay: 1s}]}
  challenged: {at: 75, sanctions: [{verify: {grace: 72h}}]}
  degraded: {at: 85, sanctions: [{reasoning: omit}, {logprobs: none}], mode: shadow}
  blocked: {at: 95, sanctions: [block], review: required, expires: 24h}
  step_down: {below: 5, after: 10m}
  verified: {clear_for: 10d}
  pin: 2h
guards:
  reasoning_binding:
    {scope: key, conversation: false, model: false, foreign: refuse, unsealed: pass, lasts: 7d, restore: store, mode: shadow}
  logit_probing:
    never_together: [logit_bias, logprobs]
    top_logprobs: 5
    round: 2
    prompt_logprobs: true
    biased_tokens: 2k/day
    single_token: [100/minute, 5k/day]
    per: {organization: {biased_tokens: 10k/day}}
    mode: shadow
rewrite: {instruction: Say it shortly., for: 5s, tokens: 100}
failure: {shaping_error: end_stream}
"""
)


def test_the_ladder_as_written_is_the_ladder() -> None:
    assert compile_text(WHOLE).ladder == Ladder(
        rules={
            Rung.WATCH: Rule(),
            Rung.THROTTLED: Rule((Throttle(0.5, 20.0), Delay(1.0))),
            Rung.CHALLENGED: Rule((Verify(72 * HOUR),)),
            Rung.DEGRADED: Rule((Reasoning(Wanted(Show.OMIT)), Logprobs(Shown(NO_LOGPROBS))), enforce=False),
            Rung.BLOCKED: Rule((Block(),)),
        },
        steps=Steps(
            {Rung.WATCH: 40, Rung.THROTTLED: 60, Rung.CHALLENGED: 75, Rung.DEGRADED: 85, Rung.BLOCKED: 95},
            5.0,
            600.0,
            {Rung.BLOCKED: DAY},
            frozenset({Rung.BLOCKED}),
        ),
        clear_for=10 * DAY,
        pin=2 * HOUR,
    )


def test_the_guards_as_written_are_the_guards() -> None:
    policy = compile_text(WHOLE)
    assert policy.binding == Binding(
        on=True,
        scope=Scope.KEY,
        conversation=False,
        model=False,
        refuse=True,
        unsealed="pass",
        lasts=7 * DAY,
        restore="store",
        enforce=False,
    )
    minute, day = Window("rate", "minute", 60), Window("calendar", "day", 86400)
    assert policy.logit_guard == LogitGuard(
        never_together=frozenset({"logit_bias", "logprobs"}),
        top_logprobs=5,
        decimals=2,
        prompt_logprobs=True,
        quotas=(
            Quota(Unit.BIASED, 2000, day, 2000),
            Quota(Unit.SINGLE, 100, minute, 100),
            Quota(Unit.SINGLE, 5000, day, 5000),
            Quota(Unit.BIASED, 10_000, day, 10_000, Scope.ORGANIZATION),
        ),
        enforce=False,
    )
    assert policy.rewrite == Rewrite("Say it shortly.", 5.0, 100)
    assert policy.shaping_error == "end_stream"


def test_what_models_know_is_found_by_the_first_pattern() -> None:
    policy = compile_text(WHOLE + "  \n")
    assert policy.knobs_of("claude-opus-5") == Knobs(frozenset({"display", "effort", "budget"}))
    assert policy.knobs_of("qwen3-32b") == Knobs(frozenset({"enable_thinking"}), preopened=True)
    assert policy.knobs_of("deepseek-chat") == Knobs(tag="")
    assert policy.knobs_of("unheard-of") == policy.knobs_of("") == Knobs()
    two = compile_text(GOOD + "models: {'a-1*': {knobs: effort}, 'a-*': {knobs: display}}")
    assert [two.knobs_of(name).names for name in ("a-12", "a-2")] == [{"effort"}, {"display"}]


def test_what_a_policy_leaves_out() -> None:
    policy = compile_text(GOOD)
    assert (policy.ladder, policy.binding, policy.logit_guard, policy.knobs, policy.rewrite) == (Ladder(), Binding(), None, (), Rewrite())
    guards = compile_text(GOOD + "guards: {reasoning_binding: {}, logit_probing: {top_logprobs: 5}}")
    assert guards.binding == Binding(on=True)
    assert guards.logit_guard == LogitGuard(top_logprobs=5, prompt_logprobs=False)
    off = compile_text(GOOD + "guards: {reasoning_binding: {mode: off, restore: store}}").binding
    assert off == Binding(on=False, restore="store")


@pytest.mark.parametrize(("text", "seconds"), [("pin: 90s", 90.0), ("pin: off", 0.0), ("pin: OFF", 0.0), ("watch: {at: 1}", HOUR)])
def test_a_conversation_keeps_its_shaping_as_long_as_the_policy_says(text: str, seconds: float) -> None:
    ladder = compile_text(GOOD + f"ladder: {{{text}}}").ladder
    assert ladder.pin == seconds
    assert ladder.pins == (seconds > 0)


def test_where_no_rung_shapes_there_is_nothing_to_keep() -> None:
    assert not compile_text(GOOD + "ladder: {degraded: {at: 85, sanctions: [{throttle: 10%}]}}").ladder.pins
    assert compile_text(GOOD + "ladder: {throttled: {at: 60}}").ladder.pins, "a rung that is left out does the usual, if set by hand"


def test_a_rung_that_is_described_does_only_what_stands_there() -> None:
    ladder = compile_text(GOOD + "ladder: {degraded: {at: 85}}").ladder
    assert ladder.rule(Rung.DEGRADED) == Rule()
    assert ladder.rule(Rung.BLOCKED).terms.block


LADDER = GOOD + "ladder: {blocked: {at: 95, sanctions: ["


@pytest.mark.parametrize(
    ("text", "line"),
    [
        # sanctions
        (LADDER + "blok]}}", "p.yaml:2:40: ladder.blocked.sanctions[0]: unknown key 'blok'; did you mean 'block'?"),
        (LADDER + "{throtle: 50%}]}}", "p.yaml:2:41: ladder.blocked.sanctions[0].throtle: unknown key 'throtle'; did you mean 'throttle'?"),
        (LADDER + "block, {throttle: 150%}]}}", "p.yaml:2:58: ladder.blocked.sanctions[1].throttle: '150%' is not a share"),
        (LADDER + "{throttle: {share: 50%, pase: 3}}]}}", "p.yaml:2:51: ladder.blocked.sanctions[0].throttle: unknown key 'pase'"),
        (LADDER + "{delay: 2 fortnights}]}}", "p.yaml:2:48: ladder.blocked.sanctions[0].delay: 'fortnights' is no unit of time"),
        (LADDER + "{reasoning: omitt}]}}", "p.yaml:2:52: ladder.blocked.sanctions[0].reasoning: 'omitt' is not one of omit, summary, keep"),
        (LADDER + "{reasoning: omitt}]}}", "; did you mean 'omit'?"),
        (LADDER + "{reasoning: hide}]}}", "'hide' is not one of omit, summary, keep 200 tokens, effort low, rewrite MODEL"),
        (LADDER + "{logprobs: some}]}}", "ladder.blocked.sanctions[0].logprobs: 'some' is not one of none, top 5, round"),
        (LADDER + "{reasoning: {}}]}}", "it is written like reasoning: omit"),
        (LADDER + "frob]}}", "unknown key 'frob'; known are block, cap_output, delay"),
        (LADDER + "throttle]}}", "p.yaml:2:40: ladder.blocked.sanctions[0]: 'throttle' needs a value, as in throttle: 50%"),
        (LADDER + "{block: false}]}}", "ladder.blocked.sanctions[0].block: it has no value: write - block"),
        (LADDER + "{block: true, delay: 1s}]}}", "p.yaml:2:40: ladder.blocked.sanctions[0]: each item of the list is one sanction"),
        (LADDER + "{}]}}", "each item of the list is one sanction; known are throttle, delay"),
        (LADDER + "7]}}", "p.yaml:2:40: ladder.blocked.sanctions[0]: a mapping (key: value) is expected"),
        (LADDER + "block, verify, block]}}", "p.yaml:2:55: ladder.blocked.sanctions[2]: 'block' stands on this rung twice; keep one"),
        (LADDER + "{delay: 1s}, {delay: 2s}]}}", "p.yaml:2:53: ladder.blocked.sanctions[1]: 'delay' stands on this rung twice"),
        (LADDER + '{throttle: {"a\\nb": 1}}]}}', "unknown key 'a?b'"),
        (
            GOOD + "ladder:\n  blocked:\n    at: 95\n    sanctions:\n      - block\n      - delay: 5m\n",
            "p.yaml:7:16: ladder.blocked.sanctions[1].delay: a delay is at most 60s",
        ),
        # rungs
        (GOOD + "ladder: {wach: {at: 3}}", "p.yaml:2:10: ladder.wach: unknown key 'wach'; did you mean 'watch'?"),
        (GOOD + "ladder: {clear: {at: 3}}", "p.yaml:2:10: ladder.clear: 'clear' is no rung that a policy describes; those are watch, thr"),
        (GOOD + "ladder: {suspicious: {at: 3}}", "'suspicious' is no rung that a policy describes; those are watch, throttled, "),
        (GOOD + "ladder: {stepdown: {at: 3}}", "unknown key 'stepdown'; did you mean 'step_down'?"),
        (GOOD + "ladder: {blocked: {at: 3, review: yes}}", "ladder.blocked.review: 'yes' is not taken here; write review: required, or"),
        (GOOD + "ladder: {blocked: {at: 3, review: true}}", "ladder.blocked.review: this is not taken here; write review: required, or"),
        (GOOD + "ladder: {watch: {}}", "p.yaml:2:17: ladder.watch: 'at' is missing"),
        (GOOD + "ladder: {watch: {at: 101}}", "p.yaml:2:22: ladder.watch.at: must be at most 100"),
        (
            GOOD + "ladder: {blocked: {at: 50}, watch: {at: 60}}",
            "p.yaml:2:24: ladder.blocked.at: 'blocked' must be reached later than 'watch': 50 is not above 60",
        ),
        (GOOD + "ladder: {watch: {at: 60}, blocked: {at: 60}}", "60 is not above 60"),
        (GOOD + "ladder: {blocked: {at: 9, quiet: true}}", "p.yaml:2:34: ladder.blocked.quiet: only 'watch' can be quiet"),
        (GOOD + "ladder: {watch: {at: 9, quiet: true, sanctions: [{delay: 1s}]}}", "p.yaml:2:32: ladder.watch.quiet: a quiet rung has no"),
        (GOOD + "ladder: {watch: {at: 9, mode: shade}}", "'shade' is not one of enforce, shadow; did you mean 'shadow'?"),
        (GOOD + "ladder: {pin: never}", "p.yaml:2:15: ladder.pin: 'never' is neither a duration such as 1h nor off"),
        (GOOD + "ladder: {verified: {clear_for: 0d}}", "p.yaml:2:32: ladder.verified.clear_for"),
        # guards
        (GOOD + "guards: {reasoning_binding: {scope: team}}", "p.yaml:2:37: guards.reasoning_binding.scope: 'team' is not one of key"),
        (GOOD + "guards: {reasoning_binding: {model: 1}}", "guards.reasoning_binding.model: true or false is expected"),
        (GOOD + "guards: {logit_probing: {never_together: [logit_bais]}}", "never_together[0]: 'logit_bais' is not one of"),
        (GOOD + "guards: {logit_probing: {top_logprobs: 21}}", "p.yaml:2:40: guards.logit_probing.top_logprobs: must be at most 20"),
        (GOOD + "guards: {logit_probing: {biased_tokens: 2k}}", "'2k' says no window; did you mean '2k/day'?"),
        (GOOD + "guards: {logit_probing: {biased_tokens: 2k usd/day}}", "only spend is given in usd"),
        (
            GOOD + "guards: {logit_probing: {per: {organization: {single_token: [1/day, 2/day]}}}}",
            "p.yaml:2:69: guards.logit_probing.per.organization.single_token[1]: two limits of single_token over the same window (day)",
        ),
        # models, rewrite
        (GOOD + "models: {'a*': {knobs: [efort]}}", "p.yaml:2:25: models.a*.knobs[0]: there is no knob 'efort'; did you mean 'effort'?"),
        (GOOD + "models: {'a*': {kobs: []}}", "p.yaml:2:17: models.a*.kobs: unknown key 'kobs'; did you mean 'knobs'?"),
        (GOOD + "models: {'a*': {knobs: zzz}}", "there is no knob 'zzz'; known are reasoning_effort, "),
        (GOOD + "models: {'a*': {inline: <think>}}", "models.a*.inline: '<think>' is not the name of a tag, such as think, or none"),
        (GOOD + "models: {'a*': {inline: none, preopened: true}}", "p.yaml:2:42: models.a*.preopened: contradicts inline: none"),
        (GOOD + "models: {'a b': {}}", "'a b' is not a pattern of model names"),
        (GOOD + "rewrite: {instruction: ''}", "rewrite.instruction: must not be empty"),
        (GOOD + "failure: {shaping_error: pass}", "failure.shaping_error: 'pass' is not one of end_stream"),
    ],
)  # fmt: skip
def test_every_kind_of_problem_says_where_and_what(text: str, line: str) -> None:
    with pytest.raises(PolicyProblems) as error:
        compile_text(text, "p.yaml")
    assert line in str(error.value)


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("ladder: {blocked: {at: 9, sanctions: [block, {delay: 1s}]}}", "blocked: block serves nothing, so that delay never matters"),
        ("ladder: {throttled: {at: 9, sanctions: [{throttle: 100%}]}}", "ladder.throttled: throttle does nothing as it stands here"),
        ("ladder: {throttled: {at: 9}}", "ladder.throttled: nothing is done on this rung"),
        ("ladder: {watch: {at: 9, sanctions: [{delay: 1s}]}}", "ladder.watch: this rung is for looking"),
        ("ladder: {blocked: {at: 9, sanctions: [verify], review: required}}", "verification alone lifts nothing"),
        ("ladder: {watch: {at: 0}}", "reached by every account"),
        ("ladder: {watch: {at: 4}}", "ladder.watch: no score is 10 below 4, so an account never comes down"),
        ("ladder: {degraded: {at: 9, sanctions: [{reasoning: keep 50 tokens}]}}", "arXiv 2512.21002"),
        ("ladder: {degraded: {at: 9, sanctions: [{reasoning: summary}]}}", "no entry of 'models' knows 'display' or 'summary'"),
        ("ladder: {degraded: {at: 9, sanctions: [{reasoning: effort low}]}}\nmodels: {'a*': {knobs: budget}}", "effort low; no entry"),
        ("ladder: {degraded: {at: 9, sanctions: [{cap_output: 9}]}}", "no entry of 'models' knows a cap"),
        (
            "ladder: {degraded: {at: 9, sanctions: [{logprobs: top 5}]}}\nguards: {logit_probing: {top_logprobs: 5}}",
            "ladder.degraded: logprobs: guards.logit_probing shows no more",
        ),
        ("ladder: {throttled: {at: 9, sanctions: [{delay: 1s}]}, challenged: {at: 20, sanctions: [verify]}}", "does nothing of delay"),
        ("identity: {from: upstream}\nguards: {reasoning_binding: {scope: key}}", "scope: key tells nobody apart"),
        ("guards: {reasoning_binding: {mode: off, foreign: refuse}}", "mode: off refuses nothing"),
        ("guards: {reasoning_binding: {restore: never}}", "restore: never"),
        ("guards: {logit_probing: {never_together: [logit_bias]}}", "never_together refuses nothing"),
        ("guards: {logit_probing: {never_together: [logprobs, top_logprobs]}}", "never_together refuses nothing"),
        ("guards: {logit_probing: {prompt_logprobs: true}}", "guards.logit_probing: bounds nothing"),
        ("ladder: {challenged: {at: 9, sanctions: [verify]}}", "contact: missing; who is asked to verify"),
        ("models: {'a*': {}, 'a-1': {}}", "models.a-1: never used, for 'a*' stands before it"),
    ],
)  # fmt: skip
def test_what_is_probably_not_meant_is_noted(text: str, note: str) -> None:
    assert any(note in said for said in compile_text(GOOD + text).notes)


@pytest.mark.parametrize(
    "text",
    [
        "ladder: {degraded: {at: 60, sanctions: [{reasoning: summary}]}}\nmodels: {'a*': {knobs: summary}}",
        "ladder: {degraded: {at: 60, sanctions: [{reasoning: effort none}]}}\nmodels: {'a*': {knobs: enable_thinking}}",
        "ladder: {degraded: {at: 60, sanctions: [{cap_output: 9}]}}\nmodels: {'a*': {knobs: max_tokens}}",
        "ladder: {degraded: {at: 60, sanctions: [{logprobs: none}]}}\nguards: {logit_probing: {top_logprobs: 0}}",
        "ladder: {degraded: {at: 60, sanctions: [{logprobs: top 5}]}}\nguards: {logit_probing: {top_logprobs: 5, mode: shadow}}",
        "ladder: {degraded: {at: 60, sanctions: [{logprobs: round}]}}\nguards: {logit_probing: {top_logprobs: 5}}",
        "ladder: {throttled: {at: 60, sanctions: [{delay: 1s}]}, blocked: {at: 80, sanctions: [block]}}",
        "guards: {reasoning_binding: {scope: key}}",
        "ladder: {challenged: {at: 60, sanctions: [verify]}}\ncontact: help@example.com",
        "ladder: {challenged: {at: 60, sanctions: [verify]}}\ncontact: ''",
    ],
)  # fmt: skip
def test_what_may_be_meant_is_not_noted(text: str) -> None:
    scored = "risk: {}\n" if "ladder" in text else ""
    assert compile_text(GOOD + scored + text).notes == ()


CHANGES = [
    ("at: 40", "at: 41"), ("pace: 20", "pace: 21"), ("delay: 1s", "delay: 2s"), ("grace: 72h", "grace: 73h"),
    ("[block]", "[single_choice]"), ("{logprobs: none}], mode: shadow", "{logprobs: none}]"), (", review: required", ""),
    ("expires: 24h", "expires: 25h"), ("below: 5", "below: 6"), ("clear_for: 10d", "clear_for: 11d"), ("pin: 2h", "pin: off"),
    ("scope: key", "scope: account"), ("foreign: refuse", "foreign: drop"), ("restore: store", "restore: never"), ("round: 2", "round: 3"),
    ("2k/day", "3k/day"), ("prompt_logprobs: true", "prompt_logprobs: false"), ("[logit_bias, logprobs]", "[logit_bias, n]"),
    ("inline: none", "inline: think"), ("preopened: true", "preopened: false"), ("display, effort, budget", "display, effort"),
    ("shortly", "briefly"), ("tokens: 100", "tokens: 101"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new"), CHANGES)
def test_every_part_counts_for_the_digest(old: str, new: str) -> None:
    assert old in WHOLE
    assert compile_text(WHOLE.replace(old, new)).digest != compile_text(WHOLE).digest


def test_spelling_does_not_count_for_the_digest() -> None:
    said = (
        WHOLE.replace("pin: 2h", "pin: 120m")
        .replace("[block]", "[{block: true}]")
        .replace("[logit_bias, logprobs]", "[logprobs, logit_bias]")
    )
    assert said != WHOLE
    assert compile_text(said).digest == compile_text(WHOLE).digest


def test_sanctions_without_a_value_are_told_apart_in_the_digest() -> None:
    assert len({compile_text(f"{LADDER}{name}]}}}}").digest for name in ("block", "single_choice", "verify")}) == 3


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_a_shipped_ladder_never_gets_milder_on_the_way_up(path: Path) -> None:
    ladder = compile_policy(path).ladder
    shares = [ladder.rule(rung).terms.share for rung in sorted(ladder.rules) if not ladder.rule(rung).terms.block]
    assert shares == sorted(shares, reverse=True)
    assert all(rule.enforce or rung >= Rung.DEGRADED for rung, rule in ladder.rules.items())
    assert ladder.rules


def test_every_sanction_appears_in_a_shipped_policy() -> None:
    shown = {sanction.name for path in SHIPPED for rule in compile_policy(path).ladder.rules.values() for sanction in rule.sanctions}
    assert shown == set(CATALOGUE)


def test_the_worked_example_says_every_key_of_risk_ladder_and_guards() -> None:
    text = (POLICIES / "examples" / "anti-distillation.yaml").read_text()
    parts = ("LadderPart", "Watch", "Step", "StepDown", "Verified", "ReasoningBinding", "LogitProbing", "ModelPart", "RewritePart")
    parts += ("RiskPart", "RiskTerm", "VouchedPart")
    keys = {key for part in parts for key in policy_schema()["$defs"][part]["properties"]}
    assert {key for key in keys if f"{key}:" not in text} == set()


def test_the_schema_has_every_sanction_as_its_file_describes_it() -> None:
    schema = policy_schema()["$defs"]
    offered = schema["Sanction"]["properties"]
    assert list(offered) == list(CATALOGUE)
    for name, kind in CATALOGUE.items():
        assert {key: value for key, value in offered[name].items() if key != "description"} == kind.shape
    assert "quiet" in schema["Watch"]["properties"]
    assert "quiet" not in schema["Step"]["properties"]
    assert schema["ModelPart"]["properties"]["knobs"]["anyOf"][0]["enum"] == list(KNOBS)


def aloud(text: str) -> str:
    return "\n".join(summary(compile_text(text)))


def test_the_rules_are_read_aloud() -> None:
    said = aloud(WHOLE)
    for line in (
        "  watch, from score 40: it is only looked at",
        "  throttled, from score 60\n    each request waits",
        "    limits are 50% of the plan's and answers are sent at no more than 20 tokens per second",
        "  challenged, from score 75: the account's owner is asked to verify; served meanwhile for 3d\n",
        "  degraded, from score 85 (shadow: recorded, not done)\n    log probabilities are left out\n    reasoning is left out\n",
        "  blocked, from score 95\n    requests are not served\n    verification alone does not lift it\n    one rung down by itself",
        "  one rung down when the score was 5 below the rung for 10m",
        "  a conversation keeps for 2h the shaping it began with",
        "guard reasoning_binding: opaque reasoning is bound to the API key it was issued to, for 7d (shadow: recorded, not done)",
        "  foreign blocks are refused\n  blocks that were never sealed are passed on\n  hidden reasoning is kept in the store until it",
        "guard logit_probing (shadow: recorded, not done)\n  a request may use one of logit_bias, logprobs\n",
        "  log probabilities are rounded to 2 decimals\n  log probabilities of the prompt are served\n",
        "  10000 biased token ids per day, counted per organization",
        "models qwen*: enable_thinking; inline reasoning may stand between <think> and </think>, opened by the model's template",
        "models deepseek-*: no parameter is ever added; no inline reasoning",
        "an answer that cannot be shaped as it must be: its stream ends",
    ):
        assert line in said


def test_a_route_that_goes_round_the_shaping_is_read_aloud() -> None:
    route = "routes: [{path: /v1/batches, allow: tunnel, unshaped: %s}]"
    assert "answers must be shaped, as they come" in aloud(GOOD + route % "serve")
    assert "as they come" not in aloud(GOOD + route % "refuse")


def test_what_a_policy_leaves_out_is_read_aloud_too() -> None:
    said = aloud(
        GOOD + "ladder: {degraded: {at: 9, sanctions: [{reasoning: rewrite small-1}, {verify: {grace: 1h, exchanges: 9}}]}, pin: off}"
    )
    for line in (
        "blocked, which this policy leaves out, if set by hand\n",
        "the account's owner is asked to verify; served meanwhile for 1h, 9 requests, and one more at each worker",
        "reasoning is shown in other words; by the model small-1",
        "a new rung bites at once, also within a conversation",
        "reasoning in other words: 2000 tokens at most, within 20s; else none of it is shown",
        "guard reasoning_binding: off; hidden reasoning is kept sealed in the answer until it comes back",
        "guard logit_probing: off",
    ):
        assert line in said
    assert "asked to verify; until then none is served" in aloud(GOOD + "ladder: {challenged: {at: 9, sanctions: [verify]}}")


def test_what_an_operator_wrote_beside_a_sanction_is_read_aloud_too() -> None:
    said = aloud(GOOD + 'ladder: {degraded: {at: 9, sanctions: [{reasoning: keep 200 tokens}, {instruct: "Be\\n  brief.\\e"}]}}')
    assert 'an instruction is added to requests; "Be brief.?"\n' in said
    assert "reasoning is shortened; 200 tokens of it at most\n" in said


pieces = st.sampled_from(
    ["{", "}", "[", "]", ",", ": ", "block", "throttle", "50%", "quiet", "watch", "at", "off", "none", "\\", '"', "7", "-"]
)


@given(st.lists(pieces | st.text(max_size=3), max_size=5), st.integers(0, len(WHOLE)), st.integers(0, 12))
def test_a_mutated_ladder_is_a_policy_or_problems_on_lines_of_their_own(put: list[str], at: int, out: int) -> None:
    text = WHOLE[:at] + "".join(put) + WHOLE[at + out :]
    try:
        policy = compile_text(text, "p.yaml")
    except PolicyProblems as error:
        assert all(problem.text.isprintable() for problem in error.problems)
    else:
        assert isinstance(policy, Policy)
        assert all(line.isprintable() for line in summary(replace(policy, name="p", contact="")))
