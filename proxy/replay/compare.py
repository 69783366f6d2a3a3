"""Two policies side by side on the same trace."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from proxy.core.ladder import Rung
from proxy.replay.report import DOES, counted, shown
from proxy.replay.run import Decided
from proxy.replay.tally import Tally

SHOWN = 10


@dataclass(slots=True)
class Difference:
    """Where two policies decided otherwise."""

    ours: Tally
    theirs: Tally
    """Of `--against`."""
    requests: int = 0
    """On which they did something else."""
    where: dict[str, int] = field(default_factory=dict)
    """Line number, from 1, of the first difference, by account."""

    def note(self, ours: Decided, theirs: Decided) -> None:
        """One line's two decisions."""
        if ours.done is not theirs.done:
            self.requests += 1
            self.where.setdefault(ours.account, ours.index + 1)

    def words(self) -> Iterator[str]:
        """Figure by figure, then who is hit by one of them only."""
        one, other = self.ours, self.theirs
        names = (f"{shown(one.policy.name)[:16]} {one.policy.digest[:6]}", f"{shown(other.policy.name)[:16]} {other.policy.digest[:6]}")
        yield f"{'side by side':40}{names[0]:>24}{names[1]:>24}"
        for rung in DOES:
            yield _row(f"accounts {DOES[rung]}", _done(one, rung), _done(other, rung))
        yield _row("accounts restricted", len(one.hit), len(other.hit))
        yield _row("requests restricted", one.restricted, other.restricted)
        yield _row("campaigns at the end", len(one.campaigns), len(other.campaigns))
        yield f"decided otherwise: {counted(self.requests, 'request')} of {counted(len(self.where), 'account')}"
        yield from self._only(names[0], one.hit - other.hit)
        yield from self._only(names[1], other.hit - one.hit)
        yield from self._sooner()

    def _only(self, name: str, accounts: frozenset[str]) -> Iterator[str]:
        if accounts:
            listed = ", ".join(f"{shown(account)} (line {self.where.get(account, 0):,})" for account in sorted(accounts)[:SHOWN])
            yield f"restricted by {name} only: {counted(len(accounts), 'account')}: {listed}{', …' if len(accounts) > SHOWN else ''}"

    def _sooner(self) -> Iterator[str]:
        """Of accounts that both restrict: which of the two did so first."""
        both = self.ours.hit & self.theirs.hit
        lead = [(self.theirs.fates[name].first or 0.0) - (self.ours.fates[name].first or 0.0) for name in both]
        sooner, later = sum(each > 0 for each in lead), sum(each < 0 for each in lead)
        yield f"restricted by both: {counted(len(both), 'account')}; {sooner:,} sooner by the first, {later:,} by the second"


def _done(tally: Tally, rung: Rung) -> int:
    return sum(fate.done is rung for fate in tally.fates.values())


def _row(what: str, one: int, other: int) -> str:
    return f"{'':4}{what:36}{one:24,}{other:24,}"
