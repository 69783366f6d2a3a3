"""`stillgate explain`: accounts, campaigns and requests, on a real store and with a gateway's log."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis import Redis

from proxy.app.explaining import lines
from proxy.app.keys import Keys
from proxy.cli import main
from proxy.cli.explain import command
from proxy.core.keys import KeyRecord
from proxy.learning.campaign import Verdict
from proxy.stores.board import RedisBoard
from proxy.stores.connect import Connection
from proxy.stores.keys import RedisKeys
from proxy.stores.registry import Registry
from tests.support.boards import Shell, publish
from tests.support.campaigns import AT
from tests.support.servers import Server, server

LOG = [
    '{"time": "2030-03-18T18:46:40Z", "level": "info", "message": "served under sanctions", "reference": "sg_then", "rung": "throttled", '
    '"measures": "limits are 50% of the plan\'s", "account": "account-2"}',
    "sg_then is not JSON",
    '["sg_then"]',
    '{"message": "refused", "reference": "sg_other", "reason": "sg_then"}',
    '{"message": "refused", "reference": "sg_lost", "reason": "quota", "status": 429, "account": "account-2"}',
    '{"message": "refused", "reference": "sg_nobody", "reason": "bad_key", "status": 401}',
]


@pytest.fixture(scope="module")
def kept() -> Iterator[Server]:
    with server("valkey") as found:
        yield found


@pytest.fixture
def shell(kept: Server, tmp_path: Path) -> Shell:
    with Redis(port=kept.port) as client:
        client.flushall()
    found = Shell(command, kept.url, str(tmp_path))
    found.on(publish)
    return found


@pytest.fixture
def log(tmp_path: Path) -> str:
    (tmp_path / "gateway.log").write_text("\n".join(LOG) + "\n")
    return str(tmp_path / "gateway.log")


def test_an_account_is_explained_from_its_score_to_every_rule(shell: Shell) -> None:
    said = shell("account-2").stdout
    for line in (
        "account-2 of house-2 is throttled since 2030-03-18 17:46 UTC\n",
        "  score 70, which at most 1 in 3,000 of honest accounts reaches: one of 12 accounts of campaign c3: 12 strangers fill one",
        "    70  coverage: 12 strangers fill one rare template\n",
        "  asks most like: account-3 (83%), account-4 (60%)\n",
        "  considered in this order, under policy default (",
        "      no     trusted: not on the list\n",
        "      yes    tier free: 60 requests per minute, counted per account, of which it has 50% now\n",
        "      shadow logit_probing: requests that look at single tokens are bounded\n",
        "      yes    minimum_evidence: there is something to say\n",
        "      shadow template_sweep: 2.0 of 2 nats: 41 openings share 6 pieces of one template\n",
        "      no     logit_sweep: nothing seen (it could add 20 nats)\n",
        "      yes    coverage: 9.1 of 20 nats: 12 strangers fill one rare template\n",
        "      no     hold: no person holds it anywhere\n",
        "      no     watch at 40: reached, 70 points\n",
        "      yes    throttled at 60: reached, 70 points; earned since 2030-03-18 17:46 UTC,",
        "      no     challenged at 75: not reached, 70 points\n",
    ):
        assert line in said, line


def test_programs_get_the_same(shell: Shell) -> None:
    shown = json.loads(shell("account-2", "--json").stdout)
    assert (shown["account"], shown["organization"], shown["place"], shown["points"], shown["campaign"]) == (
        "account-2", "house-2", "throttled", 69.5, "c3",
    )  # fmt: skip
    assert shown["record"]["score"]["shares"][0]["name"] == "coverage"
    ladder = [rule for rule in shown["considered"] if rule["part"] == "ladder" and rule["holds"]]
    assert [rule["rule"] for rule in ladder] == ["throttled at 60"]


def test_an_account_that_nobody_knows_is_doubted_and_explained_all_the_same(shell: Shell) -> None:
    said = shell("stranger")
    assert said.stdout.startswith("stranger is clear\n  no score: not enough to say, or nothing speaks against it\n")
    assert "no key and no usage of an account stranger is known" in said.stderr


def test_what_its_key_says_counts(shell: Shell, tmp_path: Path) -> None:
    async def make(connection: Connection) -> None:
        await Keys(RedisKeys(connection)).create(KeyRecord("", "", "account-2", "house-2", tier="team", verified=True))

    shell.on(make)
    (tmp_path / "p.yaml").write_text(
        "tiers: {free: {}, team: {requests: 7/minute}}\naccounts: {default_tier: free}\nrisk: {vouched: {tiers: [team]}}\n"
        "ladder: {watch: {at: 40}}\n"
    )
    said = shell("account-2", "--policy", str(tmp_path / "p.yaml")).stdout
    assert "vouched: a verified account of team: never a member of a campaign" in said
    assert "tier team: 7 requests per minute, counted per account" in said


def test_a_member_that_a_person_spoke_for_is_still_seen_as_one(shell: Shell) -> None:
    async def judge(connection: Connection) -> None:
        board = RedisBoard(connection)
        await board.judge("c3", Verdict.HONEST, "ops", "a class", AT)
        await board.put_scores({"account-2": None})

    shell.on(judge)
    said = shell("account-2").stdout
    assert "      yes    verdict: nothing counts against it: honest by ops on 2030-03-17 17:46 UTC: a class\n" in said
    assert "      yes    coverage: 9.1 of 20 nats" in said


def test_an_account_that_is_named_as_a_campaign(shell: Shell) -> None:
    assert shell("c3", "--organization", "acme").stdout.startswith("c3 of acme is clear\n")


def test_a_campaign_is_explained(shell: Shell) -> None:
    said = shell("c3").stdout
    assert said.startswith("c3: 12 accounts that act as one\n")
    assert "      yes    coverage: 9.1 of 20 nats: 12 strangers" in said
    assert "      shadow new_model: 1.0 of 2 nats: " in said
    assert "      no     synchrony: nothing seen (it could add 5 nats)\n" in said
    shown = json.loads(shell("c3", "--json").stdout)
    assert (shown["id"], [rule["rule"] for rule in shown["considered"] if rule["holds"]]) == ("c3", ["coverage", "new_model"])


def test_a_request_is_explained_by_the_log_and_by_its_account(shell: Shell, log: str) -> None:
    said = shell("sg_then", "--log", log).stdout
    assert said.startswith(
        "request sg_then, which came 2030-03-18 18:46 UTC\n"
        "  2030-03-18T18:46:40Z served under sanctions: rung throttled, measures limits are 50% of the plan's, account account-2\n"
        "  its account stood then where it stands now: throttled\n"
        "its account, as it is now:\naccount-2 of house-2 is throttled"
    )
    assert "  what was decided on it stands in a gateway's log; pass it: --log\n" in shell("sg_then").stdout
    before = shell("sg_before", "--log", log).stdout
    assert "  the log says nothing of it\n  its account has moved since: it is throttled since 2030-03-18 17:46 UTC\n" in before
    shown = json.loads(shell("sg_then", "--log", log, "--json").stdout)
    assert (shown["request"], shown["decided"][0]["rung"], shown["account"]["place"]) == ("sg_then", "throttled", "throttled")


def test_a_request_that_only_the_log_remembers(shell: Shell, log: str) -> None:
    said = shell("sg_lost", "--log", log).stdout
    assert said.startswith("request sg_lost\n  refused: reason quota, status 429, account account-2\nits account, as it is now:\n")
    nobody = shell("sg_nobody", "--log", log)
    assert (nobody.stdout, nobody.stderr) == ("request sg_nobody\n  refused: reason bad_key, status 401\n", "")


def test_gateways_under_another_policy_are_noted(shell: Shell) -> None:
    async def sign(connection: Connection) -> None:
        await Registry(connection).sign("w1", {"policy": "0123456789ab", "version": "0"})

    shell.on(sign)
    assert "note: gateways serve under policy 0123456789ab; pass it with --policy\n" in shell("account-2").stderr


def test_what_is_typed_wrong_ends_with_2_and_a_line(shell: Shell, capsys: pytest.CaptureFixture[str]) -> None:
    for words, told in ((["a{b"], "cannot name an account"), (["sg_x", "--log", "/nowhere/x.log"], "cannot read /nowhere/x.log")):
        with pytest.raises(SystemExit) as ended:
            main(["explain", *words, *shell.flags])
        assert ended.value.code == 2
        assert told in capsys.readouterr().err


@given(st.lists(st.binary(max_size=60).map(lambda data: data.replace(b"\n", b"")), max_size=8))
def test_a_torn_log_is_read_as_far_as_it_can_be(tmp_path_factory: pytest.TempPathFactory, torn: list[bytes]) -> None:
    log = tmp_path_factory.mktemp("log") / "x.log"
    log.write_bytes(b"\n".join([*(line + b"sg_then" for line in torn), LOG[0].encode()]))
    assert [line["rung"] for line in lines(log, "sg_then")] == ["throttled"]
