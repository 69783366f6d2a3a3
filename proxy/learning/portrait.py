"""What is shown to people: an account's signals and nearest strangers, and a campaign whole."""

from collections import Counter
from collections.abc import Iterable, Iterator

import numpy as np

from proxy.core.risk import Risk
from proxy.learning.campaign import Campaign, Member
from proxy.learning.campaigns import Live
from proxy.learning.population import Population
from proxy.learning.profile import Profile
from proxy.learning.score import Reading
from proxy.learning.signals import SIGNALS
from proxy.learning.skeletons import Skeletons

MOST = 64
"""Hashes of a kind that a campaign lists."""


def readings(profile: Profile, risk: Risk, *, shadow: bool = True) -> list[Reading]:
    """Its own signals, strongest first. `shadow`: those that do not count, too."""
    found = []
    for signal in SIGNALS:
        term = risk.term(signal.name, signal.weight, enforce=not signal.shadow)
        if not (shadow or term.enforce):
            continue
        nats, why = signal.measure(profile.kept.get(signal.name, []), profile)
        if nats > 0:
            found.append(Reading(signal.name, min(term.weight, nats), why, term.enforce))
    return sorted(found, key=lambda reading: -reading.nats)


def closest(profile: Profile, others: Iterable[Profile], most: int) -> Iterator[tuple[str, float]]:
    """Those of `others`, of other organizations, that share most of its pieces: the share of the smaller one's that both have."""
    found = []
    for other in others:
        if other.organization != profile.organization and len(other.grams) and len(profile.grams):
            common = len(np.intersect1d(profile.grams, other.grams, assume_unique=True))
            if common:
                found.append((other.account, common / min(len(profile.grams), len(other.grams))))
    return iter(sorted(found, key=lambda pair: (-pair[1], pair[0]))[:most])


def campaign(live: Live, population: Population, skeletons: Skeletons, risk: Risk) -> Campaign:
    """A campaign with its members, volume and targets."""
    profiles = [profile for account in sorted(live.members) if (profile := population.profiles.get(account)) is not None]
    members = tuple(
        Member(profile.account, profile.organization, joined.at, joined.how, profile.exchanges, joined.strength)
        for profile in profiles
        for joined in [live.members[profile.account]]
    )  # fmt: skip
    models: Counter[str] = Counter()
    for profile in profiles:
        models.update({model: times for model, (times, _) in profile.models.items()})
    return Campaign(
        live.id, live.first_seen, live.seen, live.evidence, risk.calibration.score(live.evidence), live.readings, members,
        sum(profile.exchanges for profile in profiles), sum(profile.output for profile in profiles), tuple(models.most_common(MOST)),
        skeletons.of(live.id), _shared(address for profile in profiles for address in profile.addresses),
        _shared(profile.payment for profile in profiles if profile.payment),
        _shared(profile.software for profile in profiles if profile.software), live.verdict, live.before,
    )  # fmt: skip


def _shared(hashes: Iterable[int]) -> tuple[int, ...]:
    """Those that several members have, commonest first."""
    return tuple(each for each, times in Counter(hashes).most_common(MOST) if times > 1)
