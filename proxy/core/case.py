"""A request at the moment when it is decided: what is known of it, and where its account stands."""

import json
from dataclasses import dataclass, field

from proxy.core import refusals
from proxy.core.claims import Squeeze
from proxy.core.enforcement import Fault
from proxy.core.facts import Account, Ask, Operation
from proxy.core.ladder import Rung, Standing
from proxy.core.policy import Policy
from proxy.core.quota import Denial, Grant
from proxy.core.refusals import Ground
from proxy.core.rules import Rule
from proxy.core.terms import Terms


@dataclass(frozen=True, slots=True)
class Case:
    """A request at the moment when it is decided."""

    ask: Ask
    account: Account
    verdict: Grant | Denial
    at: float
    reference: str
    link: str = ""
    """Where the account's owner can verify."""
    share: float = 1.0
    """Of each quota, under which the verdict was given."""
    unfit: Fault | None = None
    """What `admissible` found."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where an account stands, and what that means."""

    rung: Rung = Rung.CLEAR
    since: float = 0.0
    ground: Ground = field(default_factory=Ground)
    rule: Rule = field(default_factory=Rule)

    def terms(self, policy: Policy) -> Terms:
        """What is demanded in earnest."""
        return earnest(self.rule, policy)


def place(account: Account, standing: str, at: float, policy: Policy) -> Place:
    """Where the account stands. Lists outrank the score; a human's hold outranks them."""
    found = Standing.parse(standing)
    rung = found.place(at, policy.ladder.steps)
    if found.hold is None or not found.hold.alive(at):
        rung = Rung.CLEAR if account.id in policy.trusted else max(rung, Rung.WATCH) if account.id in policy.watch else rung
    if rung is Rung.CLEAR:
        return CLEAR
    by_hand = found.hold is not None and found.hold.alive(at)
    ground = Ground(refusals.BY_HAND if by_hand else refusals.USAGE, found.held_until(at, policy.ladder.steps))
    return Place(rung, found.entered(at), ground, policy.ladder.rule(rung))


CLEAR = Place()


def squeeze(stands: Place, policy: Policy) -> Squeeze:
    """What the place takes of the tier's quotas."""
    terms = stands.terms(policy)
    return Squeeze(terms.share, terms.verify, stands.since)


def earnest(rule: Rule, policy: Policy) -> Terms:
    """What a rule demands, unless it or the policy is in shadow."""
    return rule.terms if policy.enforce and rule.enforce else Terms()


def began(case: Case, rung: Rung, policy: Policy) -> Rung:
    """The rung whose shaping holds. A conversation keeps the one that it began with for as long as the policy pins it, unless its
    account stands better now; a response that is fetched is shaped as it was when it was made, whoever fetches it."""
    note = case.verdict.note
    if note is None:
        return rung
    found = Remembered.parse(note)
    if case.ask.operation is Operation.FETCH_RESPONSE:
        return found.rung
    pinned = policy.ladder.pins and (not case.ask.follows or found.holds(case.account, case.at, policy.ladder.pin))
    return min(found.rung, rung) if pinned else rung


@dataclass(frozen=True, slots=True)
class Remembered:
    """What a note says of a conversation's beginning (`4`), or of a response that was made in it."""

    rung: Rung = Rung.CLEAR
    anchor: str = ""
    """What the answer is bound to."""
    since: float = 0.0
    """When its chain of responses began, epoch seconds."""
    account: str = ""
    model: str = ""
    inside: bool = False
    """Did the answer begin inside of reasoning?"""

    @classmethod
    def parse(cls, note: str) -> "Remembered":
        """What cannot be read says nothing."""
        try:
            rung, anchor, since, account, model, inside = json.loads(note) if note.startswith("[") else (int(note), "", 0.0, "", "", 0)
            return cls(Rung(rung), str(anchor), float(since), str(account), str(model), bool(inside))
        except (ValueError, TypeError, RecursionError, OverflowError):
            return cls()

    def text(self) -> str:
        said = [int(self.rung), self.anchor, int(self.since), self.account, self.model, int(self.inside)]
        return json.dumps(said, separators=(",", ":"))

    def holds(self, account: Account, at: float, pin: float) -> bool:
        """Does a chain of responses still keep its beginning? It is its account's own, and no older than a pin: one response that
        was made in time would else be a way around every later rung."""
        return self.account == account.id and self.since <= at < self.since + pin


def answering(ask: Ask, note: str | None) -> str:
    """The model that answers, or that made what is fetched: a request for that names none. "" where it is not known."""
    return ask.model or (Remembered.parse(note or "").model if ask.operation is Operation.FETCH_RESPONSE else "")
