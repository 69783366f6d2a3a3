"""The loop of one partition: read, learn, tell, remember.

Rule 1: time in what is decided is the observations' own; only for accounts that are quiet, and only when everything was read, it is now.
Rule 2: standings first, then what people see, then the checkpoint. Whatever fails is done again, with the same.
Rule 3: after a crash the checkpoint is the truth: everything after it is read and done again, and comes to the same.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from proxy.analyst.care import Care
from proxy.analyst.learner import RECENT, Learner
from proxy.analyst.places import moved
from proxy.analyst.ports import Ports, Restore
from proxy.analyst.records import START, Change, Checkpoint, Entry, Moment, Record, Word
from proxy.core.ladder import Standing
from proxy.core.policy import Policy
from proxy.learning.campaign import Campaign

log = logging.getLogger(__name__)

MOST = 500
"""Observations in one round."""

WAIT = 0.5
"""Longest wait for an observation, seconds."""

LINGER = 0.1
"""Seconds between two rounds while little comes: a round costs about a millisecond, whatever is in it."""

HEAR = 1.0
"""Seconds between two looks for what people said."""

QUIET = 15.0
"""Seconds between two looks for accounts that have been quiet for long enough."""

SAVE = 2.0
"""Seconds between two checkpoints, at least; …"""

SHARE = 10
"""… and so many times as long as the last one took."""


class Due:
    """Something that is done again and again. A clock that was set back makes it due at once, not in an hour."""

    def __init__(self, at: float, every: float) -> None:
        self.every = every
        """Seconds."""
        self._last = at

    def now(self, at: float) -> bool:
        """True where it is time; then not again for `every` seconds."""
        due = not self._last <= at < self._last + self.every
        if due:
            self._last = at
        return due


class Analyst:
    """Learns from one partition, of which we are the owner. `begin`, then `round` again and again, then `end`."""

    def __init__(self, ports: Ports, policy: Policy, restore: Restore, clock: Callable[[], float], care: Care) -> None:
        self._ports = ports
        self._policy = policy
        self._restore = restore
        self._clock = clock
        self._care = care
        self._learner: Learner | None = None
        self._unsaved: Checkpoint | None = None
        """Taken from the learner and perhaps not written."""
        self._published: tuple[Campaign, ...] | None = None
        self._changes: tuple[Change, ...] = ()
        self._records: dict[str, Record | None] = {}
        self._moments: list[Moment] = []
        at = clock()
        self._hear, self._quiet = Due(at - HEAR, HEAR), Due(at, QUIET)
        self._save = Due(at - SAVE if care.aside else at, SAVE)  # at once, where there is something to get past
        self._last_seen = at
        self.lag = 0.0
        """Seconds from the arrival of the oldest observation of the last round until all of the round was told."""
        self.accounts = 0
        """That are kept, as of the last checkpoint."""

    @property
    def learner(self) -> Learner:
        if self._learner is None:
            raise RuntimeError("it has not begun")
        return self._learner

    @property
    def took(self) -> float:
        """Seconds of the last look at the whole population."""
        return self._learner.took if self._learner is not None else 0.0

    @property
    def campaigns(self) -> int:
        return len(self._published or ())

    async def begin(self) -> None:
        """From the checkpoint. Under another policy than it was made by, every score and every rung is looked at again."""
        loaded = await self._ports.memory.load()
        recent = await self._ports.observations.before(loaded.mark, RECENT)
        if loaded.mark != START and not (recent and recent[-1].mark == loaded.mark):
            log.warning("the stream was trimmed past the last checkpoint: what was observed in between may be lost")
        self._learner = await asyncio.to_thread(self._restored, loaded, recent)
        self.accounts = len(loaded.profiles)
        if loaded.policy and loaded.policy != self._policy.digest:
            await asyncio.to_thread(self.learner.reconsider, sorted(loaded.profiles), seconds_of(loaded.mark))

    async def round(self) -> bool:
        """One batch; True where more waits. Raises `StoreError`, and then it may be called again; `TakenError`, and then not."""
        learner = self.learner
        await self._tell()  # what a store that was lost has not got
        at = self._clock()
        words = await self._ports.verdicts.since(learner.words) if self._hear.now(at) else ()
        entries = await self._ports.observations.read(learner.mark, MOST, WAIT)
        await asyncio.to_thread(self._learn, words, entries)
        await self._tell()
        self._measure(entries)
        if len(entries) < MOST:
            await self._nothing_more()
        if (self._unsaved is not None or learner.fresh) and self._save.now(self._clock()):
            await self.save()
        return len(entries) == MOST

    async def save(self) -> None:
        """A checkpoint, and the campaigns as they are."""
        began = self._clock()
        if self._unsaved is None:
            self._unsaved = await asyncio.to_thread(self.learner.checkpoint, self._policy.digest)
        self.accounts = await self._ports.memory.save(self._unsaved)
        self._unsaved = None
        self._care.went_well()
        campaigns = await asyncio.to_thread(self.learner.analysis.campaigns)
        if campaigns != self._published:
            await self._ports.board.put_campaigns(campaigns)
            self._published = campaigns
        self._save.every = max(SAVE, SHARE * (self._clock() - began))

    def failed(self, error: Exception) -> str:
        """It is over with this one. What was at fault: observation | look | other."""
        learner = self._learner
        due = learner.analysis.looking if learner is not None else None
        at_fault = due if due is not None or learner is None else learner.learning
        what = self._care.failed(error, at_fault)
        self._ports.telemetry.count("analyst_failures", what=what)
        return what

    async def end(self) -> None:
        """Everything told and remembered."""
        await self._tell()
        if self._unsaved is not None:
            await self.save()
        await self.save()

    def _restored(self, loaded: Checkpoint, recent: Sequence[Entry]) -> Learner:
        known = {account: packed for account, packed in loaded.profiles.items() if packed is not None}
        steps = self._policy.ladder.steps
        try:
            return Learner(self._restore(self._policy.risk, loaded.rest, _emptied(known)), loaded, recent, steps, self._care)
        except ValueError as error:
            log.error("the checkpoint cannot be read (%s); the analyst begins anew, with what comes now", error)
            anew = Learner(self._restore(self._policy.risk, b"", ()), replace(loaded, words=0), recent, steps, self._care)
            anew.begin_anew(loaded.profiles)
            return anew

    def _learn(self, words: Sequence[Word], entries: Sequence[Entry]) -> None:
        """In a thread of its own: a look at a large population takes seconds, in which the lease must be renewed."""
        learner = self.learner
        learner.hear(words)
        learner.learn(entries)
        self._collect()

    def _collect(self) -> None:
        learner = self.learner
        self._changes += learner.take_changes()
        self._records |= learner.take_records()
        self._moments += learner.take_moments()

    async def _tell(self) -> Mapping[str, Standing]:
        """Standings first; those that were changed."""
        ports, standings = self._ports, dict[str, Standing]()
        if self._changes:
            standings |= await ports.standings.change(self._changes, self._how)
            self._changes = ()
        if self._records:
            await ports.board.put_scores(self._records)
            self._records = {}
        if self._moments:
            await ports.board.put_requests(self._moments)
            self._moments = []
        return standings

    def _how(self, standing: Standing, change: Change) -> Standing:
        return moved(standing, change.moves, self._policy.ladder.steps)

    async def _nothing_more(self) -> None:
        """All that was observed is learned: now time itself says something."""
        at = self._clock()
        if not self._quiet.now(at):
            return
        await asyncio.to_thread(self._pass_time, at)
        for account, standing in (await self._tell()).items():
            self.learner.places.found(account, standing)

    def _pass_time(self, at: float) -> None:
        if at - self._last_seen > self._policy.risk.every:
            self._last_seen = at
            self.learner.look(at)  # without traffic nothing else would let evidence fade
        self.learner.quieted(at)
        self._collect()

    def _measure(self, entries: Sequence[Entry]) -> None:
        at = self._clock()
        self.lag = max(0.0, at - seconds_of(entries[0].mark)) if entries else 0.0
        if entries:
            self._last_seen = at
        for result, count in self.learner.take_results().items():
            self._ports.telemetry.count("analyst_observations", count, result=result)


def seconds_of(mark: str) -> float:
    """When an entry came to the stream, by the store's clock, epoch seconds."""
    return int(mark.partition("-")[0]) / 1000


def _emptied(profiles: dict[str, bytes]) -> Iterator[tuple[str, bytes]]:
    """Each once, and gone: all of them twice in memory would be gigabytes."""
    while profiles:
        yield profiles.popitem()
