"""What verification clears, as the policy in force says; and what an operator is warned of."""

from pathlib import Path

import pytest

from proxy.app.cautions import cautions
from proxy.app.clearance import STANDS, PolicyClearance, of_policy
from proxy.config.policy import compile_text
from proxy.config.settings import load
from proxy.core.ladder import Rung
from proxy.core.policy import Policy
from proxy.verification.rules import Clearance

TIERS = "tiers: {free: {requests: 9/minute}}\n"
LADDER = (
    "tiers: {{free: {{requests: 9/minute}}}}\ncontact: help@example.com\n"
    "ladder: {{challenged: {{at: 75, sanctions: [verify]}}, verified: {{clear_for: {days}d}}}}\n"
)


def test_rungs_that_ask_for_it_and_the_stricter_ones_are_cleared_but_for_those_that_a_person_must_look_at() -> None:
    found = of_policy(compile_text(LADDER.format(days=7)))
    assert found.rungs == {Rung.CHALLENGED, Rung.DEGRADED}
    assert found.asking == {Rung.CHALLENGED}
    assert (found.clear_for, found.contact) == (7 * 86400.0, "help@example.com")
    early = of_policy(compile_text(TIERS + "ladder: {watch: {at: 1, sanctions: [verify]}, blocked: {at: 99, sanctions: [block]}}"))
    assert early.rungs == {Rung.WATCH, Rung.THROTTLED, Rung.CHALLENGED, Rung.DEGRADED, Rung.BLOCKED}
    assert early.asking == {Rung.WATCH, Rung.CHALLENGED}
    reviewed = "ladder: {degraded: {at: 1, sanctions: [verify]}, blocked: {at: 9, sanctions: [verify], review: required}}"
    assert of_policy(compile_text(TIERS + reviewed)).asking == {Rung.CHALLENGED, Rung.DEGRADED}


def test_the_policy_is_read_again_when_what_was_read_no_longer_stands(tmp_path: Path) -> None:
    path, now = tmp_path / "policy.yaml", 0.0
    path.write_text(LADDER.format(days=7))
    clearance = PolicyClearance(path, lambda: now)
    assert clearance().clear_for == 7 * 86400.0
    path.write_text(LADDER.format(days=9))
    assert clearance().clear_for == 7 * 86400.0
    now = STANDS
    assert clearance().clear_for == 9 * 86400.0
    path.write_text("nonsense: [")
    now = 2 * STANDS
    assert clearance().clear_for == 9 * 86400.0, "a bad policy leaves the last good one's terms"


def test_without_a_policy_that_can_be_read_the_usual_terms_hold(tmp_path: Path) -> None:
    assert PolicyClearance(tmp_path / "none.yaml")() == Clearance()


@pytest.mark.parametrize(
    ("given", "embedded", "warned"),
    [
        ({"admin": "127.0.0.1:8081"}, True, []),
        ({"admin": "0.0.0.0:8081"}, True, ["verification.url"]),
        ({"admin": "127.0.0.1:8081"}, False, ["--seal-keys"]),
        ({"admin": "[::]:8081"}, False, ["verification.url", "--seal-keys"]),
    ],
)
def test_settings_and_policy_that_do_not_fit_are_said(given: dict[str, str], embedded: bool, warned: list[str]) -> None:
    said = list(cautions(load(given), compile_text(TIERS), embedded=embedded))
    assert [any(word in sentence for word in warned) for sentence in said] == [True] * len(warned)
    assert len(said) == len(warned)


def test_gateways_that_might_hash_differently_are_told_what_to_do() -> None:
    """A single one on a Redis of its own is honest, so nothing is refused."""
    scored = compile_text("tiers: {free: {}}\nrisk: {}\n")

    def said(policy: Policy = scored, *, embedded: bool = False, **given: str) -> str:
        return "\n".join(cautions(load(given), policy, embedded=embedded))

    assert "Set STILLGATE_SECRET to the same text" in said()
    assert not said(secret="sixteen characters")
    assert not said(embedded=True)
    assert "risk is on" not in said(compile_text("tiers: {free: {}}\n"))
