"""What the analyst has found, for consoles and commands; and what people say of it. All keys share the tag `{analyst}`:

  sg:{analyst}:campaigns   hash    partition of the stream -> its campaigns, as JSON
  sg:{analyst}:scores      hash    account -> its `Record`, as JSON
  sg:{analyst}:requests    hash    request -> its `Moment`, as JSON, of the last `MOST_REQUESTS`
  sg:{analyst}:recent      list    those requests, oldest first
  sg:{analyst}:verdicts    hash    campaign or account -> number, blank, what a person said last (`Word`) as JSON; of a pardon or a block
                                   the field is `<account>{pardon}` or `<account>{block}`: no account's name has braces
  sg:{analyst}:exported    hash    campaign, blank, producer -> as it was exported (`Exported`), as JSON
  sg:{analyst}:words       string  how many words were said: each is numbered

Rule: what is here is a picture of what the analyst knows, never its memory (that is `stores/analyst_memory.py`). It may be deleted.
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

import msgspec

from proxy.analyst.records import About, Exported, Moment, Record, Word
from proxy.learning.campaign import Campaign, Verdict
from proxy.stores.connect import Connection

T = TypeVar("T")

CAMPAIGNS = "sg:{analyst}:campaigns"
SCORES = "sg:{analyst}:scores"
REQUESTS = "sg:{analyst}:requests"
RECENT = "sg:{analyst}:recent"
VERDICTS = "sg:{analyst}:verdicts"
WORDS = "sg:{analyst}:words"
EXPORTED = "sg:{analyst}:exported"

MOST_REQUESTS = 100_000
"""Requests that can be explained by their reference, about 300 bytes each; an older one is forgotten."""

MOST_AT_ONCE = 2000
"""Scores in one trip, a kilobyte each."""

PATIENCE = 5.0
"""Deadline of a trip, seconds: no exchange waits for it."""

REMEMBER = """
for i = 2, #ARGV, 2 do
  if redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) == 1 then redis.call('RPUSH', KEYS[2], ARGV[i]) end
end
local over = redis.call('LLEN', KEYS[2]) - tonumber(ARGV[1])
for _ = 1, over do redis.call('HDEL', KEYS[1], redis.call('LPOP', KEYS[2])) end
"""
SAY = """
local number = redis.call('INCR', KEYS[1])
redis.call('HSET', KEYS[2], ARGV[1], number .. ' ' .. ARGV[2])
return number
"""

_campaigns = msgspec.json.Decoder(tuple[Campaign, ...])
_record = msgspec.json.Decoder(Record)
_moment = msgspec.json.Decoder(Moment)
_exported = msgspec.json.Decoder(Exported)
_word = msgspec.json.Decoder(Word)


class RedisBoard:
    """The `Board` and `Verdicts` ports, and their reading side. Everything raises `StoreError`; what cannot be read is not there."""

    def __init__(self, connection: Connection, partition: int = 0, most_requests: int = MOST_REQUESTS) -> None:
        self._connection = connection
        self._partition = partition
        self._most = most_requests

    async def put_campaigns(self, campaigns: Sequence[Campaign]) -> None:
        """In place of all that this partition's analyst had published."""
        await self._do(lambda client: client.hset(CAMPAIGNS, str(self._partition), _text(tuple(campaigns))), CAMPAIGNS)

    async def campaigns(self) -> tuple[Campaign, ...]:
        """All that live, those with most evidence first."""
        texts: list[str] = await self._do(lambda client: client.hvals(CAMPAIGNS), CAMPAIGNS)
        found = (campaign for text in texts for campaign in _read(_campaigns, text) or ())
        return tuple(sorted(found, key=lambda campaign: (-campaign.evidence, campaign.id)))

    async def put_scores(self, records: Mapping[str, Record | None]) -> None:
        """By account; None: there is nothing to say of it any more."""
        for some in _parts(records):
            gone = [account for account, record in some if record is None]
            kept = {account: _text(record) for account, record in some if record is not None}
            if kept:
                await self._do(partial(_set, kept), SCORES)
            if gone:
                await self._do(partial(_delete, gone), SCORES)

    async def score(self, account: str) -> Record | None:
        """None: it has no score, or one of less than a point."""
        return _read(_record, await self._do(lambda client: client.hget(SCORES, account), SCORES))

    async def put_requests(self, moments: Sequence[Moment]) -> None:
        """So that each can be found by its reference until `MOST_REQUESTS` others have come."""
        if moments:
            said = [part for moment in moments for part in (moment.request, _text(moment))]
            await self._do(lambda client: client.eval(REMEMBER, 2, REQUESTS, RECENT, self._most, *said), REQUESTS)

    async def request(self, reference: str) -> Moment | None:
        """Whose the request was that was answered with this reference; None: too long ago, or never observed."""
        return _read(_moment, await self._do(lambda client: client.hget(REQUESTS, reference), REQUESTS))

    async def judge(self, subject: str, verdict: Verdict | None, by: str, because: str, at: float) -> Word:
        """A person's word on a campaign's id or on an account, in place of what was said of it before; None takes it back. The analyst
        hears it within seconds."""
        return await self._say(subject, Word(subject, verdict, by, because, at))

    async def decided(self, account: str, about: About, by: str, because: str, at: float) -> Word:
        """A person's decision on an account, in place of the last of its kind. What was judged of it stays."""
        return await self._say(f"{account}{{{about}}}", Word(account, None, by, because, at, about=about))

    async def _say(self, field: str, word: Word) -> Word:
        number: int = await self._do(lambda client: client.eval(SAY, 2, WORDS, VERDICTS, field, _text(word)), WORDS)
        return replace(word, number=number)

    async def verdicts(self) -> tuple[Word, ...]:
        """What was said last of each subject and not taken back, oldest first."""
        return tuple(word for word in await self.since(0) if word.verdict is not None)

    async def since(self, number: int) -> tuple[Word, ...]:
        """What was said after word `number`, in order; of each subject the last word of a kind only."""
        last = await self._do(lambda client: client.get(WORDS), WORDS)
        if int(last or 0) <= number:
            return ()
        texts: list[str] = await self._do(lambda client: client.hvals(VERDICTS), VERDICTS)
        words = sorted(filter(None, map(_said, texts)), key=lambda word: word.number)
        return tuple(word for word in words if word.number > number)

    async def put_exported(self, records: Sequence[Exported]) -> None:
        """What others have been told, in place of what they were told of the same campaigns before."""
        known = {f"{each.campaign.id} {each.producer}": each for each in await self.exported()}
        kept = {name: _text(each.after(known.get(name))) for each in records if (name := f"{each.campaign.id} {each.producer}")}
        if kept:
            await self._do(lambda client: client.hset(EXPORTED, mapping=kept), EXPORTED)

    async def exported(self) -> tuple[Exported, ...]:
        texts: list[str] = await self._do(lambda client: client.hvals(EXPORTED), EXPORTED)
        return tuple(sorted(filter(None, (_read(_exported, text) for text in texts)), key=lambda each: (each.campaign.id, each.producer)))

    async def _do(self, call: Callable[[Any], Awaitable[T]], key: str) -> T:
        return await self._connection.run(call, PATIENCE, key)


def _parts(records: Mapping[str, Record | None]) -> Iterator[list[tuple[str, Record | None]]]:
    items = list(records.items())
    return (items[start : start + MOST_AT_ONCE] for start in range(0, len(items), MOST_AT_ONCE))


def _set(kept: Mapping[str, str], client: Any) -> Any:
    return client.hset(SCORES, mapping=kept)


def _delete(gone: Sequence[str], client: Any) -> Any:
    return client.hdel(SCORES, *gone)


def _text(record: object) -> str:
    return msgspec.json.encode(record).decode()


def _read(decoder: msgspec.json.Decoder[T], text: str | None) -> T | None:
    """None for what an older or a newer version wrote differently."""
    try:
        return None if text is None else decoder.decode(text)
    except msgspec.DecodeError:
        return None


def _said(text: str) -> Word | None:
    number, _, said = text.partition(" ")
    word = _read(_word, said)
    return None if word is None else replace(word, number=int(number))
