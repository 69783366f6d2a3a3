"""`stillgate campaigns`: what is shown, and a person's word on a real store."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from redis import Redis

from proxy.analyst.records import Word
from proxy.app.campaigns import Seen
from proxy.cli import main
from proxy.cli.campaigns import command
from proxy.errors import ConfigError
from proxy.learning.campaign import Verdict
from proxy.stores.board import RedisBoard
from tests.support.boards import Shell, publish
from tests.support.campaigns import AT, campaign
from tests.support.servers import Server, server


@pytest.fixture(scope="module")
def kept() -> Iterator[Server]:
    with server("valkey") as found:
        yield found


@pytest.fixture
def shell(kept: Server, tmp_path: Path) -> Shell:
    with Redis(port=kept.port) as client:
        client.flushall()
    return Shell(command, kept.url, str(tmp_path))


def test_nothing_found_is_said(shell: Shell) -> None:
    said = shell("list")
    assert (said.exit_code, said.stdout, said.stderr) == (0, "", "No accounts act as one, as far as has been seen.\n")
    assert shell("list", "--json").stdout == "[]\n"
    missing = shell("show", "c1")
    assert (missing.exit_code, missing.stderr) == (1, "there is no campaign c1; none has been found\n")


def test_they_are_listed_and_shown_in_words(shell: Shell) -> None:
    shell.on(publish)
    line = "c3  score 70  12 accounts, 1,234 exchanges since 2030-03-17 17:46 UTC; mostly large-1"
    assert shell("list").stdout.splitlines()[0] == line
    said = shell("show", "c3").stdout
    for words in (
        "c3: 12 accounts that act as one\n",
        "  score 70: at most 1 in 3,000 of honest accounts looks like this by chance (9.1 nats)\n",
        "  first seen 2030-03-17 17:46 UTC; last renewed by evidence 2030-03-18 17:46 UTC\n",
        "  volume: 1,234 exchanges, 56,789 output tokens\n",
        "  targets: large-1 (1,000), small-1 (234)\n",
        "  nobody has judged it; stillgate campaigns confirm c3 --because …, or dismiss\n",
        "  was before, or was a part of: c1\n",
        "    coverage (9.1 nats): 12 strangers fill one rare template\n",
        "    new_model (1.0 nats, in shadow: not counted): 5 of 12 strangers",
        "  shared by several of them: 2 pieces of text, 1 address, 1 means of payment\n",
        "    account-0 of house-0: sent what only this campaign sends; 100 exchanges; a member since 2030-03-17 17:46 UTC\n",
        "    account-2 of house-2: 98% of its links lead to members; 98 exchanges;",
    ):
        assert words in said
    assert "… and 10 more; --json has all\n" in shell("show", "c4").stdout


def test_no_name_that_a_caller_chose_moves_the_cursor(shell: Shell) -> None:
    odd = replace(campaign(), models=(("\x1b[2Jlarge\n", 3),))
    shell.on(lambda connection: RedisBoard(connection).put_campaigns([odd]))
    assert "mostly ?[2Jlarge?" in shell("list").stdout
    assert "targets: ?[2Jlarge? (3)\n" in shell("show", "c3").stdout


def test_programs_get_all_of_it(shell: Shell) -> None:
    shell.on(publish)
    shown = json.loads(shell("show", "c4", "--json").stdout)
    assert len(shown["members"]) == 30
    assert (shown["skeleton"], shown["addresses"]) == (["0000000000000001", "00000000ffffffff"], ["ffffffffffffffff"])
    assert shown["word"] is None
    assert [each["id"] for each in json.loads(shell("list", "--json").stdout)] == ["c3", "c4"]


def test_a_persons_word_is_kept_and_can_be_taken_back(shell: Shell) -> None:
    shell.on(publish)
    said = shell("confirm", "c3", "--because", "our list, ticket 4711", "--by", "carla")
    assert said.stdout.endswith("; mostly large-1; confirmed by carla\n")
    assert "confirmed by carla on 20" in shell("show", "c3").stdout
    assert ": our list, ticket 4711 (the analyst has not heard it yet)\n" in shell("show", "c3").stdout
    (word,) = shell.on(lambda connection: RedisBoard(connection).verdicts())
    assert (word.subject, word.verdict, word.by, word.because) == ("c3", Verdict.CONFIRMED, "carla", "our list, ticket 4711")
    assert "dismissed as honest by carla" in shell("dismiss", "c3", "--because", "a class", "--by", "carla").stdout
    assert json.loads(shell("show", "c3", "--json").stdout)["word"]["verdict"] == "honest"
    assert "carla" not in shell("reopen", "c3", "--because", "not sure", "--by", "carla").stdout
    assert shell.on(lambda connection: RedisBoard(connection).verdicts()) == ()
    assert "nobody has judged it" in shell("show", "c3").stdout


def test_one_member_can_be_honest(shell: Shell, capsys: pytest.CaptureFixture[str]) -> None:
    shell.on(publish)
    said = shell("dismiss", "c3", "--account", "account-5", "--because", "a customer", "--by", "carla")
    assert said.stdout == "account-5 is honest, and no longer of c3; its score follows within seconds\n"
    (word,) = shell.on(lambda connection: RedisBoard(connection).verdicts())
    assert (word.subject, word.verdict) == ("account-5", Verdict.HONEST)
    with pytest.raises(SystemExit) as ended:
        main(["campaigns", *shell.flags, "dismiss", "c3", "--account", "stranger", "--because", "x"])
    assert ended.value.code == 2
    assert "stranger is no member of c3" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words", [("confirm", "c33"), ("dismiss", "c33"), ("dismiss", "c33", "--account", "account-5"), ("reopen", "c33"), ("show", "c33")]
)
def test_a_campaign_that_is_not_there_is_told(shell: Shell, words: tuple[str, ...]) -> None:
    shell.on(publish)
    said = shell(*words, *(() if words[0] == "show" else ("--because", "x")))
    assert (said.exit_code, said.stdout, said.stderr) == (1, "", "there is no campaign c33; did you mean c3?\n")
    assert shell.on(lambda connection: RedisBoard(connection).verdicts()) == ()


@pytest.mark.parametrize("command", ["confirm", "dismiss", "reopen"])
def test_every_word_needs_a_reason(shell: Shell, command: str) -> None:
    shell.on(publish)
    said = shell(command, "c3")
    assert (said.exit_code, "Missing option '--because'" in said.stderr) == (2, True)
    with pytest.raises(ConfigError, match="--because needs one line"):
        shell(command, "c3", "--because", "a\nb")
    assert shell.on(lambda connection: RedisBoard(connection).verdicts()) == ()


def test_what_the_analyst_has_heard_is_not_said_to_be_news() -> None:
    word = Word("c3", Verdict.HONEST, "ops", "a class", AT)
    said = "\n".join(Seen(campaign(verdict=Verdict.HONEST), word).words())
    assert "dismissed as honest by ops on 2030-03-17 17:46 UTC: a class\n" in said


def test_a_campaign_that_shares_nothing_is_shown_too() -> None:
    bare = replace(campaign(members=1), exchanges=1, output=0, models=(), readings=(), skeleton=(), addresses=(), payments=(), before=())
    assert Seen(bare).line() == "c3  score 70  1 account, 1 exchange since 2030-03-17 17:46 UTC"
    said = "\n".join(Seen(bare).words())
    assert "they share no address, means of payment or software" in said
    assert "targets: not known" in said
