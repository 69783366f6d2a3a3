"""`stillgate check` and `stillgate schema`, and that the committed schema is the code's own."""

import json
from pathlib import Path

from click.testing import CliRunner

from proxy.cli.check import command as check
from proxy.cli.schema import command as schema
from proxy.config.model import PolicyFile
from proxy.config.schema import policy_schema

POLICIES = Path(__file__).parents[2] / "policies"


def test_the_committed_schema_is_the_codes_own(tmp_path: Path) -> None:
    committed = (POLICIES / "policy.schema.json").read_text()
    assert json.loads(committed) == policy_schema(), "run: stillgate schema -o policies/policy.schema.json"
    assert CliRunner().invoke(schema, []).output == committed
    assert CliRunner().invoke(schema, ["-o", str(tmp_path / "s.json")]).exit_code == 0
    assert (tmp_path / "s.json").read_text() == committed


def test_the_schema_is_strict_and_describes_every_part() -> None:
    whole = policy_schema()
    assert whole["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert set(whole["properties"]) == {field.alias or name for name, field in PolicyFile.model_fields.items()}
    for name, part in whole["$defs"].items():
        assert part.get("description"), name
        assert part["additionalProperties"] is not True, name
    assert "null" not in json.dumps(whole)


def test_check_says_what_a_policy_means() -> None:
    result = CliRunner().invoke(check, [str(POLICIES), str(POLICIES / "examples" / "public-api.yaml")])
    assert result.exit_code == 0
    for words in (
        "tier free (default), priority 1",
        "60 requests per minute, counted per account",
        "600 requests per minute, counted per account, at most 50 at once",
        "$50.00 per day, counted per API key",
        "only models small-*, text-embedding-*",
        "2 accounts trusted, so that no score moves them",
        "degraded, from 85 points (at most 1 in 18,000 of your honest accounts) (shadow: recorded, not done)",
        "risk: accounts are scored by what they do",
        "    reasoning is left out",
        "guard reasoning_binding: off; hidden reasoning is kept sealed in the answer until it comes back",
        "2000 biased token ids per day, counted per account",
        "store lost: serve 50% of each limit for 5m, then refuse",
        "digest ",
    ):
        assert words in result.output


def test_check_shows_every_problem_of_every_path_and_ends_with_2(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("tiers: {free: {requets: 20/minute}}\nmode: enforced\n")
    (tmp_path / "good.yaml").write_text("tiers: {free: {}}\nmode: shadow")
    result = CliRunner().invoke(check, [str(tmp_path / name) for name in ("bad.yaml", "nowhere.yaml", "good.yaml")])
    assert result.exit_code == 2
    assert "bad.yaml:1:16: tiers.free.requets: unknown key 'requets'; did you mean 'requests'?" in result.stderr
    assert "bad.yaml:2:7: mode" in result.stderr
    assert "nowhere.yaml: cannot be read" in result.stderr
    assert "good.yaml: good" in result.stdout
    assert "no limits" in result.stdout
    assert "note: mode: shadow" in result.stdout
