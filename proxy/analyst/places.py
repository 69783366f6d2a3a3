"""Where accounts stand by their scores, and which standings must change for it.

Rule 1: the same scores at the same recorded times make the same moves, however the observations were cut into batches.
Rule 2: nothing is written for an account that is clear and stays so; its score stands on the board.
Rule 3: a score holds until the next one: what was loud before it fell was loud until that moment.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence

from proxy.analyst.records import Change, Move, Place
from proxy.core.ladder import Rung, Standing, Steps
from proxy.learning.score import Score

NOWHERE = Place()


class Places:
    """All that have a score or a rung. Pure: what must be written waits in `take`."""

    def __init__(self, places: Mapping[str, Place], steps: Steps) -> None:
        self.steps = steps
        self._places = dict(places)
        self._moves: dict[str, list[Move]] = {}
        self._changed: set[str] = set()

    def __len__(self) -> int:
        return len(self._places)

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._places))

    def get(self, account: str) -> Place:
        return self._places.get(account, NOWHERE)

    def scored(self, account: str, score: Score, at: float) -> bool:
        """A new score; False where it changes nothing that anybody could see."""
        before, points = self.get(account), _points(score)
        if points == before.points and self.steps.earned(points) <= before.rung:
            return False
        self._step(account, before, Move(before.points, points, score.because, at))
        return True

    def pardoned(self, account: str, because: str, at: float) -> bool:
        """What its score had earned until `at` is gone, at once. False where there was nothing, or it was earned since."""
        before = self.get(account)
        if before is NOWHERE or before.since > at:
            return False
        self._put(account, NOWHERE)
        self._moves.setdefault(account, []).append(Move(before.points, None, because, at, pardon=True))
        return True

    def quieted(self, at: float, because: Callable[[str], str]) -> bool:
        """Time alone has passed: accounts whose score is quiet come down. True where one did."""
        came_down = False
        for account in sorted(account for account, place in self._places.items() if self.steps.earned(place.points) < place.rung):
            place = self.get(account)
            move = Move(place.points, place.points, because(account), at)
            if self._after(place, move).rung is not place.rung:
                self._step(account, place, move)
                came_down = True
        return came_down

    def found(self, account: str, standing: Standing) -> None:
        """Where a standing is higher than its score's moves say (a person had touched it), it must come down from there."""
        place = self.get(account)
        if standing.rung > place.rung and self.steps.earned(place.points) < standing.rung:
            self._put(account, Place(place.points, standing.rung, standing.since, standing.loud_at))

    def take(self, organization: Callable[[str], str]) -> tuple[Change, ...]:
        """The standings that must change, once."""
        moves, self._moves = self._moves, {}
        return tuple(Change(account, organization(account), tuple(some)) for account, some in moves.items())

    def changed(self) -> dict[str, Place | None]:
        """Since it was asked last, for a checkpoint."""
        changed, self._changed = self._changed, set()
        return {account: self._places.get(account) for account in sorted(changed)}

    def _step(self, account: str, before: Place, move: Move) -> None:
        after = self._after(before, move)
        self._put(account, after)
        if after.rung is not Rung.CLEAR or before.rung is not Rung.CLEAR or account in self._moves:
            self._moves.setdefault(account, []).append(move)

    def _after(self, place: Place, move: Move) -> Place:
        standing = Standing(place.rung, place.since, place.points, place.loud_at)
        new = moved(standing, (move,), self.steps)
        return Place(move.points, new.rung, new.since, new.loud_at)

    def _put(self, account: str, place: Place) -> None:
        self._changed.add(account)
        if place.rung is Rung.CLEAR and not place.points:
            self._places.pop(account, None)
        else:
            self._places[account] = place


def moved(standing: Standing, moves: Sequence[Move], steps: Steps) -> Standing:
    """A standing after its account's moves."""
    for move in moves:
        if move.pardon:
            standing = standing.unearned()
            continue
        if standing.rung is not Rung.CLEAR:
            standing = standing.step(move.before, standing.because, move.at, steps)
        standing = standing.step(move.points, move.because, move.at, steps)
    return standing


def _points(score: Score) -> int | None:
    """Rounded down: a threshold is a promise, and is reached when it is reached. Less than a point is nothing to say."""
    return None if score.value is None else math.floor(score.value) or None
