"""Standings in a real store: found, changed by many at once, listed, on a cluster too; and what verification must remember."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace

import pytest

from proxy.core.facts import Account
from proxy.core.keys import KeyRecord
from proxy.core.ladder import CLEAR, Hold, Rung, Standing
from proxy.core.quota import Claim, Grant, Quota, Scope, Unit, Window, subject
from proxy.errors import StoreError
from proxy.stores.connect import Connection
from proxy.stores.keys import RedisKeys
from proxy.stores.proofs import RedisProofs
from proxy.stores.redis_store import RedisStore
from proxy.stores.standings import RedisStandings
from tests.support.servers import Cluster, Server, cluster, servers, wait_for

AT = 1_900_000_000.0
HOLD = Hold(Rung.CHALLENGED, AT, "ops", "looks odd: a trial", AT + 60)
HELD = CLEAR.held(HOLD)


@pytest.fixture
def standings(connection: Connection) -> RedisStandings:
    return RedisStandings(connection)


async def test_what_was_changed_is_found_and_comes_with_the_next_reservation(standings: RedisStandings, connection: Connection) -> None:
    assert await standings.find("anna", "acme") == CLEAR
    assert await standings.change("anna", "acme", lambda old: old.held(HOLD)) == HELD
    assert await standings.find("anna", "acme") == HELD
    assert await standings.find("anna", "anna") == CLEAR
    verdict = await RedisStore(connection).reserve("r1", Account("anna", "acme", "free"), ())
    assert isinstance(verdict, Grant)
    assert Standing.parse(verdict.standing) == HELD


async def test_an_account_of_which_there_is_nothing_to_say_has_no_key(standings: RedisStandings, connection: Connection) -> None:
    await standings.change("anna", "acme", lambda _: CLEAR)
    assert await connection.client.keys("*") == []
    await standings.change("anna", "acme", lambda _: HELD)
    assert await connection.client.keys("*") == ["sg:{acme}:s:anna"]
    trips = connection.trips
    await standings.change("anna", "acme", lambda old: old)
    assert connection.trips == trips + 1, "what stays as it is, is not written"
    await standings.change("anna", "acme", lambda old: old.released())
    assert await connection.client.keys("*") == []


async def test_who_has_used_something_or_belongs_to_somebody_is_known(standings: RedisStandings, connection: Connection) -> None:
    await standings.change("anna", "acme", lambda _: HELD)
    assert not await standings.is_known("anna", "acme"), "whom an operator has named may be mistyped all the same"
    anna = Account("anna", "acme", "free")
    hourly = Quota(Unit.REQUESTS, 9, Window("rate", "hour", 3600), 9)
    assert isinstance(await RedisStore(connection).reserve("r1", anna, (Claim(hourly, subject(Scope.ACCOUNT, anna), 1),)), Grant)
    assert await standings.is_known("anna", "acme")
    assert not await standings.is_known("anna", "other")
    await standings.met({"bert": "acme"})
    assert await standings.is_known("bert", "acme")
    assert await standings.holders() == set()
    await RedisKeys(connection).put(KeyRecord(id="k1", digest="d1", account="carl"))
    assert await standings.holders() == {"carl"}


async def test_two_who_change_a_standing_at_once_do_not_undo_each_other(standings: RedisStandings) -> None:
    await asyncio.gather(
        *(standings.change("anna", "acme", lambda old: replace(old, because=old.because + "+")) for _ in range(20)),
        standings.change("anna", "acme", lambda old: old.held(HOLD)),
    )
    found = await standings.find("anna", "acme")
    assert (found.because, found.hold) == (20 * "+", HELD.hold)


async def test_what_cannot_be_read_is_clear_and_can_be_replaced(standings: RedisStandings, connection: Connection) -> None:
    for text in ("{torn", "", '{"rung":99}'):
        await connection.client.set("sg:{acme}:s:anna", text)
        assert await standings.find("anna", "acme") == CLEAR
        assert await standings.change("anna", "acme", lambda _: HELD) == HELD


async def test_what_is_refused_within_a_change_changes_nothing(standings: RedisStandings) -> None:
    await standings.change("anna", "acme", lambda _: HELD)

    def refuse(_: Standing) -> Standing:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await standings.change("anna", "acme", refuse)
    assert await standings.find("anna", "acme") == HELD


async def test_all_of_many_in_few_trips(standings: RedisStandings, connection: Connection) -> None:
    wanted = {(f"o{n % 7}", f"a:s:{n}") for n in range(1500)}
    await connection.client.mset({f"sg:{{{organization}}}:s:{account}": "watch" for organization, account in wanted})
    await connection.client.set("sg:{o1}:u:a:s:1", "not a standing")
    trips = connection.trips
    found = [each async for each in standings.all()]
    assert {(organization, account) for organization, account, _ in found} == wanted
    assert len(found) == len(wanted)
    assert {standing for _, _, standing in found} == {Standing(Rung.WATCH)}
    assert connection.trips - trips <= 3


async def test_the_organization_of_an_account(standings: RedisStandings, connection: Connection) -> None:
    keys = RedisKeys(connection)
    await keys.put(KeyRecord("key_1", "1" * 64, "anna", ""))
    await keys.put(KeyRecord("key_2", "2" * 64, "anna", "by-key"))
    await keys.put(KeyRecord("key_3", "3" * 64, "carl"))
    assert [await standings.organization_of(name) for name in ("anna", "bert", "carl")] == ["by-key", "bert", "carl"]
    await standings.met({})
    await standings.met({"anna": "acme", "bert": "bert"})
    assert await connection.client.hgetall("sg:accounts") == {"anna": "acme"}
    assert await standings.organization_of("anna") == "acme"


async def test_a_message_is_taken_once(connection: Connection) -> None:
    proofs = RedisProofs(connection)
    assert sorted(await asyncio.gather(*(proofs.first("m1", 60) for _ in range(10)))) == 9 * [False] + [True]
    assert await proofs.first("m2", 60)
    assert 50 < await connection.client.ttl("sg:once:m1") <= 60
    await proofs.forget("m1")
    assert await proofs.first("m1", 0.01)
    assert await connection.client.ttl("sg:once:m1") == 1


async def test_an_identity_vouches_for_few_accounts_at_a_time(connection: Connection) -> None:
    proofs = RedisProofs(connection)
    said = await asyncio.gather(*(proofs.vouch("i1", f"a{n}", 3, AT, 100.0) for n in range(10)))
    assert sum(said) == 3
    kept = await connection.client.zrange("sg:vouches:i1", 0, -1)
    assert await proofs.vouch("i1", kept[0], 3, AT + 50, 100.0), "again for the same account: nothing new"
    assert await proofs.vouch("i2", "a9", 3, AT, 100.0)
    assert not await proofs.vouch("i1", "another", 3, AT + 99, 100.0)
    assert await proofs.vouch("i1", "another", 3, AT + 101, 100.0)
    assert set(await connection.client.zrange("sg:vouches:i1", 0, -1)) == {kept[0], "another"}
    assert 90 < await connection.client.ttl("sg:vouches:i1") <= 101


@pytest.fixture(scope="module", params=sorted(servers()))
def three(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    with cluster(request.param) as found:
        wait_for(found.whole)
        yield found


async def test_all_of_it_on_a_cluster(three: Cluster) -> None:
    connection = Connection(three.url, 5.0)
    standings, proofs = RedisStandings(connection), RedisProofs(connection)
    people = {(f"organization-{n}", f"a{n}") for n in range(30)}
    await asyncio.gather(*(standings.change(account, organization, lambda _: HELD) for organization, account in people))
    assert {(organization, account) async for organization, account, _ in standings.all()} == people
    assert len({three.node_of(f"sg:{{{organization}}}:s:x").port for organization, _ in people}) == 3
    await asyncio.gather(*(standings.change(account, organization, lambda old: old.released()) for organization, account in people))
    assert [each async for each in standings.all()] == []
    await standings.met({account: organization for organization, account in people})
    assert await standings.organization_of("a7") == "organization-7"
    assert [await proofs.first("m", 60), await proofs.first("m", 60)] == [True, False]
    assert [await proofs.vouch("i", account, 1, AT, 60) for account in ("a", "b", "a")] == [True, False, True]
    await connection.close()


async def test_a_lost_store_is_a_store_error(own_server: Server) -> None:
    connection = Connection(own_server.url, 1.0)
    standings, proofs = RedisStandings(connection), RedisProofs(connection)
    own_server.kill()
    works = (
        standings.find("a", "o"), standings.change("a", "o", lambda _: HELD), standings.met({"a": "o"}), standings.organization_of("a"),
        proofs.first("m", 1), proofs.forget("m"), proofs.vouch("i", "a", 1, AT, 1),
    )  # fmt: skip
    for work in works:
        with pytest.raises(StoreError):
            await work
    with pytest.raises(StoreError):
        [each async for each in standings.all()]
    await connection.close()
