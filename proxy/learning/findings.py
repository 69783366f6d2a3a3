"""One look's findings: groups whose links together are too unlikely to be chance, and who in them is a member."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from proxy.core.risk import Risk
from proxy.learning.census import Census
from proxy.learning.communities import communities, parts
from proxy.learning.links import LINKS, Group, View
from proxy.learning.neighbours import Neighbours, Pieces, neighbours
from proxy.learning.score import Reading
from proxy.learning.signals.logit_sweep import LogitSweep
from proxy.learning.toolkits import toolkits

RECURRENCE: Mapping[View, float] = {View.ITEMS: 0.2, View.TEMPLATES: 0.6}
"""Exponent of a gram's share. Weighing only what recurs (0.8) glues campaigns to graders; weighing it not at all loses the slow ones."""

MOST = 0.75
"""Share of groups that are no closer than usual."""

MANY = 20
"""Groups from which it can be said what is usual."""

FORMS = 7.2
"""Nats that form a campaign."""

FEWEST = 4
"""Strangers below which a group says nothing."""

SUFFICIENT = 3.0
"""Nats that one link that can stand alone must bring; the rest only corroborates."""

CORROBORATED = 6.5
"""Most that corroboration alone adds up to: below every rung's evidence that restricts."""

CORE = 0.3
"""Closeness from which a member of a covering group is at its core."""

SPREAD = 0.35
"""Share of an account's links that must lead to members."""

CONVERSES = 0.45
"""Share of an account's requests that begin anew, below which it converses."""

ROUNDS = 10

STRONGEST = 5
"""Links that an account's closeness is the mean of."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Accounts that seem to act as one, as one look sees them."""

    evidence: float
    readings: tuple[Reading, ...]
    members: Mapping[str, float]
    """Account → share of its links that lead to members."""
    parts: tuple[frozenset[str], ...]
    """Its members, by the parts that it clearly falls into; none where its evidence forms no campaign."""

    def without(self, spared: Collection[str]) -> "Finding":
        """Leaves accounts out that a person speaks for."""
        members = {account: strength for account, strength in self.members.items() if account not in spared}
        return replace(self, members=members, parts=tuple(part.difference(spared) for part in self.parts))


def look(census: Census, risk: Risk) -> Iterator[Finding]:
    """Everything that is found, whatever its evidence."""
    for view, near, crowds in _views(census):
        close = _closeness(near.mutual)
        groups = [group for places in crowds if (group := _group(view, census, close, places)) is not None]
        usual = _usual(groups)
        for group in groups:
            if (found := _finding(replace(group, usual=usual), near, risk)) is not None:
                yield found


def _usual(groups: Sequence[Group]) -> float:
    """How close the members of most groups are; 0 where there are too few to say."""
    return float(np.quantile([group.close.mean() for group in groups], MOST)) if len(groups) >= MANY else 0.0


def _views(census: Census) -> Iterator[tuple[View, Neighbours, list[NDArray[np.int64]]]]:
    """What is looked at, who is close there, and the groups that this makes."""
    pieces = Pieces(census)
    for view, recurrence in RECURRENCE.items():
        near = neighbours(pieces, recurrence)
        yield view, near, communities(near.mutual)
    yield View.TOOLKITS, *toolkits(census)
    yield View.SWEEPS, *_sweeps(census)


def _sweeps(census: Census) -> tuple[Neighbours, list[NDArray[np.int64]]]:
    """Everybody who reads out a vocabulary: one crowd, in which everybody is as close to everybody."""
    sweep = LogitSweep()
    places = [place for place, profile in enumerate(census.profiles) if sweep.measure(profile.kept.get(sweep.name, []), profile)[0]]
    links = csr_matrix((len(census.profiles),) * 2)
    return Neighbours(links, links), [np.array(places, np.int64)]


def _group(view: View, census: Census, close: NDArray[np.float64], places: NDArray[np.int64]) -> Group | None:
    places = np.array([place for place in places if not census.profiles[place].vouched], np.int64)
    if len(places) < FEWEST or len(set(census.party[places].tolist())) < FEWEST:
        return None
    return Group(view, census, tuple(places.tolist()), close[places])


def _finding(group: Group, near: Neighbours, risk: Risk) -> Finding | None:
    census, places = group.census, np.array(group.places, np.int64)
    readings = tuple(_readings(group, risk))
    evidence = total(readings)
    strengths = _spread(near.near, places, _core(group, readings))
    members = {
        profile.account: float(strength)
        for profile, strength in zip(group.members, strengths, strict=True)
        if strength >= SPREAD
    }  # fmt: skip
    if len(members) < FEWEST:
        return None
    return Finding(evidence, readings, members, tuple(_parts(census, near.mutual, places, members)) if evidence >= FORMS else ())


def _readings(group: Group, risk: Risk) -> Iterator[Reading]:
    """Strongest first."""
    found = []
    for link in LINKS:
        term = risk.term(link.name, link.weight, enforce=not link.shadow)
        nats, why = link.measure(group)
        if nats > 0:
            found.append(Reading(link.name, min(term.weight, nats), why, term.enforce))
    return iter(sorted(found, key=lambda reading: -reading.nats))


def total(readings: tuple[Reading, ...]) -> float:
    """Nats of all readings that count together."""
    counted = [reading for reading in readings if reading.counted]
    stands = any(reading.nats >= SUFFICIENT for reading in counted if reading.name in _SUFFICIENT)
    return sum(reading.nats for reading in counted) if stands else min(CORROBORATED, sum(reading.nats for reading in counted))


_SUFFICIENT = frozenset(link.name for link in LINKS if link.sufficient)


def _closeness(mutual: csr_matrix) -> NDArray[np.float64]:
    """Mean of each account's strongest links."""
    starts, sizes = mutual.indptr[:-1], np.diff(mutual.indptr)
    rows = np.repeat(np.arange(len(sizes)), sizes)
    ascending = mutual.data[np.lexsort((mutual.data, rows))]
    firsts = np.maximum(starts, mutual.indptr[1:] - STRONGEST)
    kept = np.flatnonzero(np.arange(len(rows)) >= firsts[rows])
    strongest = np.zeros((len(sizes), STRONGEST))
    strongest[rows[kept], kept - firsts[rows[kept]]] = ascending[kept]
    means: NDArray[np.float64] = strongest.sum(1) / np.clip(sizes, 1, STRONGEST)
    return means


def _core(group: Group, readings: tuple[Reading, ...]) -> NDArray[np.bool_]:
    """Accounts that the evidence itself names: all where it is what they share; else those that share a payment with a stranger, and where
    coverage speaks, the closest."""
    if group.view in {View.TOOLKITS, View.SWEEPS}:
        return np.ones(len(group.members), bool)
    payments = group.payments()
    paying = np.array([len(payments.get(profile.payment, ())) > 1 for profile in group.members])
    covers = any(reading.name == "coverage" and reading.nats >= SUFFICIENT for reading in readings)
    return paying | (covers & (group.close >= CORE))


def _spread(near: csr_matrix, places: NDArray[np.int64], core: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Of each account the share of its links that lead to members; the core's is 1."""
    strengths = core.astype(np.float64)
    if core.all():
        return strengths
    rows, columns, links = _links(near, places)
    all_links = np.maximum(np.bincount(rows, links, len(places)), 1e-9)
    member = np.searchsorted(places, columns)
    inside = np.flatnonzero(places.take(member, mode="clip") == columns)
    rows, member, links = rows[inside], member[inside], links[inside]
    for _ in range(ROUNDS):
        strengths = np.where(core, 1.0, np.bincount(rows, links * strengths[member], len(places)) / all_links)
    return strengths


def _links(near: csr_matrix, places: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Of these accounts: which of them, to whom, how close. There are many small groups: slices of matrices would cost most of a look."""
    starts, sizes = near.indptr[places], near.indptr[places + 1] - near.indptr[places]
    rows = np.repeat(np.arange(len(places)), sizes)
    entries = np.arange(len(rows)) + np.repeat(starts - sizes.cumsum() + sizes, sizes)
    return rows, near.indices[entries], near.data[entries]


def _parts(census: Census, mutual: csr_matrix, places: NDArray[np.int64], members: Mapping[str, float]) -> Iterator[frozenset[str]]:
    """Where it clearly falls apart, and by how they work: those who converse and those who do not are not on one job."""
    for part in parts(mutual, places):
        inside = [profile for place in part if (profile := census.profiles[place]).account in members]
        for converses in (False, True):
            alike = frozenset(profile.account for profile in inside if (profile.single < CONVERSES) is converses)
            if len(alike) > 1:
                yield alike
