"""Confirmed campaigns as a STIX 2.1 bundle, for houses that agreed to warn each other.

Rule 1: nothing personal in clear. Accounts, addresses and means of payment are keyed hashes; only who shares the key can compare.
Rule 2: the same campaign keeps its ids: a later export updates it, and the same export twice is the same byte for byte.
Rule 3: an indicator says how often it is wrong, and when it ends.
Rule 4: what was told and is dismissed since is told once more, under its old id and as revoked, without a word of whom it was about.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from hashlib import blake2b
from typing import Any

import stix2

from proxy.core.risk import POINTS
from proxy.export import tlp
from proxy.export.vocabulary import DETECTION, Client, Detection, Template, definitions, named
from proxy.learning.campaign import Campaign

CONFIRMED = 90
"""Least confidence in what a person has confirmed (Admiralty scale: 1, confirmed)."""

TECHNIQUES = {"AML.T0024.002": "Extract AI Model", "AML.T0008.005": "AI Service Proxies"}
"""Of MITRE ATLAS."""

PUBLISHED = datetime(2026, 3, 30, tzinfo=UTC)
"""When ATLAS had the last of them."""

ATLAS = "mitre-atlas"


@dataclass(frozen=True)
class Origin:
    """Who exports, by which detector, for whom."""

    producer: str
    version: str
    policy: str
    """Its digest."""
    calibration: str
    threshold: float
    """Score from which an account is restricted."""
    level: str
    """TLP 2.0: a key of `tlp.IDS`."""
    lasts: float
    """Seconds after the last evidence that an indicator ends."""
    secret: bytes
    """The operator's hashing key; it is not in what is exported."""

    @cached_property
    def id(self) -> str:
        return named("identity", self.producer)

    @cached_property
    def key_id(self) -> str:
        """By which two houses see that they share a key."""
        return blake2b(self._key, digest_size=8, person=b"stix-key-id").hexdigest()

    @cached_property
    def _key(self) -> bytes:
        return blake2b(self.secret, digest_size=32, person=b"stix-export").digest()

    def hashed(self, account: str) -> str:
        """An account as it is told to others."""
        return blake2b(account.encode(), digest_size=16, key=self._key, person=b"stix-account").hexdigest()


@dataclass(frozen=True, slots=True)
class Revoked:
    """A campaign that others were told of, and that a person has dismissed since."""

    campaign: Campaign
    """As it was told."""
    at: float
    """When it was dismissed, later than anything that was told; epoch seconds."""


def bundle(campaigns: Sequence[Campaign], confirmed: Mapping[str, float], origin: Origin, revoked: Sequence[Revoked] = ()) -> str:
    """`campaigns` as JSON. `confirmed`: when a person confirmed each, by its id; epoch seconds."""
    begun = min((campaign.first_seen for campaign in (*campaigns, *(each.campaign for each in revoked))), default=0.0)
    found = {each.id: each for each in _general(begun, origin)}
    for campaign in campaigns:
        found |= {each.id: each for each in _One(campaign, confirmed.get(campaign.id, campaign.first_seen), origin).objects()}
    for told in revoked:
        found |= {each.id: each for each in _One(told.campaign, told.at, origin, revoked=True).taken_back()}
    said = "\n".join(f"{name} {each.get('modified', '')}" for name, each in sorted(found.items()))
    whole = stix2.v21.Bundle(id=named("bundle", said), objects=list(found.values()))
    # The library's own pretty printing looks every key up in the whole bundle: 18 s for 2,000 accounts, and this takes half a second.
    return json.dumps(json.loads(whole.serialize()), indent=2, ensure_ascii=False) + "\n"


def _general(begun: float, origin: Origin) -> Iterator[Any]:
    """What a bundle has, whatever is told in it."""
    yield tlp.marking(origin.level)
    yield from definitions()
    yield stix2.v21.Identity(
        id=origin.id, created=_time(begun), modified=_time(begun), name=origin.producer, identity_class="organization",
        object_marking_refs=[tlp.IDS[origin.level]],
    )  # fmt: skip
    for technique, name in TECHNIQUES.items():
        told = [_atlas(technique, "techniques")]
        yield stix2.v21.AttackPattern(id=_technique(technique), created=PUBLISHED, modified=PUBLISHED, name=name, external_references=told)


class _One:
    """One campaign's objects."""

    def __init__(self, campaign: Campaign, judged: float, origin: Origin, *, revoked: bool = False) -> None:
        """`judged`: when a person confirmed or dismissed it, epoch seconds."""
        self._campaign = campaign
        self._revoked = revoked
        self._origin = origin
        self._parts = (origin.producer, campaign.id, f"{campaign.first_seen:.0f}")
        self._modified = max(campaign.first_seen, campaign.seen, judged, *(member.since for member in campaign.members), 0.0)

    def objects(self) -> Iterator[Any]:
        whole = self._whole()
        yield whole
        for technique in TECHNIQUES:
            yield self._related(whole.id, "uses", _technique(technique))
        seen = [*self._accounts(), *self._template(), *self._client()]
        if not seen:
            return  # all that it was made of has been forgotten
        yield from seen
        observed = self._observed([each.id for each in seen])
        yield observed
        for indicator in self._indicators():
            yield indicator
            yield self._related(indicator.id, "indicates", whole.id)
            yield self._related(indicator.id, "based-on", observed.id)
        for client in self._client():
            infrastructure = self._infrastructure()
            yield infrastructure
            yield self._related(infrastructure.id, "consists-of", client.id)
            yield self._related(whole.id, "uses", infrastructure.id)

    def taken_back(self) -> Iterator[Any]:
        """What a reader may act upon; what is only seen or linked says nothing without it."""
        yield self._whole()
        yield from self._indicators()
        for _ in self._client():
            yield self._infrastructure()

    def _infrastructure(self) -> Any:
        campaign = self._campaign
        return self._made(
            stix2.v21.Infrastructure, name=f"What accounts of campaign {campaign.id} share", infrastructure_types=["exfiltration"],
            first_seen=_time(campaign.first_seen), last_seen=_time(campaign.seen),
        )  # fmt: skip

    def _whole(self) -> Any:
        campaign = self._campaign
        targets = ", ".join(model for model, _ in campaign.models)
        return self._made(
            stix2.v21.Campaign,
            name=f"Model extraction campaign {campaign.id}",
            description=self._words,
            first_seen=_time(campaign.first_seen),
            last_seen=_time(max(campaign.seen, campaign.first_seen)),
            objective=f"Copying through their API: {targets or 'models that were not told apart'}",
            external_references=[_atlas("AML.CS0056", "studies", "A published campaign of the same procedure.")],
            **self._sureness(),
        )

    @property
    def _words(self) -> str:
        return "Taken back: a person has looked at it again, and does not confirm it." if self._revoked else self._campaign.words

    def _sureness(self) -> dict[str, Any]:
        """Of what is taken back there is none."""
        if self._revoked:
            return {}
        return {"confidence": max(CONFIRMED, round(self._campaign.score)), "extensions": {DETECTION: self._detection()}}

    def _detection(self) -> Any:
        campaign, origin = self._campaign, self._origin
        return Detection(
            detector="stillgate",
            detector_version=origin.version,
            policy=origin.policy,
            calibration=origin.calibration,
            score=round(campaign.score, 3),
            evidence_nats=round(campaign.evidence, 3),
            false_positive_rate=_rate(campaign.score),
            threshold=origin.threshold,
            false_positive_rate_at_threshold=_rate(origin.threshold),
            accounts=len(campaign.members),
            exchanges=campaign.exchanges,
            output_tokens=campaign.output,
            links=[f"{reading.name}: {reading.why}" for reading in campaign.readings if reading.counted] or ["confirmed by a person"],
        )

    def _accounts(self) -> Iterator[Any]:
        for hashed in sorted(self._origin.hashed(member.account) for member in self._campaign.members):
            yield stix2.v21.UserAccount(user_id=hashed, account_type="llm-api", object_marking_refs=self._marks)

    def _template(self) -> Iterator[Any]:
        if pieces := _hex(self._campaign.skeleton, 8):
            yield Template(pieces=pieces, key_id=self._origin.key_id, object_marking_refs=self._marks)

    def _client(self) -> Iterator[Any]:
        found = {name: _hex(getattr(self._campaign, name), 16) for name in ("addresses", "payments", "software")}
        if shared := {name: hashes for name, hashes in found.items() if hashes}:
            yield Client(**shared, key_id=self._origin.key_id, object_marking_refs=self._marks)

    def _observed(self, refs: list[str]) -> Any:
        campaign = self._campaign
        return self._made(
            stix2.v21.ObservedData, first_observed=_time(campaign.first_seen), last_observed=_time(max(campaign.seen, campaign.first_seen)),
            number_observed=min(max(1, campaign.exchanges), 999_999_999), object_refs=refs,
        )  # fmt: skip

    def _indicators(self) -> Iterator[Any]:
        campaign = self._campaign
        if campaign.skeleton:
            yield self._indicator("template", "What only this campaign sends", f"[{_in('llm-template:pieces', campaign.skeleton, 8)}]")
        shared = [_in(f"llm-client:{name}", getattr(campaign, name), 16) for name in ("addresses", "payments") if getattr(campaign, name)]
        if shared:
            yield self._indicator("client", "Where several of its accounts come from, or what they pay with", f"[{' OR '.join(shared)}]")

    def _indicator(self, which: str, name: str, pattern: str) -> Any:
        campaign = self._campaign
        until = max(campaign.seen, campaign.first_seen) + self._origin.lasts
        return self._made(
            stix2.v21.Indicator,
            which,
            name=f"{name} ({campaign.id})",
            description=self._words,
            indicator_types=["malicious-activity"],
            pattern=pattern,
            pattern_type="stix",
            pattern_version="2.1",
            valid_from=_time(campaign.first_seen),
            valid_until=_time(until),
            **self._sureness(),
        )

    @property
    def _marks(self) -> list[str]:
        return [tlp.IDS[self._origin.level]]

    def _made(self, kind: Any, *parts: str, **fields: Any) -> Any:
        """An object of this campaign, with an id of its own."""
        return kind(
            id=named(kind._type, *self._parts, *parts),  # noqa: SLF001  # the library's name for its own kind
            created_by_ref=self._origin.id, created=_time(self._campaign.first_seen), modified=_time(self._modified),
            object_marking_refs=self._marks, **({"revoked": True} if self._revoked else {}), **fields,
        )  # fmt: skip

    def _related(self, source: str, how: str, target: str) -> Any:
        return self._made(stix2.v21.Relationship, source, how, target, source_ref=source, relationship_type=how, target_ref=target)


def _technique(name: str) -> str:
    return named("attack-pattern", ATLAS, name)


def _atlas(name: str, kind: str, description: str | None = None) -> dict[str, str]:
    said = {"source_name": ATLAS, "external_id": name, "url": f"https://atlas.mitre.org/{kind}/{name}"}
    return said if description is None else said | {"description": description}


def _in(path: str, hashes: Sequence[int], digits: int) -> str:
    return f"{path}[*] IN ({', '.join(repr(each) for each in _hex(hashes, digits))})"


def _hex(hashes: Sequence[int], digits: int) -> list[str]:
    return sorted(f"{each:0{digits}x}" for each in hashes)


def _rate(score: float) -> float:
    return float(f"{10 ** (-score / POINTS):.3g}")


def _time(at: float) -> datetime:
    """To the millisecond, as STIX counts."""
    return datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=round(at * 1000))
