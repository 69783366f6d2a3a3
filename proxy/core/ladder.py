"""Where an account stands: `clear → watch → throttled → challenged → degraded → blocked`, and everything that moves it.

Rule 1: up at once; down one rung at a time, and only after the score has been quiet for `Steps.after` seconds.
Rule 2: a human's hold outranks the score, both ways, until it expires or is released.
Rule 3: verification clears what a score has earned, and keeps it cleared on the same evidence for the policy's time; but for rungs
        on which the policy wants a person to look.
        It also ends a hold on a rung that asked for it; any other hold is for its author to end.
Rule 4: a pardon clears the account, and what was known of it until then no longer counts.

What sanctions stand on a rung is the policy's to say (`core.rules`). A standing is kept as text in the store, and comes back with every
reservation. What cannot be read is `clear`: a torn record must not punish anybody.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import IntEnum
from functools import lru_cache
from typing import Any

NEW_EVIDENCE = 5.0
"""Points by which a score must pass the one that was verified, until it is evidence of something new."""


class Rung(IntEnum):
    """A rung of the ladder, mildest first."""

    CLEAR = 0
    WATCH = 1
    THROTTLED = 2
    CHALLENGED = 3
    DEGRADED = 4
    BLOCKED = 5

    @property
    def word(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Hold:
    """A human's decision on where an account stands."""

    rung: Rung
    at: float
    by: str
    because: str
    until: float | None = None
    """None: until it is released."""

    def alive(self, at: float) -> bool:
        return self.until is None or at < self.until


@dataclass(frozen=True, slots=True)
class Verified:
    """The account's owner was verified."""

    at: float
    until: float
    how: str
    """Which way it was: operator | webhook | oidc | workload …"""
    score: float = 0.0
    """The score that was answered by it."""
    by: str = ""
    """Who decided so, or a pseudonym of whoever showed who they are."""
    because: str = ""


@dataclass(frozen=True, slots=True)
class Steps:
    """When a score moves an account."""

    at: Mapping[Rung, float] = field(default_factory=dict)
    """Score from which an account stands on a rung; rungs that the policy leaves out are skipped."""
    below: float = 10.0
    """Points below its rung's threshold at which a score is quiet."""
    after: float = 1800.0
    """Seconds of quiet until one rung down."""
    expires: Mapping[Rung, float] = field(default_factory=dict)
    """Seconds after which a rung that a score earned is left by itself, one rung down."""
    review: frozenset[Rung] = frozenset()
    """Rungs that a person must look at: verification alone does not lift them."""

    def earned(self, score: float | None) -> Rung:
        """The rung for a score; None ("not enough to say") earns nothing."""
        return max((rung for rung, least in self.at.items() if score is not None and score >= least), default=Rung.CLEAR)

    def next_down(self, rung: Rung) -> Rung:
        return max((lower for lower in self.at if lower < rung), default=Rung.CLEAR)


@dataclass(frozen=True, slots=True)
class Standing:
    """An account's place on the ladder, and why."""

    rung: Rung = Rung.CLEAR
    """What the score has earned."""
    since: float = 0.0
    """When that rung was entered, epoch seconds."""
    score: float | None = None
    """The last score, 0–100; None: not enough to say, or never scored."""
    loud_at: float = 0.0
    """When the score last supported the rung: quiet is counted from here."""
    because: str = ""
    """In plain words, for operators."""
    hold: Hold | None = None
    verified: Verified | None = None
    forgiven: float = 0.0
    """What was known of the account until then no longer counts."""

    @classmethod
    def parse(cls, text: str) -> "Standing":
        """From the store's text: what `text()` wrote, or a rung's plain name."""
        return _parsed(text) if text else CLEAR

    def text(self) -> str:
        """As the store keeps it; "" for an account of which there is nothing to say."""
        if self == CLEAR:
            return ""
        written = asdict(self, dict_factory=_present)
        return json.dumps({"v": 1, **written}, separators=(",", ":"), default=int)

    @property
    def cleared(self) -> float:
        """When the account was last verified or pardoned, epoch seconds: whatever was issued before to clear it is spent."""
        return max(self.verified.at if self.verified is not None else 0.0, self.forgiven)

    def place(self, at: float, steps: Steps | None = None) -> Rung:
        """Where the account stands at `at`."""
        if self.hold is not None and self.hold.alive(at):
            return self.hold.rung
        reviewed = steps is not None and self.rung in steps.review
        if self.verified is not None and at < self.verified.until and not reviewed and not _is_new(self.score, self.verified):
            return Rung.CLEAR
        if steps is not None and at >= self.since + steps.expires.get(self.rung, float("inf")):
            return steps.next_down(self.rung)
        return self.rung

    def entered(self, at: float) -> float:
        """When the place that it has at `at` was entered, epoch seconds."""
        return self.hold.at if self.hold is not None and self.hold.alive(at) else self.since

    def held_until(self, at: float, steps: Steps) -> float | None:
        """When the place that it has at `at` ends by itself, epoch seconds; None where it does not."""
        if self.hold is not None and self.hold.alive(at):
            return self.hold.until
        lasts = steps.expires.get(self.rung)
        return None if lasts is None else self.since + lasts

    def step(self, score: float | None, because: str, at: float, steps: Steps) -> "Standing":
        """After a new score: up at once, down one rung after a quiet time."""
        earned, heard = steps.earned(score), replace(self, score=score, because=because)
        if earned > self.rung:
            return replace(heard, rung=earned, since=at, loud_at=at)
        if self.rung is Rung.CLEAR:
            return heard
        if earned is self.rung or (score is not None and score > steps.at.get(self.rung, math.inf) - steps.below):
            return replace(heard, loud_at=at)
        if at - max(self.loud_at, self.since) >= steps.after or at >= self.since + steps.expires.get(self.rung, float("inf")):
            return replace(heard, rung=steps.next_down(self.rung), since=at, loud_at=at)
        return heard

    def held(self, hold: Hold) -> "Standing":
        return replace(self, hold=hold)

    def released(self) -> "Standing":
        """The score counts again at once."""
        return replace(self, hold=None)

    def pardoned(self, at: float, by: str, because: str, until: float | None) -> "Standing":
        """Clear until `until` whatever the score, and a clean sheet."""
        pardon = Hold(Rung.CLEAR, at, by, because, until)
        return Standing(since=at, forgiven=at, because=because, hold=pardon, verified=self.verified)

    def unearned(self) -> "Standing":
        """Without what a score had earned; what people have decided stays."""
        return replace(self, rung=Rung.CLEAR, since=self.forgiven, score=None, loud_at=0.0)

    def verify(
        self, at: float, how: str, until: float, by: str = "", because: str = "", *, ends: frozenset[Rung] = frozenset({Rung.CHALLENGED})
    ) -> "Standing":
        """The owner has shown who they are. Never shortens an earlier verification. `ends`: rungs of which it answers a hold."""
        before = self.verified.until if self.verified is not None else 0.0
        answered = self.hold is not None and self.hold.rung in ends
        seen = Verified(at, max(until, before), how, self.score or 0.0, by, because)
        return replace(self, verified=seen, hold=None if answered else self.hold)


CLEAR = Standing()


def _is_new(score: float | None, verified: Verified) -> bool:
    return score is not None and score > verified.score + NEW_EVIDENCE


def _present(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    return {name: value for name, value in pairs if value is not None and value != ""}


@lru_cache(maxsize=4096)
def _parsed(text: str) -> Standing:
    if not text.startswith("{"):
        name = text.split(maxsplit=1)[0].upper() if text.strip() else ""
        return Standing(Rung[name]) if name in Rung.__members__ else CLEAR
    try:
        return _read(json.loads(text))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError):
        return CLEAR


def _read(found: dict[str, Any]) -> Standing:
    hold, verified = found.get("hold"), found.get("verified")
    score = found.get("score")
    return Standing(
        Rung(found["rung"]), _number(found.get("since", 0)), None if score is None else _number(score), _number(found.get("loud_at", 0)),
        str(found.get("because", "")), _hold(hold) if hold else None, _verified(verified) if verified else None,
        _number(found.get("forgiven", 0)),
    )  # fmt: skip


def _hold(found: dict[str, Any]) -> Hold:
    until = found.get("until")
    return Hold(
        Rung(found["rung"]), _number(found["at"]), str(found.get("by", "")), str(found.get("because", "")),
        None if until is None else _number(until),
    )  # fmt: skip


def _verified(found: dict[str, Any]) -> Verified:
    return Verified(
        _number(found["at"]), _number(found["until"]), str(found.get("how", "")), _number(found.get("score", 0)),
        str(found.get("by", "")), str(found.get("because", "")),
    )  # fmt: skip


def _number(value: Any) -> float:
    """Infinity and what is no number would compare as nobody expects."""
    if not math.isfinite(number := float(value)):
        raise ValueError("not a number")
    return number
