"""`recording`: off unless the policy says where, and without text unless it says so too."""

from pathlib import Path

import pytest

from proxy.config.aloud import rules
from proxy.config.policy import compile_policy, compile_text
from proxy.core.policy import Recording
from proxy.errors import ConfigError

GOOD = "tiers: {free: {}}\n"


def test_it_is_off_unless_the_policy_says_where() -> None:
    policy = compile_text(GOOD)
    assert policy.recording == Recording()
    assert not policy.observes
    assert not any("recording" in line for line in rules(policy))


@pytest.mark.parametrize(("text", "said"), [("", "without text"), (", text: true", "as they were sent, text and all")])
def test_text_is_recorded_only_where_it_is_said(text: str, said: str) -> None:
    policy = compile_text(GOOD + f"recording: {{to: traces{text}}}")
    assert policy.recording == Recording("traces", text=bool(text))
    assert policy.observes
    assert f"recording: every exchange that is served, {said}, in traces" in list(rules(policy))


@pytest.mark.parametrize("wrong", ["{}", "{text: true}", "{to: ''}", "{to: traces, text: 'yes'}", "{to: traces, gzip: true}", "traces"])
def test_it_is_strict(wrong: str) -> None:
    with pytest.raises(ConfigError, match="recording"):
        compile_text(GOOD + f"recording: {wrong}")


def test_where_a_policy_lies_does_not_change_what_it_is(tmp_path: Path) -> None:
    """Replicas show that they serve by the same one."""
    digests = set()
    for folder in ("one", "other"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "policy.yaml").write_text(GOOD + "recording: {to: traces}")
        digests.add(compile_policy(tmp_path / folder / "policy.yaml").digest)
    assert len(digests) == 1
    assert compile_text(GOOD).digest not in digests
