"""One partition's learning: entries in, moves and records out. No store, no clock: what it does follows from what it is given.

Rule 1: an observation counts once, though a gateway that heard no answer may have sent it twice.
Rule 2: whatever is learned of an entry is in the next checkpoint together with its mark, or neither is.
Rule 3: after an entry or a look has raised, this is to be thrown away (`analyst.care`).
"""

from collections import Counter, OrderedDict
from collections.abc import Iterable, Sequence
from time import perf_counter

from proxy.analyst.care import Care
from proxy.analyst.places import Places
from proxy.analyst.ports import Analysis
from proxy.analyst.records import About, Change, Checkpoint, Entry, Moment, Record, Word
from proxy.core.ladder import Rung, Steps
from proxy.learning.observation import Observation

RECENT = 8192
"""Requests that are recognised when they come again: a batch is sent again within seconds."""

LONG = 0.05
"""Seconds from which one observation must have brought a look at the whole population."""


class Learner:
    """Everything that one partition's analyst knows."""

    def __init__(self, analysis: Analysis, loaded: Checkpoint, recent: Sequence[Entry], steps: Steps, care: Care) -> None:
        self.analysis = analysis
        self._care = care
        analysis.postpone(care.not_before)
        self.mark = loaded.mark
        self.words = loaded.words
        self.learning: Entry | None = None
        """What is being learned from just now."""
        self.took = 0.0
        """Seconds of the last look at the whole population."""
        known = {account: place for account, place in loaded.places.items() if place is not None}
        self.places = Places(known, steps)
        self._recent: OrderedDict[str, str] = OrderedDict()
        for entry in recent:
            if entry.seen is not None:
                self._is_new(entry.seen.request, entry.mark)
        self.fresh = False
        """Is there anything that the last checkpoint does not hold?"""
        self._leftover: tuple[str, ...] = ()
        self._scored: dict[str, float] = {}
        self._changes: tuple[Change, ...] = ()
        self._moments: list[Moment] = []
        self._results: Counter[str] = Counter()

    def learn(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            self.fresh = True
            self._results[self._one(entry)] += 1
            self.mark = entry.mark

    def hear(self, words: Iterable[Word]) -> None:
        """What people said is evidence from now on."""
        for word in words:
            match word.about:
                case About.VERDICT:
                    self._score(self.analysis.judge(word.subject, word.verdict, word.at), word.at)
                case About.PARDON:
                    self._pardon(word)
                case About.BLOCK:
                    self.analysis.blocked(word.subject, word.at)
            self.words, self.fresh = word.number, True

    def look(self, at: float) -> None:
        """At the whole population, where no observation brings it about."""
        if at < self._care.not_before:
            return
        began = perf_counter()
        self._score(self.analysis.look(at), at)
        self.took, self.fresh = perf_counter() - began, True

    def reconsider(self, accounts: Iterable[str], at: float) -> None:
        """Under another policy: it may want other rungs for the same scores, and other scores for the same evidence. `accounts`: all."""
        self.look(at)
        self._score(accounts, at)

    def quieted(self, at: float) -> None:
        """Nothing new until `at`."""
        moved = self.places.quieted(at, lambda account: self.analysis.score(account).because)
        self.fresh = self.fresh or moved

    def begin_anew(self, leftover: Iterable[str]) -> None:
        """Profiles that cannot be read: the next checkpoint does away with them."""
        self._leftover, self.fresh = tuple(leftover), True

    def take_changes(self) -> tuple[Change, ...]:
        """Standings that must change."""
        changes, self._changes = (*self._changes, *self.places.take(self.analysis.organization)), ()
        return changes

    def take_records(self) -> dict[str, Record | None]:
        """Accounts whose score is another than when it was last asked."""
        scored, self._scored = self._scored, {}
        return {account: self._record(account, at) for account, at in scored.items()}

    def take_moments(self) -> list[Moment]:
        moments, self._moments = self._moments, []
        return moments

    def take_results(self) -> Counter[str]:
        """How many entries were learned | repeated | unreadable | set_aside."""
        results, self._results = self._results, Counter()
        return results

    def checkpoint(self, policy: str) -> Checkpoint:
        """What has changed since it was asked last."""
        rest, profiles = self.analysis.changed()
        profiles, self._leftover, self.fresh = {**dict.fromkeys(self._leftover), **profiles}, (), False
        keep = next(iter(self._recent.values()), self.mark)
        return Checkpoint(self.mark, self.words, rest, profiles, self.places.changed(), policy, keep)

    def _is_new(self, request: str, mark: str) -> bool:
        if request in self._recent:
            return False
        self._recent[request] = mark
        if len(self._recent) > RECENT:
            self._recent.popitem(last=False)
        return True

    def _one(self, entry: Entry) -> str:
        """Learns from it; what became of it, in a word."""
        if entry.seen is None:
            return "unreadable"
        if not self._is_new(entry.seen.request, entry.mark):
            return "repeated"
        if entry.mark in self._care.aside:
            return "set_aside"
        self.learning = entry
        self._learn(entry.seen)
        self.learning = None
        return "learned"

    def _learn(self, seen: Observation) -> None:
        began = perf_counter()
        changed = self.analysis.learn(seen)
        if (took := perf_counter() - began) > LONG:
            self.took = took
        self._score(changed, seen.at)
        self._moments.append(Moment(seen.request, seen.account, seen.organization, seen.at))

    def _score(self, accounts: Iterable[str], at: float) -> None:
        for account in accounts:
            before = self.places.get(account)
            if self.places.scored(account, self.analysis.score(account), at):
                self._scored[account] = at
                if self.places.get(account).rung is Rung.BLOCKED is not before.rung:
                    self.analysis.blocked(account, at)

    def _pardon(self, word: Word) -> None:
        if self.places.pardoned(word.subject, word.because, word.at):
            self._scored[word.subject] = word.at
            self._changes = self.take_changes()  # while it is known whose the account is
        self._score(self.analysis.pardon(word.subject, word.at), word.at)

    def _record(self, account: str, at: float) -> Record | None:
        place = self.places.get(account)
        if place.points is None:
            return None
        analysis, score = self.analysis, self.analysis.score(account)
        near = analysis.links(account) if place.rung is not Rung.CLEAR or score.campaign else ()
        return Record(at, analysis.organization(account), score, analysis.readings(account), near)
