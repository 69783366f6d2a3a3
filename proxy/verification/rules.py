"""May this link clear this account, now? Pure: the standing, the link and the time are arguments.

Rule 1: a link that was made before the account was last verified or pardoned is spent.
Rule 2: only what asks for it can be cleared: a challenge, held by hand or earned, and the rungs that the policy adds.
Rule 3: what a human holds elsewhere, or must review, is for a human to end.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from proxy.core.ladder import Rung, Standing, Steps


class Why(StrEnum):
    """Why something is refused; a program's `code`."""

    FORGED = "link_not_valid"
    EXPIRED = "link_expired"
    USED = "link_already_used"
    NOTHING = "nothing_to_verify"
    HELD = "held_by_operator"
    REVIEW = "review_required"
    OTHER_ACCOUNT = "other_account"
    TOO_MANY = "identity_verified_too_many_accounts"
    NOT_PROVEN = "not_proven"
    REPLAYED = "message_replayed"
    MALFORMED = "malformed"
    TOO_OFTEN = "too_many_attempts"
    AWAY = "temporarily_unavailable"
    NO_PAGE = "no_such_page"


class Refusal(Exception):  # noqa: N818  (a way's answer to whoever tried, not a fault of ours)
    """Ends an attempt. `detail` is for whoever tried, and never holds a credential."""

    def __init__(self, why: Why, detail: str = "") -> None:
        super().__init__(why.value)
        self.why = why
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom an attempt is about."""

    account: str
    organization: str
    issued: float | None
    """When the link was made, epoch seconds; None without a link."""


@dataclass(frozen=True, slots=True)
class Clearance:
    """What the operator's policy says of verification."""

    clear_for: float = 30 * 86400.0
    """Seconds that an account stays cleared on the same evidence."""
    rungs: frozenset[Rung] = frozenset({Rung.CHALLENGED, Rung.DEGRADED})
    """Where a score may have brought an account that verification can clear."""
    steps: Steps = field(default_factory=lambda: Steps(review=frozenset({Rung.BLOCKED})))
    """The ladder's: a rung that a person must look at is not left by verification."""
    contact: str = ""
    """Whom to ask, in words or as an address."""


def refusal(standing: Standing, issued: float | None, at: float, clearance: Clearance) -> Why | None:
    """Why this account cannot be cleared by that link now; None where it can be."""
    if (held := _held(standing, at)) is not None and held not in {Rung.CHALLENGED, Rung.CLEAR, Rung.WATCH}:
        return Why.HELD
    place = standing.place(at, clearance.steps)
    if held is None and place in clearance.steps.review:
        return Why.REVIEW
    if issued is not None and issued < standing.cleared:
        return Why.USED
    return None if held is Rung.CHALLENGED or (held is None and place in clearance.rungs) else Why.NOTHING


def masked(name: str) -> str:
    """Enough for its owner to know it again: `a…a`, `al…om`."""
    shown = 1 if len(name) < 8 else 2  # noqa: PLR2004
    return f"{name[:shown]}…{name[-shown:]}" if len(name) > 2 * shown else "…"


def _held(standing: Standing, at: float) -> Rung | None:
    return standing.hold.rung if standing.hold is not None and standing.hold.alive(at) else None
