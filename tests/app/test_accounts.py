"""`stillgate accounts`: decisions on a real store, what they say, and the exit codes."""

import json
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from click.testing import CliRunner, Result
from redis import Redis

from proxy.analyst.records import About
from proxy.app.accounts import Accounts, Because, Found, Who
from proxy.app.keys import Keys
from proxy.cli import main, status
from proxy.cli.accounts import command
from proxy.cli.keys import command as keys
from proxy.core.facts import Account
from proxy.core.keys import KeyRecord
from proxy.core.ladder import Hold, Rung, Standing, Steps
from proxy.core.quota import Claim, Grant, Quota, Scope, Unit, Window, subject
from proxy.errors import ConfigError
from proxy.stores.board import RedisBoard
from proxy.stores.connect import Connection
from proxy.stores.keys import RedisKeys
from proxy.stores.redis_store import RedisStore
from proxy.stores.standings import RedisStandings
from tests.support.identity import Clock
from tests.support.servers import Server, server

OPS = Because("ops", "looks odd")
ANNA = Who("anna", "acme")
STEPS = Steps({Rung.WATCH: 40.0, Rung.CHALLENGED: 75.0, Rung.BLOCKED: 95.0})


@pytest.fixture(scope="module")
def kept() -> Iterator[Server]:
    with server("valkey") as found:
        yield found


@pytest.fixture
def empty(kept: Server) -> Server:
    with Redis(port=kept.port) as client:
        client.flushall()
    return kept


@pytest.fixture
def clock() -> Clock:
    found = Clock()
    found.now = 1_900_000_000.0
    return found


@pytest.fixture
async def accounts(empty: Server, clock: Clock) -> AsyncIterator[Accounts]:
    connection = Connection(empty.url, 5.0)
    yield Accounts(RedisStandings(connection), RedisBoard(connection), clock)
    await connection.close()


async def test_a_hold_holds_until_it_expires_and_keeps_who_and_why(accounts: Accounts, clock: Clock) -> None:
    found = await accounts.set_rung(ANNA, Rung.BLOCKED, OPS, 3600)
    assert found.standing.hold == Hold(Rung.BLOCKED, clock(), "ops", "looks odd", clock() + 3600)
    assert found.words(clock()) == "anna of acme is blocked, held there until 2030-03-17 18:46 UTC by ops: looks odd"
    assert await accounts.find(ANNA) == found
    clock.now += 3600
    assert (await accounts.find(ANNA)).words(clock()) == "anna of acme is clear"


async def test_a_release_lets_the_score_count_again(accounts: Accounts, clock: Clock) -> None:
    await accounts.standings.change("anna", "acme", lambda old: old.step(80.0, "a sweep", clock(), STEPS))
    found = await accounts.set_rung(ANNA, Rung.WATCH, OPS, None)
    assert found.words(clock()) == (
        "anna of acme is on watch, held there until released by ops: looks odd; its score alone has earned challenged; score 80"
    )
    released = await accounts.release(ANNA, Because("eve", "a mistake"))
    assert released is not None
    assert released.words(clock()) == "anna of acme is challenged: released by eve: a mistake; score 80"
    assert await accounts.release(ANNA, OPS) is None


async def test_a_pardon_clears_and_wipes_the_sheet(accounts: Accounts, clock: Clock) -> None:
    await accounts.standings.change("anna", "acme", lambda old: old.step(99.0, "a sweep", clock(), STEPS))
    found = await accounts.pardon(ANNA, OPS, 86400)
    assert found.words(clock()) == "anna of acme is clear, pardoned until 2030-03-18 17:46 UTC by ops: looks odd"
    assert (found.standing.score, found.standing.forgiven) == (None, clock())


async def test_the_analyst_hears_of_a_pardon_and_of_a_block_and_of_nothing_else(accounts: Accounts, clock: Clock) -> None:
    await accounts.set_rung(ANNA, Rung.DEGRADED, OPS, None)
    await accounts.release(ANNA, OPS)
    assert await accounts.board.since(0) == ()
    await accounts.set_rung(ANNA, Rung.BLOCKED, OPS, None)
    await accounts.pardon(ANNA, OPS, 86400)
    heard = await accounts.board.since(0)
    assert [(word.subject, word.about, word.at) for word in heard] == [("anna", About.BLOCK, clock()), ("anna", About.PARDON, clock())]


async def test_an_operators_verification_clears_and_says_who_and_why(accounts: Accounts, clock: Clock) -> None:
    await accounts.standings.change("anna", "acme", lambda old: old.step(80.0, "a sweep", clock(), STEPS))
    found = await accounts.verify(ANNA, Because("ops", "passport seen"), 86400)
    assert found.words(clock()) == "anna of acme is clear; verified (operator) by ops until 2030-03-18 17:46 UTC: passport seen; score 80"
    await accounts.set_rung(ANNA, Rung.BLOCKED, OPS, None)
    still = await accounts.verify(ANNA, Because("ops", "passport seen"), 86400)
    assert still.words(clock()).startswith("anna of acme is blocked, held there until released"), "a hold is for its author to end"


async def test_all_or_those_in_one_place_the_strictest_first(accounts: Accounts) -> None:
    for name, rung in (("a", Rung.WATCH), ("b", Rung.BLOCKED), ("c", Rung.WATCH), ("d", Rung.CHALLENGED)):
        await accounts.set_rung(Who(name), rung, OPS, None)
    assert [found.account for found in await accounts.list(None)] == ["b", "d", "a", "c"]
    assert [found.account for found in await accounts.list(Rung.WATCH)] == ["a", "c"]
    assert await accounts.list(Rung.THROTTLED) == []


async def test_an_organization_that_is_not_said_is_looked_up(accounts: Accounts) -> None:
    await accounts.standings.met({"anna": "acme"})
    assert (await accounts.set_rung(Who("anna"), Rung.WATCH, OPS, None)).organization == "acme"
    assert (await accounts.find(ANNA)).standing.place(0.0) is Rung.WATCH


@pytest.mark.parametrize(("by", "why"), [("ops", ""), ("ops", " "), ("", "x"), ("ops", "a\nb"), ("ops", "x" * 501)])
async def test_a_decision_without_a_reason_is_none(accounts: Accounts, by: str, why: str) -> None:
    said = Because(by, why)
    works: tuple[Any, ...] = (accounts.set_rung(ANNA, Rung.WATCH, said, None), accounts.release(ANNA, said))
    works += (accounts.pardon(ANNA, said, None), accounts.verify(ANNA, said, 60.0))
    for work in works:
        with pytest.raises(ConfigError, match="needs one line"):
            await work
    assert (await accounts.find(ANNA)).standing == Standing()


@pytest.mark.parametrize("name", ["", "a{b", "x" * 201, "a\nb"])
async def test_a_name_that_cannot_be_one_is_told(accounts: Accounts, name: str) -> None:
    for who in (Who(name), Who("anna", name or "{")):
        with pytest.raises(ConfigError, match="cannot name an account"):
            await accounts.find(who)


def test_what_programs_read_names_rungs_by_their_words() -> None:
    shown = Found("anna", "acme", Standing(Rung.WATCH).held(Hold(Rung.BLOCKED, 1.0, "ops", "x"))).shown(5.0)
    assert (shown["place"], shown["standing"]["rung"], shown["standing"]["hold"]["rung"]) == ("blocked", "watch", "blocked")
    assert json.loads(json.dumps(shown)) == shown


class Shell:
    """The command as it is typed."""

    def __init__(self, store: str, state: str) -> None:
        self.flags = ["--store", store, "--state-dir", state]

    def __call__(self, *words: str) -> Result:
        return CliRunner().invoke(command, [*self.flags, *words])


@pytest.fixture
def shell(empty: Server, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Shell:
    monkeypatch.setenv("LOGNAME", "carla")
    return Shell(empty.url, str(tmp_path_factory.mktemp("state")))


def test_the_command_from_end_to_end(shell: Shell) -> None:
    said = shell("set-rung", "anna", "challenged", "--because", "a trial", "--expires", "24h", "--organization", "acme")
    assert said.exit_code == 0, said.output
    assert said.stdout.startswith("anna of acme is challenged, held there until ")
    assert said.stdout.endswith(" by carla: a trial\n")
    assert "begins with the account's next conversation" in said.stderr
    assert shell("show", "anna", "--organization", "acme").stdout == said.stdout
    shown = json.loads(shell("show", "anna", "--organization", "acme", "--json").stdout)
    assert (shown["place"], shown["standing"]["hold"]["by"]) == ("challenged", "carla")
    assert shell("list", "--rung", "challenged").stdout == said.stdout
    empty = shell("list", "--rung", "watch")
    assert (empty.exit_code, empty.stdout, empty.stderr) == (0, "", "No account is on watch.\n")
    assert [one["account"] for one in json.loads(shell("list", "--json").output)] == ["anna"]
    link = shell("link", "anna", "--organization", "acme").stdout
    assert link.startswith("http://127.0.0.1:8081/verify/")
    assert "anna" not in link
    verified = shell("verify", "anna", "--organization", "acme", "--because", "known", "--by", "ops", "--for", "1h")
    assert "is clear; verified (operator) by ops until" in verified.output
    nothing = shell("release", "anna", "--organization", "acme", "--because", "x")
    assert (nothing.exit_code, nothing.stdout) == (1, "")
    assert "anna is not held" in nothing.stderr
    pardoned = shell("pardon", "anna", "--organization", "acme", "--because", "sorry")
    assert pardoned.stdout.startswith("anna of acme is clear, pardoned until 20")
    hold = json.loads(shell("show", "anna", "--organization", "acme", "--json").stdout)["standing"]["hold"]
    assert hold["until"] - hold["at"] == 30 * 86400, "unless they say otherwise"
    assert shell("release", "anna", "--organization", "acme", "--because", "over").output.startswith("anna of acme is clear")


def test_a_verification_that_does_not_end_a_hold_says_what_does(shell: Shell) -> None:
    assert "note: no account" not in shell("set-rung", "anna", "blocked", "--because", "x").stderr
    said = shell("verify", "anna", "--because", "known")
    assert "this does not end the hold on blocked; `stillgate accounts release anna --because …` does" in said.stderr
    shell("pardon", "anna", "--because", "sorry")
    assert "does not end" not in shell("verify", "anna", "--because", "known").stderr


def test_nothing_to_list_is_said(shell: Shell) -> None:
    said = shell("list")
    assert (said.stdout, said.stderr) == ("", "No account has a standing.\n")
    assert shell("list", "--json").stdout == "[]\n"


async def test_a_name_that_nobody_has_used_is_doubted_and_near_ones_are_named(accounts: Accounts, empty: Server) -> None:
    connection = Connection(empty.url, 5.0)
    for name in ("anna", "hanna", "bert"):
        await Keys(RedisKeys(connection)).create(KeyRecord(id="", digest="", account=name))
    await accounts.standings.met({"carl": "acme"})
    store = RedisStore(connection)
    dora = Account("dora", "dora", "free")
    hourly = Quota(Unit.REQUESTS, 9, Window("rate", "hour", 3600), 9)
    assert isinstance(await store.reserve("r1", dora, (Claim(hourly, subject(Scope.ACCOUNT, dora), 1),)), Grant)
    await connection.close()
    for known in ("anna", "bert", "carl", "dora"):
        assert await accounts.doubt(await accounts.find(Who(known))) == ""
    found = await accounts.set_rung(Who("ana"), Rung.WATCH, OPS, None)
    assert await accounts.doubt(found) == "no key and no usage of an account ana is known; did you mean anna or hanna?"
    assert await accounts.doubt(await accounts.find(Who("zzz"))) == "no key and no usage of an account zzz is known"


@pytest.mark.parametrize("words", [("set-rung", "anna", "blocked"), ("release", "anna"), ("pardon", "anna"), ("verify", "anna")])
def test_every_change_needs_a_reason(shell: Shell, words: tuple[str, ...]) -> None:
    said = shell(*words)
    assert said.exit_code == 2
    assert "Missing option '--because'" in said.stderr
    assert json.loads(shell("list", "--json").output) == []


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["set-rung", "anna", "blokced", "--because", "x"], "'blokced' is not one of"),
        (["set-rung", "anna", "blocked", "--because", "x", "--expires", "soon"], "is not a duration"),
        (["set-rung", "anna", "blocked", "--because", "x", "--expires", "3"], "'3' says no unit of time; write 3s, 3m, 3h or 3d"),
        (["pardon", "anna", "--because", "x", "--for", "1.5"], "'1.5' says no unit of time"),
        (["verify", "anna", "--because", "x", "--for", "30"], "'30' says no unit of time"),
        (["set-rung", "a{b", "blocked", "--because", "x"], "cannot name an account"),
        (["show", "a b\n"], "cannot name an account"),
    ],
)
def test_what_is_typed_wrong_ends_with_2_and_a_line(shell: Shell, words: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["accounts", *shell.flags, *words])
    assert ended.value.code == 2
    assert told in capsys.readouterr().err


def test_times_and_numbers_are_said_in_full(shell: Shell) -> None:
    made = CliRunner().invoke(keys, [*shell.flags, "create", "--account", "anna", "--expires", "90d"])
    assert made.exit_code == 0, made.output
    (line,) = CliRunner().invoke(keys, [*shell.flags, "list"]).stdout.splitlines()
    assert re.search(r"  until \d{4}-\d\d-\d\d \d\d:\d\d UTC  anna  ", line)
    with pytest.raises(ConfigError, match="'90' says no unit of time"):
        CliRunner().invoke(keys, [*shell.flags, "create", "--account", "anna", "--expires", "90"], catch_exceptions=False)
    found = {"gateways": [{"id": "a", "policy": "p", "version": "1"}], "analysts": [], "partitions": [], "in_flight": []}
    assert status._lines(found)[0] == "1 worker"
    assert status._lines({"gateways": [], "analysts": [], "partitions": [], "in_flight": []})[0] == "0 workers"
