"""Campaigns, for operators: which there are and why, and a person's word on one.

Rule 1: whoever decides says who they are and why, and both are kept.
Rule 2: a word can be taken back; the analyst hears it within seconds, and its members' scores follow.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from proxy.analyst.records import About, Exported, Word
from proxy.app.accounts import Because
from proxy.core.risk import rarity
from proxy.core.windows import moment
from proxy.errors import ConfigError
from proxy.learning.campaign import Campaign, Member, Verdict
from proxy.learning.score import Reading
from proxy.stores.board import RedisBoard

SHOWN = 20
"""Members that are listed for people; programs get all."""

HASHES = ("skeleton", "addresses", "payments", "software")
"""Of a campaign; in JSON they are hexadecimal, for not every reader's numbers have 64 bits."""

SAID = {Verdict.CONFIRMED: "confirmed", Verdict.HONEST: "dismissed as honest"}


@dataclass(frozen=True, slots=True)
class Seen:
    """A campaign, and what a person said of it last."""

    campaign: Campaign
    word: Word | None = None

    def line(self) -> str:
        """It in one line."""
        found = self.campaign
        targets = f"; mostly {found.models[0][0]}" if found.models else ""
        said = f"; {SAID[self.word.verdict]} by {self.word.by}" if self.word is not None and self.word.verdict is not None else ""
        volume = f"{_counted(len(found.members), 'account')}, {_counted(found.exchanges, 'exchange')}"
        return f"{found.id}  score {found.score:.0f}  {volume} since {moment(found.first_seen)}{targets}{said}"

    def words(self) -> Iterator[str]:
        """All there is to say."""
        found = self.campaign
        yield f"{found.id}: {_counted(len(found.members), 'account')} that act as one"
        yield f"  score {found.score:.0f}: {rarity(found.score)} of honest accounts looks like this by chance ({found.evidence:.1f} nats)"
        yield f"  first seen {moment(found.first_seen)}; last renewed by evidence {moment(found.seen)}"
        yield f"  volume: {_counted(found.exchanges, 'exchange')}, {_counted(found.output, 'output token')}"
        targets = ", ".join(f"{model} ({times:,})" for model, times in found.models)
        yield f"  targets: {targets or 'not known'}"
        yield f"  {self._said()}"
        if found.before:
            yield f"  was before, or was a part of: {', '.join(found.before)}"
        yield "  links, the strongest first"
        yield from (f"    {reading_words(reading)}" for reading in found.readings)
        yield f"  {_shared(found)}"
        yield "  members, the closest first"
        members = sorted(found.members, key=lambda member: (-member.strength, -member.exchanges, member.account))
        yield from (f"    {_member(member)}" for member in members[:SHOWN])
        if len(members) > SHOWN:
            yield f"    … and {len(members) - SHOWN:,} more; --json has all"

    def shown(self) -> dict[str, Any]:
        """For programs."""
        found = asdict(self.campaign)
        found |= {name: [f"{value:016x}" for value in found[name]] for name in HASHES}
        return found | {"word": None if self.word is None else asdict(self.word)}

    def _said(self) -> str:
        word = self.word
        if word is None or word.verdict is None:
            return f"nobody has judged it; stillgate campaigns confirm {self.campaign.id} --because …, or dismiss"
        heard = "" if self.campaign.verdict is word.verdict else " (the analyst has not heard it yet)"
        return f"{SAID[word.verdict]} by {word.by} on {moment(word.at)}: {word.because}{heard}"


@dataclass(frozen=True, slots=True)
class Campaigns:
    """The operations behind `stillgate campaigns`. All raise `ConfigError` for what cannot be and `StoreError`."""

    board: RedisBoard
    clock: Callable[[], float]

    async def list(self) -> list[Seen]:
        """All that live, those with most evidence first."""
        words = {word.subject: word for word in await self.board.verdicts()}
        return [Seen(campaign, words.get(campaign.id)) for campaign in await self.board.campaigns()]

    async def find(self, name: str) -> Seen | None:
        return next((seen for seen in await self.list() if seen.campaign.id == name), None)

    async def judge(self, name: str, verdict: Verdict | None, because: Because) -> Seen | None:
        """A person's word; None takes back what was said. None where there is no such campaign."""
        said = because.checked()
        found = await self.find(name)
        if found is None:
            return None
        return Seen(found.campaign, await self.board.judge(name, verdict, said.by, said.why, self.clock()))

    async def exported(self, confirmed: Iterable[Seen], producer: str) -> None:
        """Others were told of these."""
        at, found = self.clock(), [(seen.campaign, seen.word.at) for seen in confirmed if seen.word is not None]
        await self.board.put_exported([Exported(replace(each, members=()), said, at, producer) for each, said in found])

    async def dismissed(self, producer: str) -> Sequence[tuple[Exported, float]]:
        """What others were told and a person has dismissed since, or taken back, and when."""
        words = {word.subject: word for word in await self.board.since(0) if word.about is About.VERDICT}
        known = [(each, words.get(each.campaign.id)) for each in await self.board.exported() if each.producer == producer]
        return [(each, word.at) for each, word in known if word is not None and word.verdict is not Verdict.CONFIRMED]

    async def spare(self, name: str, account: str, because: Because) -> Member | None:
        """One member is honest, and the campaign is none the less one. None where there is no such campaign."""
        said = because.checked()
        found = await self.find(name)
        if found is None:
            return None
        member = next((member for member in found.campaign.members if member.account == account), None)
        if member is None:
            raise ConfigError(f"{account} is no member of {name}; `stillgate campaigns show {name}` lists them")
        await self.board.judge(account, Verdict.HONEST, said.by, said.why, self.clock())
        return member


def reading_words(reading: Reading) -> str:
    """A signal or link, with what it adds."""
    counted = "" if reading.counted else ", in shadow: not counted"
    return f"{reading.name} ({reading.nats:.1f} nats{counted}): {reading.why}"


def _shared(found: Campaign) -> str:
    kinds = (
        (found.skeleton, "piece of text", "pieces of text"),
        (found.addresses, "address", "addresses"),
        (found.payments, "means of payment", "means of payment"),
        (found.software, "kind of software", "kinds of software"),
    )
    said = [f"{len(hashes)} {one if len(hashes) == 1 else many}" for hashes, one, many in kinds if hashes]
    return f"shared by several of them: {', '.join(said)}" if said else "they share no address, means of payment or software"


def _member(member: Member) -> str:
    of = "" if member.organization == member.account else f" of {member.organization}"
    how = "sent what only this campaign sends" if member.how == "skeleton" else f"{member.strength:.0%} of its links lead to members"
    return f"{member.account}{of}: {how}; {_counted(member.exchanges, 'exchange')}; a member since {moment(member.since)}"


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"
