"""May this link clear this account, now? Pure: the standing, the link and the time are arguments.

Rule 1: a link that was made before the account was last verified or pardoned is spent.
Rule 2: only what asks for it can be cleared: a challenge, held by hand or earned, and the rungs that the policy adds.
Rule 3: what a human holds on a rung that does not ask for it, or must review, is for a human to end.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum

from proxy.core.ladder import Rung, Standing, Steps
from proxy.core.refusals import BY_HAND, USAGE


class Why(StrEnum):
    """Why something is refused; a program's `code`."""

    FORGED = "link_not_valid"
    UNREADABLE = "link_of_another_key"
    EXPIRED = "link_expired"
    USED = "link_already_used"
    NOTHING = "nothing_to_verify"
    HELD = "held_by_operator"
    REVIEW = "review_required"
    OTHER_ACCOUNT = "other_account"
    TOO_MANY = "identity_verified_too_many_accounts"
    NOT_PROVEN = "not_proven"
    NOT_SIGNED = "signature_not_valid"
    REPLAYED = "message_replayed"
    MALFORMED = "malformed"
    TOO_OFTEN = "too_many_attempts"
    AWAY = "temporarily_unavailable"
    NO_PAGE = "no_such_page"


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom an attempt is about."""

    account: str
    organization: str
    issued: float | None
    """When the link was made, epoch seconds; None without a link."""
    reference: str = ""
    """What the operator's own system calls the attempt; for the log."""


class Refusal(Exception):  # noqa: N818  (a way's answer to whoever tried, not a fault of ours)
    """Ends an attempt. `detail` is for whoever tried, and never holds a credential."""

    def __init__(self, why: Why, detail: str = "") -> None:
        super().__init__(why.value)
        self.why = why
        self.detail = detail
        self.subject: Subject | None = None
        """Whom it was about, where that is known; for the log."""


@contextmanager
def about(subject: Subject) -> Iterator[Subject]:
    """What is refused in here is refused to that account."""
    try:
        yield subject
    except Refusal as refused:
        refused.subject = subject
        raise


@dataclass(frozen=True, slots=True)
class Clearance:
    """What the operator's policy says of verification."""

    clear_for: float = 30 * 86400.0
    """Seconds that an account stays cleared on the same evidence."""
    rungs: frozenset[Rung] = frozenset({Rung.CHALLENGED, Rung.DEGRADED})
    """Where a score may have brought an account that verification can clear."""
    asking: frozenset[Rung] = frozenset({Rung.CHALLENGED})
    """Rungs that ask for it: of these it answers a human's hold too."""
    steps: Steps = field(default_factory=lambda: Steps(review=frozenset({Rung.BLOCKED})))
    """The ladder's: a rung that a person must look at is not left by verification."""
    contact: str = ""
    """Whom to ask, in words or as an address."""

    @property
    def answers(self) -> frozenset[Rung]:
        """Rungs of which verification ends a hold: `challenged` asks for nothing else, whatever the policy says of it."""
        return self.asking | {Rung.CHALLENGED}


def refusal(standing: Standing, issued: float | None, at: float, clearance: Clearance) -> Why | None:
    """Why this account cannot be cleared by that link now; None where it can be."""
    held, answers = _held(standing, at), clearance.answers
    if held is not None and held not in answers | {Rung.CLEAR, Rung.WATCH}:
        return Why.HELD
    place = standing.place(at, clearance.steps)
    if held is None and place in clearance.steps.review:
        return Why.REVIEW
    if issued is not None and issued < standing.cleared:
        return Why.USED
    return None if held in answers or (held is None and place in clearance.rungs) else Why.NOTHING


def ground(standing: Standing, at: float) -> str:
    """Why the owner is asked, in the words that refusals have for it."""
    return USAGE if _held(standing, at) is None else BY_HAND


def masked(subject: Subject) -> str:
    """Enough for its owner to know the account again: `ann…com of ac…me`."""
    of = "" if subject.organization == subject.account else f" of {_masked(subject.organization)}"
    return f"{_masked(subject.account)}{of}"


def _masked(name: str) -> str:
    """Never more than half of it: `a…a`, `an…na`, `ann…com`."""
    shown = min(3, len(name) // 4)
    return f"{name[:shown]}…{name[-shown:]}" if shown else "…"


def _held(standing: Standing, at: float) -> Rung | None:
    return standing.hold.rung if standing.hold is not None and standing.hold.alive(at) else None
