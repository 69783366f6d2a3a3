"""What the analyst needs of the world, as protocols. `stores` implements them; tests bring simple ones of their own.

Every call may raise `StoreError`; whoever calls tries again with the same, so each is safe to repeat.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from proxy.analyst.records import Change, Checkpoint, Entry, Moment, Record, Word
from proxy.core.ladder import Standing
from proxy.core.risk import Risk
from proxy.learning.campaign import Campaign, Verdict
from proxy.learning.observation import Observation
from proxy.learning.score import Reading, Score


class TakenError(Exception):
    """Another analyst has taken the partition over, or the store is not where we left it: what we know is no longer the truth."""


class Analysis(Protocol):
    """What the analyst asks of `learning.analysis.Analysis`."""

    @property
    def looking(self) -> float | None:
        """When the look was due in which it is, epoch seconds; None: in none."""
        ...

    def learn(self, seen: Observation) -> Iterable[str]: ...
    def look(self, at: float) -> Iterable[str]: ...
    def postpone(self, until: float) -> None: ...
    def score(self, account: str) -> Score: ...
    def organization(self, account: str) -> str: ...
    def campaigns(self) -> tuple[Campaign, ...]: ...
    def judge(self, subject: str, verdict: Verdict | None, at: float) -> Iterable[str]: ...
    def pardon(self, account: str, at: float) -> Iterable[str]: ...
    def blocked(self, account: str, at: float) -> None: ...
    def readings(self, account: str) -> tuple[Reading, ...]: ...
    def links(self, account: str) -> tuple[tuple[str, float], ...]: ...
    def changed(self) -> tuple[bytes, dict[str, bytes | None]]: ...


Restore = Callable[[Risk, bytes, Iterable[tuple[str, bytes]]], Analysis]
"""An analysis from what a checkpoint holds of one; from nothing where the rest is empty. Raises `ValueError`."""


class Observations(Protocol):
    """One partition of the stream."""

    async def read(self, after: str, most: int, wait: float) -> Sequence[Entry]:
        """At most `most` after that mark, oldest first; waits up to `wait` seconds for the first."""
        ...

    async def before(self, mark: str, most: int) -> Sequence[Entry]:
        """The last `most` up to and with `mark`, oldest first, as far as they are still there."""
        ...


class Standings(Protocol):
    """Where accounts stand."""

    async def change(self, changes: Sequence[Change], how: Callable[[Standing, Change], Standing]) -> Mapping[str, Standing]:
        """Replaces each account's standing by `how(standing, change)`; what it is now, by account."""
        ...


class Memory(Protocol):
    """One partition's checkpoint, of which we are the owner."""

    async def load(self) -> Checkpoint: ...

    async def save(self, checkpoint: Checkpoint) -> int:
        """All of it or nothing; the number of accounts that are kept. The same once more changes nothing. Raises `TakenError`."""
        ...


class Board(Protocol):
    """What consoles and commands see."""

    async def put_campaigns(self, campaigns: Sequence[Campaign]) -> None: ...
    async def put_scores(self, records: Mapping[str, Record | None]) -> None: ...
    async def put_requests(self, moments: Sequence[Moment]) -> None: ...


class Verdicts(Protocol):
    """What people say."""

    async def since(self, number: int) -> Sequence[Word]:
        """What was said after word `number`, in order."""
        ...


class Leases(Protocol):
    """Who owns which partition."""

    async def sign(self, says: Mapping[str, object]) -> int:
        """One more sign of life; the number of analysts that live."""
        ...

    async def acquire(self, partition: int) -> int:
        """The number of this ownership, higher than all before it; 0 where another analyst is the owner."""
        ...

    async def renew(self, partition: int, ownership: int) -> bool:
        """False: it is ours no longer."""
        ...

    async def release(self, partition: int, ownership: int) -> None: ...


class Telemetry(Protocol):
    """Metrics; names are those of `telemetry.instruments`."""

    def count(self, name: str, amount: int = 1, **labels: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Ports:
    """What one partition's analyst is given."""

    observations: Observations
    memory: Memory
    standings: Standings
    board: Board
    verdicts: Verdicts
    telemetry: Telemetry
