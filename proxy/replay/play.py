"""A whole replay: every line decided and written down, every policy's figures added up."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import msgspec

from proxy.learning.sketch import Keyed
from proxy.replay.compare import Difference
from proxy.replay.run import SECRET, Decided, Reading, Replay, replayed
from proxy.replay.tally import Faults, Tally
from proxy.replay.trace import Trace, Unread

EVERY = 256
"""Lines between two looks at how far we are."""


class Line(msgspec.Struct):
    """One decision as it is written."""

    index: int
    account: str
    score: float
    action: str
    campaign: str | None


class Sink(Protocol):
    """Takes decision lines."""

    def write(self, line: bytes, /) -> object: ...


@dataclass(slots=True)
class Played:
    """What came of a replay; one tally for each policy, in their order."""

    tallies: tuple[Tally, ...]
    faults: Faults = field(default_factory=Faults)
    difference: Difference | None = None
    """Of the first two policies; None where there is one only."""


def play(trace: Trace, replays: Sequence[Replay], sink: Sink | None = None, told: Callable[[int], object] | None = None) -> Played:
    """Replays all of `trace`. The first policy's decisions go to `sink`; `told` hears now and then how many bytes are behind us."""
    tallies = tuple(Tally(replay.policy) for replay in replays)
    played = Played(tallies, difference=Difference(tallies[0], tallies[1]) if len(tallies) > 1 else None)
    for reading, decided in replayed(trace, replays, Keyed(SECRET)):
        if sink is not None:
            sink.write(written(decided[0]))
        _noted(played, reading, decided)
        if told is not None and decided[0].index % EVERY == 0:
            told(trace.read)
    if trace.broken:
        played.faults.note(played.faults.lines, f"is the last, for the file breaks off: {trace.broken}", None)
    for tally, replay in zip(tallies, replays, strict=True):
        tally.finish(tuple(replay.analysis.campaigns()))
    return played


def _noted(played: Played, reading: Reading | Unread, decided: tuple[Decided, ...]) -> None:
    at = reading.exchange.at if isinstance(reading, Reading) else None
    played.faults.note(decided[0].index, reading.why, at)
    for tally, each in zip(played.tallies, decided, strict=True):
        tally.note(each)
    if played.difference is not None:
        played.difference.note(decided[0], decided[1])


_encoder = msgspec.json.Encoder()


def written(decided: Decided) -> bytes:
    """A decision in the form that scorers read."""
    line = Line(decided.index, decided.account, round(decided.score, 3), decided.action, decided.campaign or None)
    return _encoder.encode(line) + b"\n"
