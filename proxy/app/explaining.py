"""Why: an account's standing, a campaign, or what was decided on one request, from what the store and the gateway's log say.

Rule: nothing is guessed. What was decided on a request stands in the log; without it, only what is known of its account is told.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from proxy.analyst.records import Record, Word
from proxy.app.accounts import Accounts, Found, Who, words_of
from proxy.app.campaigns import Campaigns, Seen
from proxy.core.facts import Account
from proxy.core.keys import KeyRecord
from proxy.core.policy import Policy
from proxy.core.risk import LINKS, rarity
from proxy.core.windows import moment
from proxy.errors import ConfigError
from proxy.learning.campaign import Campaign
from proxy.learning.explanation import Considered, Subject, considered, stands, terms
from proxy.stores.board import RedisBoard
from proxy.stores.keys import RedisKeys

LONGEST_LINE = 1 << 20
"""Bytes of a log line that is looked at."""

PARTS = {
    "routes": "routes",
    "lists": "lists and tier",
    "quotas": "quotas",
    "guards": "guards, whatever the score",
    "signals": "signals, of the account by itself",
    "links": "links, of its campaign",
    "ladder": "the ladder",
    "capacity": "capacity",
}


@dataclass(frozen=True, slots=True)
class AccountWhy:
    """An account, and every rule considered."""

    subject: Subject
    record: Record | None
    policy: Policy
    at: float
    rules: tuple[Considered, ...]

    def words(self) -> Iterator[str]:
        """All of it, for people."""
        account, here = self.subject.account, stands(self.subject, self.policy, self.at)
        of = "" if account.organization == account.id else f" of {account.organization}"
        since = f" since {moment(here.since)}" if here.since else ""
        yield f"{account.id}{of} is {words_of(here.rung)}{since}"
        yield f"  {self._score()}"
        if self.record is not None:
            yield from (f"  {line}" for line in _evidence(self.record))
        yield f"  considered in this order, under policy {self.policy.name} ({self.policy.digest})"
        yield from _rules(self.rules)

    def shown(self) -> dict[str, Any]:
        """For programs."""
        here = stands(self.subject, self.policy, self.at)
        return {
            "account": self.subject.account.id,
            "organization": self.subject.account.organization,
            "place": here.rung.word,
            "since": here.since,
            "points": self.subject.points,
            "record": None if self.record is None else asdict(self.record),
            "campaign": None if self.subject.campaign is None else self.subject.campaign.id,
            "policy": {"name": self.policy.name, "digest": self.policy.digest},
            "considered": [asdict(rule) for rule in self.rules],
        }

    def _score(self) -> str:
        points = self.subject.points
        if points is None:
            return "no score: not enough to say, or nothing speaks against it"
        because = self.record.score.because if self.record is not None else self.subject.standing.because
        return f"score {points:.0f}, which {rarity(points)} of honest accounts reaches: {because}"


@dataclass(frozen=True, slots=True)
class CampaignWhy:
    """A campaign, and what was considered of it."""

    seen: Seen
    policy: Policy
    rules: tuple[Considered, ...]

    def words(self) -> Iterator[str]:
        yield from self.seen.words()
        yield f"  considered under policy {self.policy.name} ({self.policy.digest}); a member's own signals come on top"
        yield from _rules(self.rules)

    def shown(self) -> dict[str, Any]:
        policy = {"name": self.policy.name, "digest": self.policy.digest}
        return self.seen.shown() | {"policy": policy, "considered": [asdict(rule) for rule in self.rules]}


@dataclass(frozen=True, slots=True)
class RequestWhy:
    """A request: what was decided, and whose it was."""

    reference: str
    at: float | None
    """When it came, epoch seconds; None where only the log knows of it."""
    decided: tuple[Mapping[str, Any], ...]
    """Lines of the log that name it."""
    account: AccountWhy | None
    logged: bool = field(default=False)
    """A log was given."""

    def words(self) -> Iterator[str]:
        came = "" if self.at is None else f", which came {moment(self.at)}"
        yield f"request {self.reference}{came}"
        yield from (f"  {_line(line)}" for line in self.decided)
        if not self.decided:
            yield ("  the log says nothing of it" if self.logged else "  what was decided on it stands in a gateway's log; pass it: --log")
        if self.account is None:
            return
        if self.at is not None:
            yield f"  {_then(self.account, self.at)}"
        yield "its account, as it is now:"
        yield from self.account.words()

    def shown(self) -> dict[str, Any]:
        account = None if self.account is None else self.account.shown()
        return {"request": self.reference, "at": self.at, "decided": list(self.decided), "account": account}


Why = AccountWhy | CampaignWhy | RequestWhy


@dataclass(frozen=True, slots=True)
class Explaining:
    """Finds out what a word means and explains it. Everything raises `StoreError`."""

    accounts: Accounts
    campaigns: Campaigns
    board: RedisBoard
    keys: RedisKeys
    policy: Policy
    log: Path | None = None
    """A gateway's log: JSON lines."""

    async def any(self, word: str, organization: str = "") -> Why:
        """A campaign of that id, else a request of that reference, else an account; of an organization, an account only. Raises
        `ConfigError`."""
        if organization:
            return await self._account(Who(word, organization))
        if (seen := await self.campaigns.find(word)) is not None:
            return CampaignWhy(seen, self.policy, tuple(terms("links", LINKS, seen.campaign.readings, self.policy.risk)))
        return await self._request(word) or await self._account(Who(word, organization))

    async def doubt(self, why: Why) -> str:
        """An account that nobody has used may be mistyped; "" where it is known, or is none."""
        if not isinstance(why, AccountWhy):
            return ""
        account = why.subject.account
        return await self.accounts.doubt(Found(account.id, account.organization, why.subject.standing))

    async def _request(self, reference: str) -> RequestWhy | None:
        found = await self.board.request(reference)
        decided = tuple(lines(self.log, reference)) if self.log is not None else ()
        if found is None and not decided:
            return None
        who = Who(found.account, found.organization) if found is not None else _who(decided)
        account = await self._account(who) if who is not None else None
        return RequestWhy(reference, None if found is None else found.at, decided, account, self.log is not None)

    async def _account(self, who: Who) -> AccountWhy:
        found = await self.accounts.find(who)
        record = await self.board.score(found.account)
        campaign = await self._campaign(found.account)
        word = await self._word(found.account, campaign.id if campaign is not None else "")
        at = self.accounts.clock()
        subject = Subject(
            await self._facts(found, at), found.standing, record.score if record is not None else None,
            record.readings if record is not None else (), campaign, word.verdict if word is not None else None,
            f"by {word.by} on {moment(word.at)}: {word.because}" if word is not None else "",
        )  # fmt: skip
        return AccountWhy(subject, record, self.policy, at, tuple(considered(subject, self.policy, at)))

    async def _campaign(self, account: str) -> Campaign | None:
        """Of which it is a member, whatever its score says: a person may have spoken for it."""
        found = await self.board.campaigns()
        return next((each for each in found if any(member.account == account for member in each.members)), None)

    async def _word(self, account: str, campaign: str) -> Word | None:
        words = {word.subject: word for word in await self.board.verdicts()}
        return words.get(account) or words.get(campaign)

    async def _facts(self, found: Found, at: float) -> Account:
        """As its youngest valid key says; of an account without one no more is known than its name."""
        held = [record async for record in self.keys.all() if record.account == found.account and record.valid(at)]
        key = max(held, key=lambda record: record.issued, default=KeyRecord("", "", found.account, found.organization))
        return replace(key.holder(), organization=found.organization)


def lines(log: Path, reference: str) -> Iterator[dict[str, Any]]:
    """What a gateway's log says of a request. Raises `ConfigError`."""
    sought = reference.encode()
    try:
        with log.open("rb") as file:
            while line := file.readline(LONGEST_LINE):
                if sought in line and (said := _parsed(line)).get("reference") == reference:
                    yield said
    except OSError as error:
        raise ConfigError(f"cannot read {log}: {error.strerror}") from None


def _parsed(line: bytes) -> dict[str, Any]:
    """{} of what is no log line."""
    try:
        said = json.loads(line)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _who(decided: tuple[Mapping[str, Any], ...]) -> Who | None:
    return next((Who(str(line["account"])) for line in decided if line.get("account")), None)


def _line(said: Mapping[str, Any]) -> str:
    """A log line in words: when, what, and its fields."""
    head = ("time", "level", "logger", "message", "trace_id", "span_id", "reference")
    fields = ", ".join(f"{name} {value}" for name, value in said.items() if name not in head)
    return f"{said.get('time', '')} {said.get('message', '')}: {fields}".strip()


def _then(why: AccountWhy, at: float) -> str:
    here = stands(why.subject, why.policy, why.at)
    if here.since > at:
        return f"its account has moved since: it is {words_of(here.rung)} since {moment(here.since)}"
    return f"its account stood then where it stands now: {words_of(here.rung)}"


def _evidence(record: Record) -> Iterator[str]:
    if record.score.shares:
        yield f"the score's shares, as of {moment(record.at)}"
        yield from (f"  {share.points:.0f}  {share.name}: {share.why}" for share in record.score.shares)
    if record.links:
        yield f"asks most like: {', '.join(f'{account} ({closeness:.0%})' for account, closeness in record.links)}"


def _rules(rules: tuple[Considered, ...]) -> Iterator[str]:
    part = ""
    for rule in rules:
        if rule.part != part:
            part = rule.part
            yield f"    {PARTS[part]}"
        mark = "shadow" if rule.holds and rule.shadow else "yes" if rule.holds else "no"
        yield f"      {mark:6} {rule.rule}: {rule.why}{', in shadow' if rule.shadow and not rule.holds else ''}"
