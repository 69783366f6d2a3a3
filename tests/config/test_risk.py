"""`risk`: what it becomes, what is wrong in it and where, what of it is probably not meant, and how it is read aloud."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.cli.check import summary
from proxy.config import calibration_file
from proxy.config.calibration_file import Learned
from proxy.config.files import Files
from proxy.config.model_risk import every
from proxy.config.policy import compile_policy, compile_text
from proxy.config.problems import PolicyProblems
from proxy.config.schema import policy_schema
from proxy.core.ladder import Rung
from proxy.core.risk import IN_SHADOW, LINKS, MOST, SIGNALS, WEIGHTS, Calibration, Risk, Term, Vouched, rarity

HOUR, DAY = 3600.0, 86400.0
SMALL = "tiers: {free: {requests: 20/minute}, gold: {requests: 90/minute}}\naccounts: {default_tier: free}\n"
LADDER = "ladder: {watch: {at: 40}, blocked: {at: 95, sanctions: [block]}}\n"
WHOLE = """
risk:
  half_life: 5d
  minimum_evidence: 7 conversations
  look: every 2h
  vouched: {tiers: [gold]}
  signals: {logit_sweep: {weight: 9}, steady_rhythm: {mode: enforce}, template_sweep: {weight: 4, mode: enforce}}
  links: {coverage: {weight: 11.5}, shared_address: {mode: shadow}, new_model: {}}
"""


def test_what_is_written_is_the_risk() -> None:
    assert compile_text(SMALL + LADDER + WHOLE).risk == Risk(
        on=True,
        half_life=5 * DAY,
        minimum=7,
        every=2 * HOUR,
        terms={
            "logit_sweep": Term(9.0),
            "steady_rhythm": Term(1.0),
            "template_sweep": Term(4.0),
            "coverage": Term(11.5),
            "shared_address": Term(3.0, enforce=False),
            "new_model": Term(2.0, enforce=False),
        },
        vouched=Vouched(frozenset({"gold"})),
    )


def test_left_out_it_is_off_and_empty_it_is_on_as_it_ships() -> None:
    assert compile_text(SMALL).risk == Risk()
    assert not Risk().on
    assert compile_text(SMALL + "risk: {}").risk == Risk(on=True)


@given(
    st.dictionaries(
        st.sampled_from(sorted(WEIGHTS)), st.tuples(st.none() | st.integers(0, 100), st.sampled_from(["", "enforce", "shadow"]))
    )
)
def test_what_a_term_leaves_out_is_as_it_ships(terms: dict[str, tuple[int | None, str]]) -> None:
    parts: dict[str, list[str]] = {"signals": [], "links": []}
    for name, (weight, mode) in terms.items():
        said = [f"weight: {weight}"] * (weight is not None) + [f"mode: {mode}"] * bool(mode)
        parts["signals" if name in SIGNALS else "links"].append(f"{name}: {{{', '.join(said)}}}")
    risk = compile_text(SMALL + f"risk: {{signals: {{{', '.join(parts['signals'])}}}, links: {{{', '.join(parts['links'])}}}}}").risk
    for name in WEIGHTS:
        weight, mode = terms.get(name, (None, ""))
        wanted = Term(WEIGHTS[name] if weight is None else weight, name not in IN_SHADOW if not mode else mode == "enforce")
        assert risk.named(name) == wanted


@pytest.mark.parametrize("text", ["every 4h", "4h", "Every 4 hours", 14400])
def test_how_often_is_read_as_people_write_it(text: object) -> None:
    assert every(text) == 4 * HOUR


@pytest.mark.parametrize(
    ("text", "where", "problem"),
    [
        ("{signals: {logit_swep: {weight: 3}}}", "risk.signals.logit_swep", "there is no signal 'logit_swep'; did you mean 'logit_sweep'?"),
        ("{signals: {linked_accounts: {weight: 3}}}", "risk.signals.linked_accounts", "no signal 'linked_accounts'; known are logit_"),
        ("{links: {covrage: {weight: 3}}}", "risk.links.covrage", "there is no link 'covrage'; did you mean 'coverage'?"),
        ("{signals: {coverage: {weight: 3}}}", "risk.signals.coverage", "'coverage' belongs in risk.links"),
        ("{links: {logit_sweep: {weight: 3}}}", "risk.links.logit_sweep", "'logit_sweep' belongs in risk.signals"),
        ("{vouched: {tiers: [golden]}}", "risk.vouched.tiers[0]", "there is no tier 'golden'; did you mean 'gold'?"),
        ("{look: evry 4h}", "risk.look", "'evry 4h' is not a duration"),
        ("{minimum_evidence: some}", "risk.minimum_evidence", "is not a number of conversations; write it like 3 conversations"),
        ("{signals: {logit_sweep: {wieght: 3}}}", "risk.signals.logit_sweep.wieght", "did you mean 'weight'?"),
        ("{signals: {logit_sweep: {weight: -1}}}", "risk.signals.logit_sweep.weight", "must be at least 0"),
        ("{calibration: nowhere.json}", "risk.calibration", "cannot be read"),
        ("", "risk", "has no value"),
    ],
)  # fmt: skip
def test_every_problem_has_its_place(text: str, where: str, problem: str) -> None:
    with pytest.raises(PolicyProblems) as raised:
        compile_text(f"{SMALL}risk: {text}", "p.yaml")
    found = next(one for one in raised.value.problems)
    assert str(found).startswith("p.yaml:3:")
    assert f": {where}: " in str(found)
    assert problem in found.text


def written(path: Path, start: float) -> Path:
    calibration_file.write(path, Learned(calibration=1, start=start, scale=2.0, accounts=5000, said="log of May"))
    return path


def test_the_calibration_is_looked_for_beside_the_policy_and_counts_for_the_digest(tmp_path: Path) -> None:
    written(tmp_path / "calibration.json", 1.5)
    (tmp_path / "p.yaml").write_text(SMALL + LADDER + "risk: {calibration: calibration.json}")
    first = compile_policy(tmp_path / "p.yaml")
    assert first.risk.calibration == Calibration(1.5, 2.0, 5000, "log of May")
    written(tmp_path / "calibration.json", 1.6)
    assert compile_policy(tmp_path / "p.yaml").digest != first.digest


def test_a_new_calibration_reloads_the_policy(tmp_path: Path) -> None:
    written(tmp_path / "calibration.json", 1.5)
    (tmp_path / "p.yaml").write_text(SMALL + "risk: {calibration: calibration.json}")
    files = Files()
    compile_policy(tmp_path / "p.yaml", files)
    assert not files.changed()
    written(tmp_path / "calibration.json", 1.625)
    assert files.changed()


def test_a_torn_calibration_is_a_problem_on_one_line(tmp_path: Path) -> None:
    (tmp_path / "c.json").write_text('{"calibration": 1,\n "start": "\x1b[2J"}')
    (tmp_path / "p.yaml").write_text(SMALL + "risk: {calibration: c.json}")
    with pytest.raises(PolicyProblems) as raised:
        compile_policy(tmp_path / "p.yaml")
    (problem,) = raised.value.problems
    assert problem.text.isprintable()
    assert (problem.place.file, problem.place.line) == (str(tmp_path / "p.yaml"), 3)


CHANGES = [
    ("half_life: 5d", "half_life: 6d"), ("minimum_evidence: 7", "minimum_evidence: 8"), ("every 2h", "every 3h"),
    ("tiers: [gold]", "tiers: [free]"), ("weight: 9", "weight: 8"), ("mode: shadow", "mode: enforce"), ("weight: 11.5", "weight: 11"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new"), CHANGES)
def test_every_part_counts_for_the_digest(old: str, new: str) -> None:
    assert old in WHOLE
    assert compile_text(SMALL + WHOLE.replace(old, new)).digest != compile_text(SMALL + WHOLE).digest


@pytest.mark.parametrize(
    ("text", "note"),
    [
        (LADDER, "ladder: its figures are scores, and without 'risk' nobody is scored"),
        ("risk: {}", "risk: accounts are scored, and the ladder has no rung"),
        ("risk: {look: 5s}\n" + LADDER, "risk.look: each look goes through the whole population"),
        ("risk: {signals: {template_sweep: {weight: 9}}}\n" + LADDER, "risk.signals.template_sweep: adds nothing, for it ships in shadow"),
        ("risk: {links: {coverage: {weight: 0}}}\n" + LADDER, "risk.links.coverage: weight: 0 adds nothing"),
        ("risk: {signals: {foreign_reasoning: {weight: 5}}}\n" + LADDER, "sees nothing, for guards.reasoning_binding is off"),
        ("risk: {}\nladder: {watch: {at: 15}}", "ladder.watch: at: 15 lets at most 1 in 6 of your honest accounts be on watch"),
        ("risk: {}\nladder: {throttled: {at: 30, sanctions: [{throttle: 50%}]}}", "at most 1 in 32 of your honest accounts be throttled"),
        ("risk: {}\nladder: {blocked: {at: 45, sanctions: [block]}}", "be blocked; at: 60 lets at most 1 in 1,000"),
        ("risk: {}\nladder: {blocked: {at: 100, sanctions: [block]}}", "ladder.blocked: at: 100 is never reached"),
        (
            "risk: {signals: {logit_sweep: {weight: 1}, foreign_reasoning: {mode: shadow}}, links: {coverage: {weight: 2}, shared_payment: "
            "{weight: 1}, synchrony: {weight: 1}, succession: {mode: shadow}, shared_software: {weight: 1}, shared_address: "
            "{weight: 1}, shared_toolkits: {weight: 1}, shared_sweep: {weight: 1}}}\n"
            + LADDER,
            "nats of evidence, and all signals and links together add 9.0 at most",
        ),
    ],
)  # fmt: skip
def test_what_is_probably_not_meant_is_noted(text: str, note: str) -> None:
    assert any(note in said for said in compile_text(SMALL + text).notes)


@pytest.mark.parametrize(
    "text",
    [
        LADDER + "risk: {}",
        LADDER + "risk: {signals: {template_sweep: {weight: 9, mode: enforce}, steady_rhythm: {mode: shadow}}}",
        LADDER + "risk: {signals: {foreign_reasoning: {weight: 5}}}\nguards: {reasoning_binding: {mode: shadow}}",
        "risk: {}\nladder: {watch: {at: 20}, throttled: {at: 40, sanctions: [{throttle: 50%}]}, blocked: {at: 60, sanctions: [block]}}",
    ],
)
def test_what_may_be_meant_is_not_noted(text: str) -> None:
    assert compile_text(SMALL + "contact: help@example.com\n" + text).notes == ()


@given(st.floats(0, 99))
def test_a_promise_in_words_is_what_the_score_says(score: float) -> None:
    said = rarity(score)
    one_in = 10 ** (score / 20)
    assert (said == "every one") == (one_in < 1.5)
    if one_in >= 1.5:
        told = int(said.removeprefix("at most 1 in ").replace(",", ""))
        assert told == pytest.approx(one_in, rel=0.35 if one_in < 10 else 0.06)


@given(st.floats(0.1, 50), st.floats(0.05, 20), st.floats(0, MOST))
def test_evidence_of_a_score_has_that_score(start: float, scale: float, score: float) -> None:
    calibration = Calibration(start, scale)
    assert calibration.score(calibration.evidence(score)) == pytest.approx(score, abs=1e-6)


def aloud(text: str) -> str:
    return "\n".join(summary(compile_text(SMALL + text)))


def test_it_is_read_aloud() -> None:
    said = aloud(LADDER + WHOLE)
    for line in (
        "risk: accounts are scored by what they do; N points are reached by at most one in 10^(N/20) of your honest accounts\n",
        "  calibration: the one that ships; ",
        "  below 7 conversations begun: not enough to say\n",
        "  evidence that nothing renews halves in 5d; the whole population is looked at every 2h\n",
        "  verified accounts of gold: learned from, and never members of a campaign\n",
        "signals, of an account by itself, with the most nats that each adds: foreign_reasoning 10, logit_sweep 9, template_sweep 4",
        "links, between accounts that act as one, with the most nats that each adds: shared_toolkits 16, shared_payment 12, ",
        "    in shadow, seen and not counted: shared_address, succession, new_model\n",
        "  watch, from 40 points (at most 1 in 100 of your honest accounts): it is only looked at\n",
        "  blocked, from 95 points (at most 1 in 56,000 of your honest accounts): requests are not served\n",
    ):
        assert line in said


def test_what_is_off_is_read_aloud_too(tmp_path: Path) -> None:
    said = aloud(LADDER)
    assert "risk: off; nothing is observed and nothing is scored\n" in said
    assert "ladder; nobody is scored, so accounts come onto a rung by hand only (stillgate accounts set-rung)\n" in said
    assert "watch, from score 40" in said
    shadowed = ", ".join(f"{name}: {{mode: shadow}}" for name in LINKS)
    assert "of what accounts do together nothing counts\n" in aloud(f"{LADDER}risk: {{links: {{{shadowed}}}}}")
    written(tmp_path / "c.json", 1.5)
    assert "learned from 5,000 accounts (log of May)" in aloud(f"{LADDER}risk: {{calibration: '{tmp_path / 'c.json'}'}}")


def test_editors_complete_the_names() -> None:
    part = policy_schema()["$defs"]["RiskPart"]["properties"]
    assert part["signals"]["propertyNames"]["enum"] == list(SIGNALS)
    assert part["links"]["propertyNames"]["enum"] == list(LINKS)


def test_the_worked_example_names_every_signal_and_link_as_it_ships() -> None:
    risk = compile_policy(Path(__file__).parents[2] / "policies" / "examples" / "anti-distillation.yaml").risk
    assert risk.terms == {name: Risk().named(name) for name in WEIGHTS}
    assert risk.vouched.tiers == {"licensed"}


def test_the_shipped_ladder_is_promised_rates() -> None:
    steps = compile_policy(Path(__file__).parents[2] / "policies" / "default.yaml").ladder.steps.at
    assert steps == {Rung.WATCH: 40, Rung.THROTTLED: 60, Rung.CHALLENGED: 75, Rung.DEGRADED: 85, Rung.BLOCKED: 95}
