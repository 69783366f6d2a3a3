"""What the analyst keeps and publishes: records that every port speaks of."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from proxy.core.ladder import Rung
from proxy.learning.campaign import Campaign, Verdict
from proxy.learning.observation import Observation
from proxy.learning.score import Reading, Score

START = "0-0"
"""The mark before the first observation."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One observation as the stream has it."""

    mark: str
    """Its place in the stream: `<milliseconds>-<number>`, the id that the store gave it."""
    seen: Observation | None
    """None: it cannot be read; a newer gateway may have written it."""


@dataclass(frozen=True, slots=True)
class Record:
    """What is published of an account's score, for whoever asks why."""

    at: float
    """When it was so: the recorded time of what moved it, epoch seconds."""
    organization: str
    score: Score
    readings: tuple[Reading, ...] = ()
    """Its own signals, counted or in shadow."""
    links: tuple[tuple[str, float], ...] = ()
    """Its closest strangers: account and closeness, 0–1."""


@dataclass(frozen=True, slots=True)
class Moment:
    """Whose a request was, and when it came."""

    request: str
    account: str
    organization: str
    at: float
    """Epoch seconds."""


class About(StrEnum):
    """What a person's word says."""

    VERDICT = "verdict"
    """A campaign, or an account, is what it seems; or it is honest."""
    PARDON = "pardon"
    """What was known of the account until then no longer counts."""
    BLOCK = "block"
    """The account was blocked by hand."""


@dataclass(frozen=True, slots=True)
class Word:
    """What a person said of a campaign or an account."""

    subject: str
    """The id of a campaign, or an account."""
    verdict: Verdict | None
    """None: taken back."""
    by: str
    because: str
    at: float
    """Epoch seconds."""
    number: int = 0
    """Words are numbered as they are said, from 1; the store counts them."""
    about: About = About.VERDICT


@dataclass(frozen=True, slots=True)
class Exported:
    """A campaign as others were last told of it, without its members: for taking it back."""

    campaign: Campaign
    confirmed: float
    """When a person had confirmed it, epoch seconds."""
    at: float
    """When they were told, epoch seconds."""
    producer: str
    """The name under which it was told."""

    def after(self, before: "Exported | None") -> "Exported":
        """With what only an earlier export had told: that can be taken back too."""
        if before is None:
            return self
        now, then = self.campaign, before.campaign
        whole = replace(
            now, skeleton=now.skeleton or then.skeleton, addresses=now.addresses or then.addresses, payments=now.payments or then.payments
        )
        return replace(self, campaign=whole, at=max(self.at, before.at))


@dataclass(frozen=True, slots=True)
class Place:
    """Where an account stands by its score alone: what its standing would be if no person ever touched it."""

    points: int | None = None
    """The score, rounded down; None: less than a point, or not enough to say."""
    rung: Rung = Rung.CLEAR
    since: float = 0.0
    """When that rung was entered, epoch seconds."""
    loud_at: float = 0.0
    """When the score last supported the rung, epoch seconds."""


@dataclass(frozen=True, slots=True)
class Move:
    """What a new score does to an account's standing."""

    before: int | None
    """The points that it had until now."""
    points: int | None
    because: str
    at: float
    """Epoch seconds."""
    pardon: bool = False
    """A person has pardoned it: whatever the score had earned until now is gone."""


@dataclass(frozen=True, slots=True)
class Change:
    """An account's moves, oldest first: they are made in one piece."""

    account: str
    organization: str
    moves: tuple[Move, ...]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """All that was learned up to `mark`. Saved, it holds what has changed; loaded, everything."""

    mark: str = START
    """The last observation that is in it."""
    words: int = 0
    """Number of the last word that is in it."""
    rest: bytes = b""
    """What the analysis knows beside its profiles; empty: nothing yet."""
    profiles: Mapping[str, bytes | None] = field(default_factory=dict)
    """By account; None: forgotten."""
    places: Mapping[str, Place | None] = field(default_factory=dict)
    """Of accounts that have a score or a rung; None: neither any more."""
    policy: str = ""
    """Digest of the policy by which the places were found."""
    keep: str = START
    """The oldest observation that must stay in the stream."""
