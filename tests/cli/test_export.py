"""`stillgate export`: what is written, and what is said where it cannot be."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import stix2
from redis import Redis

from proxy.app.accounts import Because
from proxy.app.campaigns import Campaigns
from proxy.app.keys import now
from proxy.cli import main
from proxy.cli.export import command
from proxy.errors import ConfigError
from proxy.learning.campaign import Verdict
from proxy.stores.board import RedisBoard
from proxy.stores.connect import Connection
from tests.support.boards import Shell, publish
from tests.support.servers import Server, server


@pytest.fixture(scope="module")
def kept() -> Iterator[Server]:
    with server("valkey") as found:
        yield found


async def judged(connection: Connection) -> None:
    campaigns = Campaigns(RedisBoard(connection), now)
    await campaigns.judge("c3", Verdict.CONFIRMED, Because("carla", "seen it"))
    await campaigns.judge("c4", Verdict.HONEST, Because("carla", "a class"))


@pytest.fixture
def shell(kept: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    monkeypatch.setenv("STILLGATE_SECRET", "a secret of sixteen and more")
    with Redis(port=kept.port) as client:
        client.flushall()
    found = Shell(command, kept.url, str(tmp_path))
    found.on(publish)
    found.on(judged)
    return found


def test_what_was_confirmed_is_written_and_nothing_else(shell: Shell, tmp_path: Path) -> None:
    out = tmp_path / "campaigns.json"
    said = shell("--stix", "--out", str(out), "--tlp", "amber+strict", "--producer", "Example Inc.", "--valid", "7d")
    assert (said.exit_code, said.stdout, said.stderr) == (0, "", "1 of 2 campaigns are confirmed, and exported\n")
    bundle = stix2.parse(out.read_text(), allow_custom=False)
    (campaign,) = [each for each in bundle.objects if each["type"] == "campaign"]
    assert campaign["name"] == "Model extraction campaign c3"
    assert [each["name"] for each in bundle.objects if each["type"] == "marking-definition"] == ["TLP:AMBER+STRICT"]
    ends = {str(each["valid_until"])[:10] for each in bundle.objects if each["type"] == "indicator"}
    assert ends == {"2030-03-25"}
    text = out.read_text()
    assert not any(name in text for name in ("account-1", "house-", "carla", "seen it", "sixteen"))
    detection = next(iter(json.loads(campaign.serialize())["extensions"].values()))
    assert (detection["threshold"], detection["false_positive_rate_at_threshold"]) == (60.0, 0.001)


def test_what_was_exported_and_is_dismissed_since_is_revoked_and_what_was_never_told_is_not(shell: Shell) -> None:
    def indicators(text: str) -> dict[str, dict[str, object]]:
        return {each["id"]: each for each in json.loads(text)["objects"] if each["type"] == "indicator"}

    def judge(name: str, verdict: Verdict | None) -> None:
        shell.on(lambda connection: Campaigns(RedisBoard(connection), now).judge(name, verdict, Because("carla", "a second look")))

    told = indicators(shell("--stix").stdout)
    assert told
    assert not any("revoked" in each for each in told.values())
    for verdict in (Verdict.HONEST, None):
        judge("c3", verdict)
        said = shell("--stix")
        assert said.stderr == "0 of 2 campaigns are confirmed, and exported; 1 exported before is revoked\n"
        back = indicators(said.stdout)
        assert back.keys() == told.keys()
        assert all(each["revoked"] and str(each["modified"]) > str(told[name]["modified"]) for name, each in back.items())
    assert indicators(shell("--stix", "--producer", "Somebody else").stdout) == {}


def test_without_a_file_it_is_printed(shell: Shell) -> None:
    text = shell("--stix").stdout
    assert stix2.parse(text, allow_custom=False).id == stix2.parse(shell("--stix").stdout).id


def test_what_is_missing_is_said_in_a_line(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="say in which form: --stix"):
        shell()
    with pytest.raises(ConfigError, match="'7' says no unit of time"):
        shell("--stix", "--valid", "7")
    with pytest.raises(ConfigError, match="cannot write"):
        shell("--stix", "--out", "/nowhere/x.json")
    for module in [name for name in sys.modules if name.startswith(("stix2", "proxy.export"))]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "stix2", None)
    with pytest.raises(ConfigError, match=r"pip install 'stillgate\[stix\]'"):
        shell("--stix")


def test_the_error_is_one_line_and_ends_with_2(shell: Shell, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["export", *shell.flags])
    assert (ended.value.code, capsys.readouterr().err) == (2, "stillgate: say in which form: --stix\n")
