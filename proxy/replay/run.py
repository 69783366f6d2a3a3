"""The line, with recorded time: read → decide → observe → analyse. What is decided is decided before the exchange is observed.

Rule 1: nothing here reads a clock; a standing moves at the time of the exchange that moved it, by the analyst's own code.
Rule 2: quotas are not counted: what they admitted at the time is what was recorded. So each request is granted, with its account's
        standing, as the store would have brought it; and no conversation is pinned to an earlier rung.
Rule 3: the world does not react: an account that is refused here goes on in the recording, and is learned from.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from proxy.analyst.places import Places, moved
from proxy.core.case import Case
from proxy.core.engine import Decision, admissible, decide
from proxy.core.facts import CONSUMES, Ask, Ending, LogitAsk, Operation, Outcome
from proxy.core.ladder import CLEAR, Rung, Standing
from proxy.core.policy import Policy
from proxy.core.quota import Grant
from proxy.core.terms import Terms
from proxy.dialects import CATALOGUE
from proxy.errors import CallerError
from proxy.learning.campaign import Campaign
from proxy.learning.observation import Observation
from proxy.learning.observe import observe
from proxy.learning.score import NOT_ENOUGH, Score
from proxy.learning.sketch import Keyed
from proxy.replay.trace import Exchange, Unread

SECRET = b"stillgate replay"
"""What a replay's hashes are keyed with: they stay within it, and the same trace must give the same bytes."""

ACTIONS = ("allow", "watch", "throttle", "verify", "degrade", "block")
"""What is done on each rung, mildest first."""

_ROUTES = {dialect.name: (dialect, route) for dialect in CATALOGUE for route in reversed(dialect.routes) if route.operation in CONSUMES}
QUIET = 600.0
"""Recorded seconds between two looks for accounts that have been quiet for long enough."""

_NOTHING = Terms()
_UNKNOWN = Ask(Operation.CHAT)


class Learner(Protocol):
    """What a replay asks of the analysis."""

    def learn(self, seen: Observation) -> Iterable[str]: ...

    def score(self, account: str) -> Score: ...

    def campaigns(self) -> Sequence[Campaign]: ...

    def blocked(self, account: str, at: float) -> None: ...


@dataclass(frozen=True, slots=True)
class Reading:
    """A recorded request, understood as far as it can be."""

    exchange: Exchange
    ask: Ask
    seen: Observation | None
    """What is learned of it; None where it could not be read."""
    why: str = ""
    """Why it could not; ""."""


@dataclass(slots=True)
class Seat:
    """Where an account stands, and its score."""

    standing: Standing = CLEAR
    text: str = ""
    """The standing as the store would keep it."""
    score: Score = NOT_ENOUGH


@dataclass(frozen=True, slots=True)
class Decided:
    """What one policy does with one line."""

    index: int
    account: str
    score: float = 0.0
    """0 where there is not enough to say."""
    done: Rung = Rung.CLEAR
    """What is done in earnest: that of this rung."""
    campaign: str = ""
    at: float = 0.0
    earned: Rung = Rung.CLEAR
    """By score alone, whatever stands in shadow and whoever is on a list."""
    because: str = ""
    """The score, in plain words."""
    decision: Decision | None = None
    """None: the line was no exchange."""

    @property
    def action(self) -> str:
        """One of `ACTIONS`."""
        return ACTIONS[self.done]


class Replay:
    """One policy's pass over a trace."""

    def __init__(self, policy: Policy, analysis: Learner) -> None:
        self.policy = policy
        self.analysis = analysis
        self.seats: dict[str, Seat] = {}
        self._places = Places({}, policy.ladder.steps)
        self._quiet = 0.0
        self._done = tuple(_done(rung, policy) for rung in Rung)

    def decide(self, reading: Reading) -> Decided:
        """What is done with a request, by what was known before it."""
        exchange, seat = reading.exchange, self.seats.get(reading.exchange.account.id) or _EMPTY
        account, at = exchange.account, exchange.at
        unfit = admissible(reading.ask, account, self.policy, exchange.reference)
        decision = decide(Case(reading.ask, account, Grant((), seat.text), at, exchange.reference, unfit=unfit), self.policy)
        earned, score = seat.standing.place(at, self.policy.ladder.steps), seat.score
        done = self._done[decision.rung]
        return Decided(exchange.index, account.id, score.value or 0.0, done, score.campaign, at, earned, score.because, decision)

    def learn(self, seen: Observation) -> None:
        """Whatever scores it changes, their accounts move on the ladder at once; and now and then quiet ones come down."""
        for account in self.analysis.learn(seen):
            self._scored(account, seen.at)
        if seen.at >= self._quiet:
            self._places.quieted(seen.at, lambda account: self.seats[account].score.because)
            self._quiet = seen.at + QUIET
        for change in self._places.take(lambda account: account):
            seat = self.seats[change.account]
            seat.standing = moved(seat.standing, change.moves, self.policy.ladder.steps)
            seat.text = seat.standing.text()

    def _scored(self, account: str, at: float) -> None:
        """As the analyst does it."""
        seat = self.seats.get(account)
        if seat is None:
            seat = self.seats[account] = Seat()
        seat.score, before = self.analysis.score(account), self._places.get(account)
        if self._places.scored(account, seat.score, at) and self._places.get(account).rung is Rung.BLOCKED is not before.rung:
            self.analysis.blocked(account, at)


_EMPTY = Seat()


def _done(rung: Rung, policy: Policy) -> Rung:
    """A rung in shadow does nothing; one that demands nothing is looked at only."""
    rule = policy.ladder.rule(rung)
    if not (policy.enforce and rule.enforce):
        return Rung.CLEAR
    return rung if rule.terms != _NOTHING else min(rung, Rung.WATCH)


def understood(exchange: Exchange, key: Keyed) -> Reading:
    """What the dialect reads of a recorded request, and what is observed of it."""
    if exchange.seen is not None:
        return Reading(exchange, _asked(exchange.seen), exchange.seen)
    found = _ROUTES.get(exchange.dialect)
    if found is None:
        return Reading(exchange, replace(_UNKNOWN, model=exchange.model), None, "speaks a dialect that is not known")
    dialect, route = found
    try:
        ask = dialect.read(route, exchange.request)
    except CallerError as error:
        return Reading(exchange, replace(_UNKNOWN, model=exchange.model), None, f"has a request that cannot be read: {error.message}")
    if ask.follows:
        ask = replace(ask, follows="")  # whose response it was, no recording says
    return Reading(exchange, ask, _observed(exchange, ask, key))


def _observed(exchange: Exchange, ask: Ask, key: Keyed) -> Observation:
    outcome = Outcome(exchange.status, Ending.COMPLETE, exchange.usage, reported=True, ended_at=exchange.at, response_model=exchange.model)
    return observe(
        exchange.dialect, exchange.request, ask, exchange.account, exchange.client, outcome, exchange.at, exchange.reference, key
    )


def _asked(seen: Observation) -> Ask:
    """As much of a request as its sketch tells."""
    found, bias = _ROUTES.get(seen.dialect), seen.bias
    biased = (bias.first, bias.second)[: bias.count] if bias is not None else ()
    logits = LogitAsk(biased, logprobs=seen.logprobs) if biased or seen.logprobs else None
    return Ask(found[1].operation if found else Operation.CHAT, seen.model, output_cap=seen.cap or None, logits=logits)


Step = tuple[Reading | Unread, tuple[Decided, ...]]


def replayed(lines: Iterable[Exchange | Unread], replays: Sequence[Replay], key: Keyed) -> Iterator[Step]:
    """Each line, and what each of `replays` does with it. One reading serves them all; each learns by itself."""
    for line in lines:
        if isinstance(line, Unread):
            yield line, tuple(Decided(line.index, line.account) for _ in replays)
            continue
        reading = understood(line, key)
        yield reading, tuple(replay.decide(reading) for replay in replays)
        if reading.seen is not None:
            for replay in replays:
                if replay.policy.risk.on:
                    replay.learn(reading.seen)
