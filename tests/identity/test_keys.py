"""API keys of our own: known, unknown, revoked; and the cache that stands before the store."""

import asyncio
import re
from dataclasses import replace
from typing import Any

import pytest

from proxy.core.facts import Account
from proxy.core.keys import KeyRecord
from proxy.errors import CallerError, StoreError
from proxy.identity.keys import digest_of, mint
from proxy.identity.records import Records
from tests.support.identity import AT, Clock, MemoryKeys, arrival, identities
from tests.support.policies import policy

POLICY = policy()


def record(digest: str, **parts: Any) -> KeyRecord:
    return KeyRecord(**({"id": "key_1", "digest": digest, "account": "ann", "tier": "team"} | parts))


def test_a_key_is_minted_in_its_own_shape() -> None:
    key, digest, name = mint()
    assert re.fullmatch(r"sg-[A-Za-z0-9_-]{43}", key)
    assert digest == digest_of(key)
    assert re.fullmatch(r"[0-9a-f]{64}", digest)
    assert name.startswith("key_")
    assert mint()[0] != key


async def test_a_known_key_speaks_for_its_account() -> None:
    key, digest, _ = mint()
    room = identities(MemoryKeys(record(digest, organization="acme", verified=True)))
    account = await room.identify(arrival(("Authorization", f"Bearer {key}")), POLICY)
    assert account == Account("ann", "acme", "team", key="key_1", verified=True, source="keys")


@pytest.mark.parametrize("parts", [None, {"revoked": True}, {"expires": AT}])
async def test_unknown_revoked_and_expired_are_one_answer(parts: dict[str, Any] | None) -> None:
    key, digest, _ = mint()
    keys = MemoryKeys(*([record(digest, **parts)] if parts else []))
    with pytest.raises(CallerError, match="not known here, or was revoked") as caught:
        await identities(keys).identify(arrival(("x-api-key", key)), POLICY)
    assert (caught.value.status, caught.value.code) == (401, "invalid_api_key")
    assert key not in str(caught.value)


async def test_an_expiry_is_seen_without_asking_the_store() -> None:
    key, digest, _ = mint()
    keys = MemoryKeys(record(digest, expires=AT + 10))
    room = identities(keys)
    await room.identify(arrival(("x-api-key", key)), POLICY)
    with pytest.raises(CallerError):
        await room.identify(arrival(("x-api-key", key), at=AT + 10), POLICY)
    assert len(keys.asked) == 1


@pytest.mark.parametrize("key", ["sg-", "sg-short", "sg-" + "x" * 44, "sg-" + "!" * 43, "sg-" + "x" * 42 + "="])
async def test_a_malformed_key_never_reaches_the_store(key: str) -> None:
    keys = MemoryKeys()
    with pytest.raises(CallerError, match="not complete"):
        await identities(keys).identify(arrival(("x-api-key", key)), policy(identity=("keys", "upstream")))
    assert keys.asked == []


class TestRecords:
    """The cache: fresh for a minute, stale for an hour while the store is lost, told of changes."""

    def room(self, *records: KeyRecord, size: int = 10_000) -> tuple[Records, MemoryKeys, Clock]:
        keys, clock = MemoryKeys(*records), Clock()
        return Records(keys, clock, size), keys, clock

    async def test_a_record_is_asked_for_once_a_minute(self) -> None:
        ann = record("d1")
        room, keys, clock = self.room(ann)
        assert await room.find("d1") == ann
        clock.now += 59
        assert await room.find("d1") == ann
        assert keys.asked == ["d1"]
        clock.now += 1
        await room.find("d1")
        assert keys.asked == ["d1", "d1"]

    async def test_an_unknown_digest_is_asked_for_every_five_seconds(self) -> None:
        room, keys, clock = self.room()
        assert await room.find("d1") is None
        clock.now += 4
        assert await room.find("d1") is None
        assert len(keys.asked) == 1
        clock.now += 1
        await room.find("d1")
        assert len(keys.asked) == 2

    async def test_a_lost_store_is_bridged_for_an_hour(self) -> None:
        ann = record("d1")
        room, keys, clock = self.room(ann)
        await room.find("d1")
        keys.lost = True
        clock.now += 3599
        assert await room.find("d1") == ann
        clock.now += 1
        with pytest.raises(StoreError):
            await room.find("d1")

    async def test_a_key_never_seen_cannot_be_judged_while_the_store_is_lost(self) -> None:
        room, keys, _ = self.room(record("d1"))
        keys.lost = True
        with pytest.raises(StoreError):
            await room.find("d1")
        keys.lost = False
        assert await room.find("d1") is not None

    async def test_unknown_digests_push_no_real_one_out_and_memory_is_bounded(self) -> None:
        room, keys, _ = self.room(record("d1"), record("d2"), size=2)
        await room.find("d1")
        for number in range(50):
            await room.find(f"x{number}")
        keys.asked.clear()
        assert await room.find("d1") is not None
        assert keys.asked == []
        assert len(room._unknown) == 2

    async def test_the_one_used_longest_ago_goes_first(self) -> None:
        room, keys, _ = self.room(record("d1"), record("d2"), record("d3"), size=2)
        for digest in ("d1", "d2", "d1", "d3", "d1"):
            await room.find(digest)
        assert keys.asked == ["d1", "d2", "d3"]

    async def test_many_at_once_are_one_question(self) -> None:
        room, keys, _ = self.room(record("d1"))
        keys.gate.clear()
        asking = [asyncio.ensure_future(room.find("d1")) for _ in range(20)]
        await asyncio.sleep(0)
        keys.gate.set()
        assert len(set(await asyncio.gather(*asking))) == 1
        assert keys.asked == ["d1"]

    async def test_many_at_once_share_one_failure(self) -> None:
        room, keys, _ = self.room()
        keys.gate.clear()
        asking = [asyncio.ensure_future(room.find("d1")) for _ in range(20)]
        await asyncio.sleep(0)
        keys.lost = True
        keys.gate.set()
        results = await asyncio.gather(*asking, return_exceptions=True)
        assert all(isinstance(result, StoreError) for result in results)
        assert keys.asked == ["d1"]

    async def test_a_caller_who_leaves_takes_nobody_along(self) -> None:
        room, keys, _ = self.room(record("d1"))
        keys.gate.clear()
        first, second, third = (asyncio.ensure_future(room.find("d1")) for _ in range(3))
        await asyncio.sleep(0)
        first.cancel()
        third.cancel()
        await asyncio.sleep(0)
        keys.gate.set()
        assert await second is not None
        assert first.cancelled()
        assert third.cancelled()

    async def test_a_change_is_seen_at_the_next_look(self) -> None:
        ann = record("d1")
        room, keys, _ = self.room(ann, record("d2"))
        mark = await room.catch_up("")
        await room.find("d1")
        await room.find("d2")
        await room.find("d3")
        await keys.put(replace(ann, revoked=True))
        await keys.put(record("d3"))
        assert await room.find("d1") == ann
        mark = await room.catch_up(mark)
        assert mark == "2"
        revoked, made = await room.find("d1"), await room.find("d3")
        assert revoked is not None
        assert revoked.revoked
        assert made is not None
        keys.asked.clear()
        await room.find("d2")
        assert keys.asked == []

    async def test_a_store_lost_after_a_change_is_bridged_too(self) -> None:
        """A key that was made a moment ago and is in use has just announced itself."""
        room, keys, _ = self.room()
        mark = await room.catch_up("")
        await keys.put(record("d1"))
        await keys.put(record("d2"))
        assert await room.find("d1") == record("d1")
        await room.catch_up(mark)
        assert keys.asked == ["d1", "d1"], "what nobody here uses is not asked for"
        keys.lost = True
        assert await room.find("d1") == record("d1")
        with pytest.raises(StoreError):
            await room.find("d2")

    async def test_where_the_history_is_too_short_everything_is_forgotten(self) -> None:
        room, keys, _ = self.room(record("d1"), record("d2"))
        mark = await room.catch_up("")
        await room.find("d1")
        await room.find("d2")
        keys.forgotten = 5
        await room.catch_up(mark)
        keys.asked.clear()
        await room.find("d1")
        await room.find("d2")
        assert keys.asked == ["d1", "d2"]

    async def test_an_answer_from_before_a_change_is_not_kept(self) -> None:
        ann = record("d1")
        room, keys, _ = self.room(ann)
        mark = await room.catch_up("")
        keys.gate.clear()
        asking = asyncio.ensure_future(room.find("d1"))
        await asyncio.sleep(0)
        await keys.put(replace(ann, revoked=True))
        await room.catch_up(mark)
        keys.gate.set()
        assert await asking == ann
        after = await room.find("d1")
        assert after is not None
        assert after.revoked

    async def test_what_was_dropped_meanwhile_does_not_serve_a_lost_store(self) -> None:
        ann = record("d1")
        room, keys, clock = self.room(ann)
        mark = await room.catch_up("")
        await room.find("d1")
        clock.now += 60
        keys.gate.clear()
        asking = asyncio.ensure_future(room.find("d1"))
        await asyncio.sleep(0)
        await keys.put(replace(ann, revoked=True))
        catching_up = asyncio.ensure_future(room.catch_up(mark))
        await turns()
        keys.lost = True
        keys.gate.set()
        for each in (asking, catching_up):
            with pytest.raises(StoreError):
                await each
        with pytest.raises(StoreError):
            await room.find("d1")


async def test_following_goes_on_through_a_lost_store() -> None:
    key, digest, _ = mint()
    keys = MemoryKeys(record(digest))
    room = identities(keys, every=0.0)
    asked = arrival(("x-api-key", key))
    following = asyncio.ensure_future(room.follow())
    await turns()
    await room.identify(asked, POLICY)
    keys.lost = True
    await turns()
    keys.lost = False
    await keys.put(record(digest, revoked=True))
    await turns()
    with pytest.raises(CallerError):
        await room.identify(asked, POLICY)
    assert not following.done()
    following.cancel()
    with pytest.raises(asyncio.CancelledError):
        await following


async def turns() -> None:
    """Lets everything else on the loop run a few times."""
    for _ in range(10):
        await asyncio.sleep(0)
