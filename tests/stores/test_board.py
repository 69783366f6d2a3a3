"""What the analyst publishes and what people say, in a real store; on a cluster too."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from proxy.analyst.records import About, Exported, Moment, Record, Word
from proxy.errors import StoreError
from proxy.learning.campaign import Campaign, Member, Verdict
from proxy.learning.score import Reading, Score, Share
from proxy.stores.board import MOST_AT_ONCE, RECENT, REQUESTS, SCORES, VERDICTS, RedisBoard
from proxy.stores.connect import Connection
from tests.support.servers import Cluster, Server, cluster, servers, wait_for

AT = 1_900_000_000.5
READING = Reading("template_sweep", 3.5, "41 of 43 prompts share one template", counted=False)
SCORE = Score(61.25, 7.5, (Share("template_sweep", 61.25, "one template"),), "c1", "one template: ünïcode")
RECORD = Record(AT, "acme", SCORE, (READING,), (("bert", 0.75),))
CAMPAIGN = Campaign(
    "c1", AT, AT + 1, 12.5, 70.0, (READING,), (Member("anna", "acme", AT, "linked", 43, 0.5),), 43, 900, (("large", 43),), (1, 2**32 - 1),
    (2**63 + 1,), (), (7,), Verdict.CONFIRMED, ("c0",),
)  # fmt: skip


@pytest.fixture
def board(connection: Connection) -> RedisBoard:
    return RedisBoard(connection)


async def test_what_was_published_is_found(board: RedisBoard) -> None:
    assert (await board.campaigns(), await board.score("anna"), await board.request("r1")) == ((), None, None)
    await board.put_campaigns([CAMPAIGN])
    await board.put_scores({"anna": RECORD})
    moment = Moment("r1", "anna", "acme", AT)
    await board.put_requests([moment])
    assert (await board.campaigns(), await board.score("anna"), await board.request("r1")) == ((CAMPAIGN,), RECORD, moment)
    await board.put_scores({"anna": None, "bert": replace(RECORD, links=())})
    assert (await board.score("anna"), await board.score("bert")) == (None, replace(RECORD, links=()))
    await board.put_campaigns([])
    assert await board.campaigns() == ()


async def test_nothing_is_no_work(board: RedisBoard, connection: Connection) -> None:
    await board.put_scores({})
    await board.put_requests([])
    assert connection.trips == 0


async def test_thousands_of_scores_go_in_parts(board: RedisBoard, connection: Connection) -> None:
    await board.put_scores({f"a{n}": RECORD if n % 2 else None for n in range(MOST_AT_ONCE + 2)})
    assert (connection.trips, await connection.client.hlen(SCORES)) == (4, MOST_AT_ONCE // 2 + 1)


async def test_each_partition_has_its_own_campaigns(connection: Connection) -> None:
    first, second = RedisBoard(connection, 0), RedisBoard(connection, 1)
    strong = replace(CAMPAIGN, id="c2", evidence=50.0)
    await first.put_campaigns([CAMPAIGN])
    await second.put_campaigns([strong])
    assert await first.campaigns() == (strong, CAMPAIGN)
    await first.put_campaigns([])
    assert await first.campaigns() == (strong,)


async def test_of_requests_the_last_are_remembered(connection: Connection) -> None:
    board = RedisBoard(connection, most_requests=3)
    moments = [Moment(f"r{n}", "anna", "acme", AT + n) for n in range(5)]
    await board.put_requests(moments[:2])
    await board.put_requests(moments[1:])
    assert [await board.request(f"r{n}") for n in range(5)] == [None, None, *moments[2:]]
    assert (await connection.client.hlen(REQUESTS), await connection.client.llen(RECENT)) == (3, 3)


async def test_words_are_numbered_and_of_each_subject_the_last_counts(board: RedisBoard) -> None:
    first = await board.judge("c1", Verdict.CONFIRMED, "ops", "they share one card", AT)
    second = await board.judge("anna", Verdict.HONEST, "ops", "an evaluation customer", AT + 1)
    assert (first, second.number) == (Word("c1", Verdict.CONFIRMED, "ops", "they share one card", AT, 1), 2)
    assert await board.verdicts() == (first, second)
    third = await board.judge("c1", None, "eve", "they do not", AT + 2)
    assert await board.since(0) == (second, third)
    assert await board.since(2) == (third,)
    assert await board.since(3) == ()
    assert await board.verdicts() == (second,)


async def test_a_decision_on_an_account_stands_beside_what_was_judged_of_it(board: RedisBoard) -> None:
    judged = await board.judge("anna", Verdict.HONEST, "ops", "an evaluation customer", AT)
    blocked = await board.decided("anna", About.BLOCK, "ops", "it resells", AT + 1)
    await board.decided("anna", About.PARDON, "ops", "a mistake", AT + 2)
    again = await board.decided("anna", About.PARDON, "eve", "another one", AT + 3)
    assert await board.since(0) == (judged, blocked, again)
    assert again == Word("anna", None, "eve", "another one", AT + 3, 4, About.PARDON)
    assert await board.verdicts() == (judged,)


async def test_what_others_were_told_is_kept_with_all_that_an_earlier_export_told(board: RedisBoard) -> None:
    first = Exported(replace(CAMPAIGN, addresses=(1, 2), payments=()), AT, AT + 1, "Example Inc.")
    second = Exported(replace(CAMPAIGN, addresses=(), payments=(3,)), AT, AT + 2, "Example Inc.")
    await board.put_exported([first])
    await board.put_exported([second, replace(first, producer="Another")])
    another, found = await board.exported()
    assert (another.producer, another.campaign) == ("Another", first.campaign)
    assert (found.campaign.addresses, found.campaign.payments, found.at) == ((1, 2), (3,), AT + 2)


async def test_what_cannot_be_read_is_not_there(board: RedisBoard, connection: Connection) -> None:
    await board.judge("c1", Verdict.CONFIRMED, "ops", "why", AT)
    await connection.client.hset(SCORES, "anna", "{torn")
    await connection.client.hset(VERDICTS, "c1", "1 {}")
    assert (await board.score("anna"), await board.verdicts()) == (None, ())


@pytest.fixture(scope="module", params=sorted(servers()))
def three(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    with cluster(request.param) as found:
        wait_for(found.whole)
        yield found


async def test_all_of_it_on_a_cluster(three: Cluster) -> None:
    connection = Connection(three.url, 5.0)
    board = RedisBoard(connection)
    await board.put_campaigns([CAMPAIGN])
    await board.put_scores({"anna": RECORD, "bert": None})
    await board.put_requests([Moment("r1", "anna", "acme", AT)])
    await board.judge("c1", Verdict.HONEST, "ops", "why", AT)
    assert await board.campaigns() == (CAMPAIGN,)
    assert await board.score("anna") == RECORD
    assert [word.subject for word in await board.since(0)] == ["c1"]
    await connection.close()


async def test_a_lost_store_is_a_store_error(own_server: Server) -> None:
    connection = Connection(own_server.url, 1.0)
    board = RedisBoard(connection)
    own_server.kill()
    works = (board.campaigns(), board.score("a"), board.request("r"), board.verdicts(), board.judge("a", None, "", "", AT))
    for work in works:
        with pytest.raises(StoreError):
            await work
    await connection.close()
