"""How well did a scorer protect, and whom did it hurt? Figures of a trace, its labels and a scorer's decisions. Standard library only.

Rule 1: throttle, verify, degrade and block restrict; allow and watch do not.
Rule 2: an account is restricted from its first exchange that is; an exchange that is itself restricted was not served in full.
Rule 3: two accounts are linked if the last campaign that each was told to be in is the same one.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

RESTRICTS = frozenset({"throttle", "verify", "degrade", "block"})
ACTIONS = RESTRICTS | {"allow", "watch"}
Z = 1.959964


def wilson(hits: int, of: int) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson 1927)."""
    if not of:
        return 0.0, 1.0
    share, wide = hits / of, 1 + Z * Z / of
    middle = share + Z * Z / (2 * of)
    reach = Z * math.sqrt(share * (1 - share) / of + Z * Z / (4 * of * of))
    return max(0.0, (middle - reach) / wide) if hits else 0.0, min(1.0, (middle + reach) / wide) if hits < of else 1.0


@dataclass(frozen=True, slots=True)
class Decision:
    """What was done with one exchange."""

    account: str
    action: str
    campaign: str | None = None


@dataclass(slots=True)
class Harm:
    """What honest accounts suffered."""

    accounts: int = 0
    restricted: int = 0
    requests: int = 0
    requests_restricted: int = 0

    @property
    def share(self) -> float:
        return self.restricted / self.accounts if self.accounts else 0.0

    @property
    def request_share(self) -> float:
        return self.requests_restricted / self.requests if self.requests else 0.0

    @property
    def bounds(self) -> tuple[float, float]:
        return wilson(self.restricted, self.accounts)


@dataclass(slots=True)
class Catch:
    """What became of a family's accounts and of what they wanted."""

    accounts: int = 0
    restricted: int = 0
    exchanges: int = 0
    """Extraction exchanges."""
    served: int = 0
    """Those among them that were served in full before their account was restricted."""

    @property
    def missed(self) -> float:
        return 1 - self.restricted / self.accounts if self.accounts else 0.0

    @property
    def leaked(self) -> float:
        return self.served / self.exchanges if self.exchanges else 0.0


@dataclass(slots=True)
class Figures:
    """All of one run."""

    honest: Harm = field(default_factory=Harm)
    kinds: dict[str, Harm] = field(default_factory=dict)
    caught: Catch = field(default_factory=Catch)
    families: dict[str, Catch] = field(default_factory=dict)
    precision: float | None = None
    """Of the pairs that were linked, the share that belong together; None where nobody was linked."""
    recall: float | None = None
    """Of the pairs that belong together, the share that were linked."""
    cover_restricted: float = 0.0
    """Share of campaign accounts' other requests that were restricted: neither right nor wrong."""

    @property
    def worst_kind(self) -> str:
        """The honest kind that was surely hurt most; "" where none was."""
        hurt = [name for name, harm in self.kinds.items() if harm.restricted]
        return max(hurt, key=lambda name: (self.kinds[name].bounds[0], name), default="")

    @property
    def worst_family(self) -> str:
        return max(self.families, key=lambda name: (self.families[name].missed, name), default="")

    @property
    def rates(self) -> dict[str, float]:
        """The error rates that are compared: smaller is better."""
        kind, family = self.worst_kind, self.worst_family
        return {
            "honest accounts ever restricted": self.honest.share,
            "worst honest kind, lower 95 % bound": self.kinds[kind].bounds[0] if kind else 0.0,
            "honest requests restricted": self.honest.request_share,
            "extraction served before restriction": self.caught.leaked,
            "campaign accounts missed": self.caught.missed,
            "campaign accounts missed, worst family": self.families[family].missed if family else 0.0,
            "linking: wrong pairs": 1 - (self.precision or 0.0),
            "linking: pairs missed": 1 - (self.recall or 0.0),
        }

    def record(self) -> dict[str, Any]:
        """As JSON."""
        told = asdict(self) | {"rates": self.rates, "worst_kind": self.worst_kind, "worst_family": self.worst_family}
        for name, harm in self.kinds.items():
            told["kinds"][name] |= {"share": harm.share, "wilson95": harm.bounds}
        for name, catch in self.families.items():
            told["families"][name] |= {"missed": catch.missed, "leaked": catch.leaked}
        return told


def figures(labels: Mapping[str, Any], decisions: Sequence[Decision]) -> Figures:
    """`labels` as in labels.json."""
    accounts, extract = labels["accounts"], frozenset(labels["events_extract"])
    first: dict[str, int] = {}
    for place, made in enumerate(decisions):
        if made.action in RESTRICTS:
            first.setdefault(made.account, place)
    found = Figures()
    for account, label in accounts.items():
        _count_account(found, label, labels, restricted=account in first)
    cover = Counter[bool]()
    for place, made in enumerate(decisions):
        label = accounts[made.account]
        if label["label"] == "benign":
            _harmed(found, label["kind"], restricted=made.action in RESTRICTS)
        elif place in extract:
            _served(found, _family(label, labels), served=place < first.get(made.account, len(decisions)))
        else:
            cover[made.action in RESTRICTS] += 1
    found.cover_restricted = cover[True] / max(1, cover.total())
    linked = {made.account: made.campaign for made in decisions if made.campaign is not None}
    found.precision, found.recall = pairs({account: label["campaign"] for account, label in accounts.items()}, linked)
    return found


def _family(label: Mapping[str, Any], labels: Mapping[str, Any]) -> str:
    name: str = label["campaign"]
    return str(labels["campaigns"].get(name, {}).get("family", name))


def _count_account(found: Figures, label: Mapping[str, Any], labels: Mapping[str, Any], *, restricted: bool) -> None:
    counted: Iterable[Harm | Catch]
    if label["label"] == "benign":
        counted = (found.honest, found.kinds.setdefault(label["kind"], Harm()))
    else:
        counted = (found.caught, found.families.setdefault(_family(label, labels), Catch()))
    for each in counted:
        each.accounts += 1
        each.restricted += restricted


def _harmed(found: Figures, kind: str, *, restricted: bool) -> None:
    for each in (found.honest, found.kinds[kind]):
        each.requests += 1
        each.requests_restricted += restricted


def _served(found: Figures, family: str, *, served: bool) -> None:
    for each in (found.caught, found.families[family]):
        each.exchanges += 1
        each.served += served


def pairs(truth: Mapping[str, str | None], linked: Mapping[str, str]) -> tuple[float | None, float | None]:
    """Precision and recall over pairs of accounts. An honest account that was linked makes wrong pairs only."""
    together = Counter(linked.values())
    belong = Counter(campaign for campaign in truth.values() if campaign is not None)
    right = Counter((truth[account], group) for account, group in linked.items() if truth[account] is not None)
    hits, said, wanted = (sum(map(_pairs, each.values())) for each in (right, together, belong))
    return hits / said if said else None, hits / wanted if wanted else None


def _pairs(count: int) -> int:
    return count * (count - 1) // 2
