"""A trace that is learned from and not decided: what a calibration is made of."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol

from proxy.learning.observation import Observation
from proxy.learning.sketch import Keyed
from proxy.replay.play import EVERY
from proxy.replay.run import SECRET, understood
from proxy.replay.tally import Faults
from proxy.replay.trace import Trace, Unread


class Pupil(Protocol):
    """What is asked of the analysis."""

    def learn(self, seen: Observation) -> Iterable[str]: ...

    def look(self, at: float) -> Iterable[str]: ...

    def evidence(self) -> tuple[float, ...]: ...


@dataclass(slots=True)
class Lesson:
    """What a trace has taught."""

    evidence: tuple[float, ...] = ()
    """Of each account that shows enough, nats."""
    accounts: int = 0
    exchanges: int = 0
    faults: Faults = field(default_factory=Faults)


def learned(trace: Trace, pupil: Pupil, told: Callable[[int], object] | None = None) -> Lesson:
    """All of `trace`, and one look at the end. `told` hears now and then how many bytes are behind us."""
    lesson, key, accounts = Lesson(), Keyed(SECRET), set[str]()
    for line in trace:
        if told is not None and line.index % EVERY == 0:
            told(trace.read)
        if isinstance(line, Unread):
            lesson.faults.note(line.index, line.why, None)
            continue
        reading = understood(line, key)
        lesson.faults.note(line.index, reading.why, line.at)
        accounts.add(line.account.id)
        if reading.seen is not None:
            lesson.exchanges += 1
            pupil.learn(reading.seen)
    if lesson.faults.last is not None:
        tuple(pupil.look(lesson.faults.last))
    lesson.accounts, lesson.evidence = len(accounts), pupil.evidence()
    return lesson
