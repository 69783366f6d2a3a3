"""Accounts on the ladder, for operators: where one stands and why, and a human's decisions on it.

Rule 1: whoever decides says who they are and why, and both are kept.
Rule 2: what is printed is what holds now, in words that can be read aloud.
Rule 3: a decision holds at once, with the account's next request; then the analyst hears of what is evidence: a pardon, and a block.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import Any

from proxy.analyst.records import About
from proxy.core.ladder import Hold, Rung, Standing
from proxy.errors import ConfigError
from proxy.identity.base import usable
from proxy.stores.board import RedisBoard
from proxy.stores.standings import RedisStandings
from proxy.verification.operator import Operator

LONGEST = 500
"""Characters of a reason."""

MOST_NAMES = 10_000
"""Names that are looked through for one that is near."""


@dataclass(frozen=True, slots=True)
class Who:
    """An account, and the organization it belongs to."""

    account: str
    organization: str = ""
    """"" and it is looked up."""


@dataclass(frozen=True, slots=True)
class Because:
    """Who decides, and why."""

    by: str
    why: str

    def checked(self) -> "Because":
        """Raises `ConfigError`."""
        for text, name in ((self.why, "--because"), (self.by, "--by")):
            if not text.strip() or len(text) > LONGEST or not text.isprintable():
                raise ConfigError(f"{name} needs one line of 1 to {LONGEST} printable characters")
        return self


@dataclass(frozen=True, slots=True)
class Found:
    """An account and where it stands."""

    account: str
    organization: str
    standing: Standing

    def words(self, at: float) -> str:
        """What holds at `at`, and until when."""
        of = "" if self.organization == self.account else f" of {self.organization}"
        return f"{self.account}{of} {said_of(self.standing, at)}"

    def shown(self, at: float) -> dict[str, Any]:
        """For programs."""
        standing = asdict(self.standing)
        for part in (standing, standing["hold"]):
            if part is not None:
                part["rung"] = Rung(part["rung"]).word
        return {"account": self.account, "organization": self.organization, "place": self.standing.place(at).word, "standing": standing}


@dataclass(frozen=True, slots=True)
class Accounts:
    """The operations behind `stillgate accounts`. All raise `ConfigError` for what cannot be and `StoreError`."""

    standings: RedisStandings
    board: RedisBoard
    clock: Callable[[], float]

    async def set_rung(self, who: Who, rung: Rung, because: Because, lasts: float | None) -> Found:
        """Holds the account on a rung, whatever its score, for `lasts` seconds or until it is released."""
        at, said = self.clock(), because.checked()
        hold = Hold(rung, at, said.by, said.why, None if lasts is None else at + lasts)
        found = await self._change(who, lambda standing: standing.held(hold))
        if rung is Rung.BLOCKED:
            await self.board.decided(found.account, About.BLOCK, said.by, said.why, at)
        return found

    async def release(self, who: Who, because: Because) -> Found | None:
        """Ends the hold; the score counts again. None where there is none."""
        said, known = because.checked(), False

        def released(standing: Standing) -> Standing:
            nonlocal known
            known = standing.hold is not None
            return replace(standing.released(), because=f"released by {said.by}: {said.why}") if known else standing

        found = await self._change(who, released)
        return found if known else None

    async def pardon(self, who: Who, because: Because, lasts: float | None) -> Found:
        """Clear whatever the score, and what was known until now no longer counts."""
        at, said = self.clock(), because.checked()
        until = None if lasts is None else at + lasts
        found = await self._change(who, lambda standing: standing.pardoned(at, said.by, said.why, until))
        await self.board.decided(found.account, About.PARDON, said.by, said.why, at)
        return found

    async def verify(self, who: Who, because: Because, lasts: float) -> Found:
        """The operator knows who the owner is."""
        at, said = self.clock(), because.checked()
        return await self._change(who, lambda standing: standing.verify(at, Operator.name, at + lasts, said.by, said.why))

    async def find(self, who: Who) -> Found:
        named = await self.named(who)
        return Found(named.account, named.organization, await self.standings.find(named.account, named.organization))

    async def list(self, rung: Rung | None) -> list[Found]:
        """All that have a standing, or those in one place; the strictest first."""
        at = self.clock()
        found = [Found(account, organization, standing) async for organization, account, standing in self.standings.all()]
        wanted = [one for one in found if rung is None or one.standing.place(at) is rung]
        return sorted(wanted, key=lambda one: (-one.standing.place(at), one.organization, one.account))

    async def doubt(self, found: Found) -> str:
        """A name that nobody has used may be mistyped; "" where it is known."""
        if await self.standings.is_known(found.account, found.organization):
            return ""
        holders = await self.standings.holders()
        if found.account in holders:
            return ""
        near = get_close_matches(found.account, sorted(holders)[:MOST_NAMES])
        meant = f"; did you mean {' or '.join(near)}?" if near else ""
        return f"no key and no usage of an account {found.account} is known{meant}"

    async def named(self, who: Who) -> Who:
        """With its organization. Raises `ConfigError`."""
        for name in (who.account, who.organization or who.account):
            if not usable(name):
                raise ConfigError(f"'{name[:50]}' cannot name an account: 1 to 200 printable characters and no braces")
        return Who(who.account, who.organization or await self.standings.organization_of(who.account))

    async def _change(self, who: Who, how: Callable[[Standing], Standing]) -> Found:
        named = await self.named(who)
        return Found(named.account, named.organization, await self.standings.change(named.account, named.organization, how))


def said_of(standing: Standing, at: float) -> str:
    """A standing in words: the place, who or what brought it there, until when, and what else there is to know."""
    place, hold, verified = standing.place(at), standing.hold, standing.verified
    said = [f"is {words_of(place)}"]
    if hold is not None and hold.alive(at):
        pardoned = place is Rung.CLEAR and hold.at == standing.forgiven
        said[0] += f", {'pardoned' if pardoned else 'held there'} {_until(hold.until, 'until released')} by {hold.by}: {hold.because}"
        if standing.rung is not Rung.CLEAR:
            said.append(f"its score alone has earned {standing.rung.word}")
    elif verified is None and standing.because:
        said[0] += f": {standing.because}"
    if verified is not None and at < verified.until:
        by = f" by {verified.by}" if verified.by else ""
        why = f": {verified.because}" if verified.because else ""
        said.append(f"verified ({verified.how}){by} until {moment(verified.until)}{why}")
    if standing.score is not None:
        said.append(f"score {standing.score:.0f}")
    return "; ".join(said)


def words_of(rung: Rung) -> str:
    """What an account is that stands there."""
    return "on watch" if rung is Rung.WATCH else rung.word


def _until(until: float | None, otherwise: str) -> str:
    return otherwise if until is None else f"until {moment(until)}"


def moment(at: float) -> str:
    """A time as people read it."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")
